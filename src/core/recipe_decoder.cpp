#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <deriva/core/recipe.hpp>

#include "core/codec.hpp"
#include "core/recipe_format.hpp"

namespace deriva {
namespace {

using detail::ByteReader;
using detail::ValueTag;

class RecipeDecoder {
 public:
  explicit RecipeDecoder(BytesView bytes) noexcept : in_(bytes) {}

  [[nodiscard]] Result<Recipe> decode() {
    Recipe recipe;
    if (!header() || !function(recipe.function) || !inputs(recipe.inputs) || !params(recipe.params) || !end()) {
      return in_.error();
    }
    return recipe;
  }

  [[nodiscard]] Result<void> decode_params(Params& out) {
    if (!params(out) || !end()) return in_.error();
    return {};
  }

 private:
  bool header() noexcept {
    if (in_.remaining() > limits::recipe_bytes) return in_.fail_at(limits::recipe_bytes, "a recipe of more than 1 MiB");
    std::uint8_t tag = 0;
    std::uint8_t version = 0;
    if (!in_.byte(tag)) return false;
    if (tag != detail::recipe_tag) return in_.fail_at(0, "not a recipe");
    if (!in_.byte(version)) return false;
    if (version != detail::recipe_version) return in_.fail_at(1, "a version of the encoding that is not known");
    return true;
  }

  bool function(FunctionId& function) {
    const std::size_t start = in_.position();
    if (!in_.name(function.name, limits::name_bytes)) return false;
    if (function.name.empty()) return in_.fail_at(start, "a function without a name");
    return in_.name(function.version, limits::name_bytes);
  }

  bool inputs(std::vector<Address>& inputs) {
    const std::size_t start = in_.position();
    std::size_t count = 0;
    BytesView bytes;
    if (!in_.count<Address::size_bytes>(count)) return false;
    if (count > limits::inputs) return in_.fail_at(start, "too many inputs");
    if (!in_.raw(count * Address::size_bytes, bytes)) return false;
    inputs.reserve(count);
    for (std::size_t at = 0; at < bytes.size(); at += Address::size_bytes) {
      std::array<std::byte, Address::size_bytes> address;
      std::memcpy(address.data(), bytes.data() + at, address.size());
      inputs.emplace_back(address);
    }
    return true;
  }

  /// What the map has from before is used again: recipes that are decoded one after the other are often alike.
  bool params(Params& params) {
    const std::size_t start = in_.position();
    if (in_.remaining() > limits::params_bytes) {
      return in_.fail_at(start + limits::params_bytes, "params of more than 256 KiB");
    }
    std::size_t count = 0;
    if (!in_.count<detail::least_param_bytes>(count)) return false;
    params.reserve(count);
    for (std::size_t at = 0; at < count; ++at) {
      const std::size_t name_start = in_.position();
      std::string_view name;
      if (!in_.name(name, limits::name_bytes)) return false;
      if (at == params.size() || params.nth(at)->first != name) {
        params.erase(params.nth(at), params.end());
        if (at > 0 && name <= params.nth(at - 1)->first) {
          return in_.fail_at(name_start, "a param whose name is not above the one before it");
        }
        params.try_emplace(params.end(), std::string(name));
      }
      if (!value(params.nth(at)->second, (count - at - 1) * detail::least_param_bytes)) return false;
    }
    params.erase(params.nth(count), params.end());
    return true;
  }

  bool end() noexcept { return in_.remaining() == 0 || in_.fail_at(in_.position(), "more bytes than the recipe has"); }

  /// One value with all that is in it, when at least `owed` bytes must be left after it. Not recursive.
  bool value(Value& root, std::size_t owed) {
    struct Frame {
      std::vector<Value>* items;
      std::size_t left;
    };
    std::array<Frame, limits::nesting> frames;
    std::size_t depth = 0;
    for (Value* value = &root;; value = &frames[depth - 1].items->emplace_back()) {
      const std::size_t start = in_.position();
      std::uint8_t tag = 0;
      if (!in_.byte(tag)) return false;
      if (static_cast<ValueTag>(tag) == ValueTag::list) {
        std::size_t count = 0;
        if (depth == frames.size()) return in_.fail_at(start, "lists nested more than 32 deep");
        if (!in_.count<detail::least_value_bytes>(count, owed)) return false;
        std::vector<Value>& items = value->emplace<List>().items();
        items.reserve(count);  // Frames point at items: they must not move.
        owed += count * detail::least_value_bytes;
        frames[depth++] = {&items, count};
      } else if (!scalar(static_cast<ValueTag>(tag), *value)) {
        return false;
      }
      while (depth > 0 && frames[depth - 1].left == 0) --depth;
      if (depth == 0) return true;
      --frames[depth - 1].left;
      owed -= detail::least_value_bytes;
    }
  }

  bool scalar(ValueTag tag, Value& value) {
    switch (tag) {
      case ValueTag::false_:
      case ValueTag::true_:
        value = tag == ValueTag::true_;
        return true;
      case ValueTag::integer: {
        std::uint64_t number = 0;
        if (!in_.varint(number)) return false;
        value = detail::unzigzag(number);
        return true;
      }
      case ValueTag::real:
        return real(value);
      case ValueTag::text:
      case ValueTag::bytes: {
        BytesView bytes;
        if (!in_.sized(bytes)) return false;
        if (tag == ValueTag::text) {
          value.emplace<std::string>(as_text(bytes));
        } else {
          value.emplace<std::vector<std::byte>>(bytes.begin(), bytes.end());
        }
        return true;
      }
      case ValueTag::list:
        break;
    }
    return in_.fail_at(in_.position() - 1, "an unknown kind of value");
  }

  bool real(Value& value) {
    const std::size_t start = in_.position();
    std::uint64_t bits = 0;
    if (!in_.fixed64(bits)) return false;
    const auto number = std::bit_cast<double>(bits);
    if (std::isnan(number)) return in_.fail_at(start, "a NaN");
    if (number == 0.0 && bits != 0) return in_.fail_at(start, "a negative zero");
    value = number;
    return true;
  }

  ByteReader in_;
};

/// Params that differ from those before in integers alone, as those of alike recipes often do: half as long
/// (executor.empty.wide). False: they are others, or wrong; some were read.
bool read_integers(BytesView bytes, Params& params) noexcept {
  ByteReader in(bytes);
  std::size_t count = 0;
  if (bytes.size() > limits::params_bytes || !in.count<detail::least_param_bytes>(count)) return false;
  if (count != params.size()) return false;
  for (auto& [name, value] : params) {
    auto* const integer = std::get_if<std::int64_t>(&value);
    BytesView found;
    std::uint64_t number = 0;
    if (integer == nullptr || !in.sized(found) || as_text(found) != name) return false;
    if (!in.take(static_cast<std::uint8_t>(ValueTag::integer)) || !in.varint(number)) return false;
    *integer = detail::unzigzag(number);
  }
  return in.remaining() == 0;
}

}  // namespace

Result<Recipe> decode_recipe(BytesView bytes) { return RecipeDecoder(bytes).decode(); }

Result<void> detail::parse_params(BytesView bytes, Params& out) {
  if (read_integers(bytes, out)) return {};
  return RecipeDecoder(bytes).decode_params(out);
}

}  // namespace deriva
