#include "store/recipe_payload.hpp"

#include "core/codec.hpp"
#include "core/recipe_format.hpp"
#include "storage/failure.hpp"

namespace deriva::detail {

namespace {

std::size_t size_before_params(const FunctionId& function, std::size_t inputs) {
  const auto sized = [](std::size_t size) { return varint_size(size) + size; };
  return 2 + sized(function.name.size()) + sized(function.version.size()) + varint_size(inputs) +
         inputs * Address::size_bytes;
}

}  // namespace

BytesView params_of(const Recipe& recipe, BytesView encoding) {
  if (recipe.params.empty()) return {};
  return encoding.subspan(size_before_params(recipe.function, recipe.inputs.size()));
}

void append_payload(std::vector<std::byte>& out, std::uint32_t function, BytesView params) {
  const std::size_t before = out.size();
  out.resize(before + varint_size(function) + params.size());
  ByteWriter writer(out.data() + before);
  writer.varint(function);
  writer.raw(params);
}

RecipePayload split_long_payload(BytesView payload) {
  ByteReader reader(payload);
  std::uint64_t function = 0;
  if (!reader.varint(function) || function > ~std::uint32_t{0}) {
    throw Failure{Error(Errc::corrupted, "what is stored of a recipe names no function")};
  }
  return {static_cast<std::uint32_t>(function), payload.subspan(reader.position())};
}

std::vector<std::byte> join_encoding(const FunctionId& function, BytesView inputs, BytesView params) {
  const std::size_t count = inputs.size() / Address::size_bytes;
  std::vector<std::byte> bytes(size_before_params(function, count) + (params.empty() ? 1 : params.size()));
  ByteWriter out(bytes.data());
  out.byte(recipe_tag);
  out.byte(recipe_version);
  out.sized(as_bytes(function.name));
  out.sized(as_bytes(function.version));
  out.varint(count);
  out.raw(inputs);
  if (params.empty()) {
    out.varint(0);
  } else {
    out.raw(params);
  }
  return bytes;
}

}  // namespace deriva::detail
