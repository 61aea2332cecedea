#include <deriva/core/recipe.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <string_view>
#include <variant>

#include <boost/throw_exception.hpp>

#include "core/codec.hpp"
#include "core/recipe_format.hpp"

namespace deriva {
namespace {

using detail::ByteWriter;
using detail::ValueTag;
using detail::varint_size;

/// Calls `visit` with the value and with everything in it, in the order of the encoding, until it returns false.
/// Returns whether all was visited: false also for lists nested deeper than the limit. Not recursive.
template <class Visit>
bool visit_values(const Value& root, Visit&& visit) {
  struct Frame {
    const Value* next;
    const Value* end;
  };
  std::array<Frame, limits::nesting> frames;
  std::size_t depth = 0;
  for (const Value* value = &root;; value = frames[depth - 1].next++) {
    if (!visit(*value)) return false;
    if (const auto* list = std::get_if<List>(value)) {
      if (depth == frames.size()) return false;
      const Value* const begin = list->items().data();
      frames[depth++] = {begin, begin + list->items().size()};
    }
    while (depth > 0 && frames[depth - 1].next == frames[depth - 1].end) --depth;
    if (depth == 0) return true;
  }
}

std::size_t sized_size(std::size_t size) { return varint_size(size) + size; }

/// Adds the size of the value's own bytes, without those of a list's items. False for what has no encoding.
struct Measure {
  std::size_t& size;
  bool operator()(bool) const { return add(0); }
  bool operator()(std::int64_t number) const { return add(varint_size(detail::zigzag(number))); }
  bool operator()(double number) const { return add(8) && !std::isnan(number); }
  bool operator()(const std::string& text) const { return add(sized_size(text.size())); }
  bool operator()(const std::vector<std::byte>& bytes) const { return add(sized_size(bytes.size())); }
  bool operator()(const List& list) const { return add(varint_size(list.items().size())); }
  [[nodiscard]] bool add(std::size_t bytes) const {
    size += 1 + bytes;
    return size <= limits::params_bytes;
  }
};

/// Writes the value's own bytes, without those of a list's items.
struct Write {
  ByteWriter& out;
  void operator()(bool value) const { tag(value ? ValueTag::true_ : ValueTag::false_); }
  void operator()(std::int64_t number) const {
    tag(ValueTag::integer);
    out.varint(detail::zigzag(number));
  }
  void operator()(double number) const {
    tag(ValueTag::real);
    out.fixed64(std::bit_cast<std::uint64_t>(number == 0.0 ? 0.0 : number));
  }
  void operator()(const std::string& text) const {
    tag(ValueTag::text);
    out.sized(as_bytes(text));
  }
  void operator()(const std::vector<std::byte>& bytes) const {
    tag(ValueTag::bytes);
    out.sized(bytes);
  }
  void operator()(const List& list) const {
    tag(ValueTag::list);
    out.varint(list.items().size());
  }
  void tag(ValueTag value) const { out.byte(static_cast<std::uint8_t>(value)); }
};

/// Adds the size of the params, or says why they have no encoding.
const char* measure_params(const Params& params, std::size_t& total, std::string_view& culprit) {
  std::size_t size = varint_size(params.size());
  const std::string* previous = nullptr;
  for (const auto& [name, value] : params) {
    culprit = {};
    if (name.size() > limits::name_bytes) return "the name of a param is longer than 255 bytes";
    culprit = name;
    if (previous != nullptr && *previous >= name) return "the params are not in ascending order of their names";
    previous = &name;
    size += sized_size(name.size());
    bool encodable = true;
    const bool complete = visit_values(value, [&](const Value& item) {
      encodable = !item.valueless_by_exception() && std::visit(Measure{size}, item);
      return encodable;
    });
    if (size > limits::params_bytes) return "the params are larger than 256 KiB";
    if (!encodable) return "neither a NaN nor a variant without a value has an encoding";
    if (!complete) return "lists are nested more than 32 deep";
  }
  culprit = {};
  total += size;
  return nullptr;
}

/// The size of the encoding, or why there is none.
Result<std::size_t> measure(const Recipe& recipe) {
  const FunctionId& function = recipe.function;
  const auto refuse = [](const std::string& why) { return Error(Errc::invalid_argument, why); };
  if (function.name.empty()) return refuse("a recipe needs the name of a function");
  if (function.name.size() > limits::name_bytes) return refuse("the name of a function is longer than 255 bytes");
  if (function.version.size() > limits::name_bytes) return refuse("the version of a function is longer than 255 bytes");
  if (recipe.inputs.size() > limits::inputs) return refuse("more than 65536 inputs").with_function(function);
  std::size_t size = 2 + sized_size(function.name.size()) + sized_size(function.version.size()) +
                     varint_size(recipe.inputs.size()) + recipe.inputs.size() * Address::size_bytes;
  std::string_view culprit;
  if (const char* why = measure_params(recipe.params, size, culprit)) {
    const std::string param = culprit.empty() ? "" : "param '" + std::string(culprit) + "': ";
    return refuse(param + why).with_function(function);
  }
  if (size > limits::recipe_bytes) return refuse("a recipe is larger than 1 MiB").with_function(function);
  return size;
}

/// Writes the encoding into as many bytes as were measured.
void write(const Recipe& recipe, std::byte* bytes) {
  ByteWriter out(bytes);
  out.byte(detail::recipe_tag);
  out.byte(detail::recipe_version);
  out.sized(as_bytes(recipe.function.name));
  out.sized(as_bytes(recipe.function.version));
  out.varint(recipe.inputs.size());
  for (const Address& input : recipe.inputs) out.raw(input.bytes());
  out.varint(recipe.params.size());
  for (const auto& [name, value] : recipe.params) {
    out.sized(as_bytes(name));
    visit_values(value, [&](const Value& item) {
      std::visit(Write{out}, item);
      return true;
    });
  }
}

[[noreturn]] void raise(const Error& error) { boost::throw_with_location(Exception(error)); }

}  // namespace

Result<std::vector<std::byte>> try_encode(const Recipe& recipe) {
  const Result<std::size_t> size = measure(recipe);
  if (!size) return size.error();
  std::vector<std::byte> bytes(*size);
  write(recipe, bytes.data());
  return bytes;
}

std::vector<std::byte> encode(const Recipe& recipe) {
  Result<std::vector<std::byte>> bytes = try_encode(recipe);
  if (!bytes) raise(bytes.error());
  return *std::move(bytes);
}

Address Recipe::address() const {
  const Result<std::size_t> size = measure(*this);
  if (!size) raise(size.error());
  std::array<std::byte, 512> small;  // Room for most recipes, without an allocation.
  if (*size <= small.size()) {
    write(*this, small.data());
    return recipe_address(BytesView(small).first(*size));
  }
  std::vector<std::byte> bytes(*size);
  write(*this, bytes.data());
  return recipe_address(bytes);
}

Address recipe_address(BytesView encoding) { return Address(sha512_256(encoding)); }

std::ostream& operator<<(std::ostream& out, const FunctionId& function) {
  return out << function.name << '/' << function.version;
}

}  // namespace deriva
