#include "store/function_numbers.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <string>

namespace deriva::detail {

namespace {

// Two entries for each function: its number, behind a zero byte, and its name and version, behind the length of the
// name, which is not zero. 511 bytes at most, as much as a key may have.
using NumberKey = std::array<std::byte, 5>;

NumberKey number_key(std::uint32_t number) {
  NumberKey key{};
  for (std::size_t at = 1; at < key.size(); ++at, number <<= 8U) key[at] = static_cast<std::byte>(number >> 24U);
  return key;
}

std::string name_key(const FunctionId& function) {
  return static_cast<char>(function.name.size()) + function.name + function.version;
}

Result<FunctionId> from_name_key(BytesView key) {
  const std::size_t length = key.empty() ? 0 : std::to_integer<std::size_t>(key.front());
  if (length == 0 || key.size() < 1 + length) return Error(Errc::corrupted, "the name of a function is damaged");
  return FunctionId{std::string(as_text(key.subspan(1, length))), std::string(as_text(key.subspan(1 + length)))};
}

Result<std::optional<std::uint32_t>> number_of(const ReadTransaction& transaction,
                                               const Table<BytesView, BytesView>& table, BytesView name) {
  const Result<std::optional<BytesView>> stored = table.get(transaction, name);
  if (!stored) return stored.error();
  if (!*stored) return std::optional<std::uint32_t>();
  std::uint32_t number = 0;
  if ((*stored)->size() != sizeof(number)) return Error(Errc::corrupted, "the number of a function is damaged");
  std::memcpy(&number, (*stored)->data(), sizeof(number));
  return std::optional(number);
}

Error disagreement() { return Error(Errc::corrupted, "the name of a function and its number do not agree"); }

}  // namespace

Result<FunctionNumbers> FunctionNumbers::open(Environment& environment) {
  const Result<Table> table = Table::open(environment, "functions");
  if (!table) return table.error();
  return FunctionNumbers(*table);
}

Result<std::uint32_t> FunctionNumbers::give(WriteTransaction& transaction, const FunctionId& function) const {
  const std::string name = name_key(function);
  const Result<std::optional<std::uint32_t>> known = number_of(transaction, table_, as_bytes(name));
  if (!known) return known.error();
  if (*known) {
    const Result<std::optional<BytesView>> back = table_.get(transaction, number_key(**known));
    if (!back) return back.error();
    if (!*back || as_text(**back) != name) return disagreement();
    return **known;
  }
  const Result<std::uint64_t> entries = table_.size(transaction);
  if (!entries) return entries.error();
  const auto number = static_cast<std::uint32_t>(*entries / 2);
  if (auto put = table_.insert(transaction, number_key(number), as_bytes(name)); !put) return put.error();
  if (auto put = table_.insert(transaction, as_bytes(name), std::as_bytes(std::span(&number, 1))); !put) {
    return put.error();
  }
  return number;
}

Result<const FunctionId*> FunctionNumbers::find(const ReadTransaction& transaction, std::uint32_t number) const {
  const std::lock_guard lock(known_->mutex);
  if (const auto known = known_->functions.find(number); known != known_->functions.end()) return &known->second;
  const Result<std::optional<BytesView>> name = table_.get(transaction, number_key(number));
  if (!name) return name.error();
  if (!*name) return Error(Errc::corrupted, "a recipe names a function that is not known");
  const Result<std::optional<std::uint32_t>> back = number_of(transaction, table_, **name);
  if (!back) return back.error();
  if (*back != number) return disagreement();
  Result<FunctionId> function = from_name_key(**name);
  if (!function) return function.error();
  return &known_->functions.emplace(number, *std::move(function)).first->second;
}

}  // namespace deriva::detail
