// libFuzzer: decode_recipe never crashes, and accepts nothing but what encode writes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include <deriva/core/recipe.hpp>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const deriva::BytesView bytes = std::as_bytes(std::span(data, size));
  const deriva::Result<deriva::Recipe> decoded = deriva::decode_recipe(bytes);
  if (!decoded) {
    const deriva::Error error = decoded.error();
    require(error.code() == deriva::Errc::malformed);
    require(error.offset().value() <= size);
    return 0;
  }
  const std::vector<std::byte> again = deriva::encode(*decoded);
  require(std::ranges::equal(again, bytes));
  require(decoded->address() == deriva::recipe_address(bytes));
  const deriva::Recipe copy = *decoded;  // NOLINT(performance-unnecessary-copy-initialization): lists copy by hand.
  require(copy == *decoded);
  return 0;
}
