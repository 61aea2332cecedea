#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/storage/transaction.hpp>

namespace deriva {

/// A type that is stored as its own bytes: copied bytewise, and equal values have equal bytes (no padding, or padding
/// that is always zero).
template <class T>
concept FixedSize = std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T> && !std::is_pointer_v<T> &&
                    !std::is_same_v<T, BytesView>;

/// What a table can hold: bytes of any length (viewed, not copied), or a type of fixed size.
template <class T>
concept Storable = std::is_same_v<T, BytesView> || FixedSize<T>;

namespace detail {

/// The longest key, and the longest value in a set; LMDB's limit.
inline constexpr std::size_t longest_key = 511;

template <Storable T>
BytesView to_stored(const T& value) noexcept {
  if constexpr (std::is_same_v<T, BytesView>) {
    return value;
  } else {
    return std::as_bytes(std::span(&value, 1));
  }
}

/// Errors: `corrupted` if the size is not that of the type.
Result<void> check_stored_size(std::size_t stored, std::size_t expected);

template <Storable T>
Result<T> from_stored(BytesView bytes) {
  if constexpr (std::is_same_v<T, BytesView>) {
    return bytes;
  } else {
    if (bytes.size() != sizeof(T)) return check_stored_size(bytes.size(), sizeof(T)).error();
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
}

/// The untyped half of `Table` and `SetTable`.
class RawTable {
 public:
  /// Returns whether to go on.
  using Visitor = FunctionRef<bool(BytesView key, BytesView value)>;
  /// Many values of one key at once, packed. Returns whether to go on.
  using PackedVisitor = FunctionRef<bool(BytesView values)>;

  static Result<RawTable> open_map(Environment& environment, std::string_view name);
  static Result<RawTable> open_set(Environment& environment, std::string_view name, std::size_t value_size);

  Result<std::optional<BytesView>> get(const ReadTransaction& transaction, BytesView key) const;
  Result<bool> contains(const ReadTransaction& transaction, BytesView key, BytesView value) const;
  Result<void> put(WriteTransaction& transaction, BytesView key, BytesView value) const;
  Result<bool> insert(WriteTransaction& transaction, BytesView key, BytesView value) const;
  Result<bool> erase(WriteTransaction& transaction, BytesView key) const;
  Result<bool> erase(WriteTransaction& transaction, BytesView key, BytesView value) const;
  Result<std::uint64_t> count(const ReadTransaction& transaction, BytesView key) const;
  Result<void> for_each(const ReadTransaction& transaction, BytesView from, Visitor visitor) const;
  Result<void> for_each_value(const ReadTransaction& transaction, BytesView key, PackedVisitor visitor) const;
  Result<std::uint64_t> size(const ReadTransaction& transaction) const;

 private:
  RawTable(unsigned int handle, bool is_set) noexcept : handle_(handle), is_set_(is_set) {}
  Result<bool> put_new(WriteTransaction& transaction, BytesView key, BytesView value, unsigned int flags) const;
  Result<bool> remove(WriteTransaction& transaction, BytesView key, const BytesView* value) const;

  unsigned int handle_;
  bool is_set_;
};

/// Visitors may return nothing instead of "go on".
template <class Visitor, class... In>
bool goes_on(Visitor& visitor, const In&... in) {
  if constexpr (std::is_void_v<std::invoke_result_t<Visitor&, const In&...>>) {
    visitor(in...);
    return true;
  } else {
    return visitor(in...);
  }
}

}  // namespace detail

/// A table of an environment with one value per key, ordered by the keys' bytes.
///
/// A handle: copies are the same table; it lives as long as any handle of its environment. Keys have 1 to 511 bytes.
/// Values of type `BytesView` are views into the map: they end with the transaction, inside a write transaction
/// already with the next change. Values of fixed size are copies.
/// Thread safety: all members, from any thread, each transaction on its own.
/// Errors: `invalid_argument` (length of the key), `corrupted`, `io_error`, `disk_full`; absence is not an error.
template <Storable Key, Storable Value>
class Table {
  static_assert(!FixedSize<Key> || sizeof(Key) <= detail::longest_key, "a key has at most 511 bytes");

 public:
  /// Opens the table of this name, creating it if need be.
  /// Errors: `invalid_argument` (inside a transaction), `format_mismatch` (there is a table of another kind),
  /// `locked` (more than `EnvironmentOptions::max_tables`), and those of `Environment::write`.
  [[nodiscard]] static Result<Table> open(Environment& environment, std::string_view name) {
    const Result<detail::RawTable> raw = detail::RawTable::open_map(environment, name);
    if (!raw) return raw.error();
    return Table(*raw);
  }

  [[nodiscard]] Result<std::optional<Value>> get(const ReadTransaction& transaction, const Key& key) const {
    const Result<std::optional<BytesView>> found = raw_.get(transaction, detail::to_stored(key));
    if (!found) return found.error();
    if (!*found) return std::optional<Value>();
    const Result<Value> value = detail::from_stored<Value>(**found);
    if (!value) return value.error();
    return std::optional<Value>(*value);
  }

  [[nodiscard]] Result<bool> contains(const ReadTransaction& transaction, const Key& key) const {
    const Result<std::optional<BytesView>> found = raw_.get(transaction, detail::to_stored(key));
    if (!found) return found.error();
    return found->has_value();
  }

  /// Stores the value under the key, replacing another one.
  Result<void> put(WriteTransaction& transaction, const Key& key, const Value& value) const {
    return raw_.put(transaction, detail::to_stored(key), detail::to_stored(value));
  }

  /// Stores the value unless the key is there. Returns false, and leaves the old value, if it is.
  Result<bool> insert(WriteTransaction& transaction, const Key& key, const Value& value) const {
    return raw_.insert(transaction, detail::to_stored(key), detail::to_stored(value));
  }

  /// Returns false if the key is not there.
  Result<bool> erase(WriteTransaction& transaction, const Key& key) const {
    return raw_.erase(transaction, detail::to_stored(key));
  }

  /// Complexity: constant.
  [[nodiscard]] Result<std::uint64_t> size(const ReadTransaction& transaction) const { return raw_.size(transaction); }

  /// Calls `visitor(key, value)` for all entries in ascending order until it returns false (or nothing).
  /// Requires: the visitor does not change the table.
  template <class Visitor>
  Result<void> for_each(const ReadTransaction& transaction, Visitor&& visitor) const {
    return visit_from(transaction, {}, visitor);
  }

  /// The same, beginning with the first entry whose key is not before `from`.
  template <class Visitor>
  Result<void> for_each_from(const ReadTransaction& transaction, const Key& from, Visitor&& visitor) const {
    return visit_from(transaction, detail::to_stored(from), visitor);
  }

 private:
  explicit Table(detail::RawTable raw) noexcept : raw_(raw) {}

  template <class Visitor>
  Result<void> visit_from(const ReadTransaction& transaction, BytesView from, Visitor& visitor) const {
    Result<void> outcome;
    auto visit = [&](BytesView key_bytes, BytesView value_bytes) {
      const Result<Key> key = detail::from_stored<Key>(key_bytes);
      const Result<Value> value = detail::from_stored<Value>(value_bytes);
      if (key && value) return detail::goes_on(visitor, *key, *value);
      outcome = key ? value.error() : key.error();
      return false;
    };
    if (auto done = raw_.for_each(transaction, from, visit); !done) return done;
    return outcome;
  }

  detail::RawTable raw_;
};

/// A table of an environment with any number of distinct values per key, both of fixed size and ordered by their
/// bytes. A value is stored without overhead: a key with a million values is scanned at the speed of memory.
/// Otherwise as `Table`.
template <FixedSize Key, FixedSize Value>
class SetTable {
  static_assert(sizeof(Key) <= detail::longest_key && sizeof(Value) <= detail::longest_key,
                "the keys and values of a set have at most 511 bytes");

 public:
  /// As `Table::open`. Errors: also `invalid_argument` if it is open with another size of values.
  [[nodiscard]] static Result<SetTable> open(Environment& environment, std::string_view name) {
    const Result<detail::RawTable> raw = detail::RawTable::open_set(environment, name, sizeof(Value));
    if (!raw) return raw.error();
    return SetTable(*raw);
  }

  [[nodiscard]] Result<bool> contains(const ReadTransaction& transaction, const Key& key, const Value& value) const {
    return raw_.contains(transaction, detail::to_stored(key), detail::to_stored(value));
  }

  /// How many values the key has; 0 if it is not there. Complexity: constant.
  [[nodiscard]] Result<std::uint64_t> count(const ReadTransaction& transaction, const Key& key) const {
    return raw_.count(transaction, detail::to_stored(key));
  }

  /// Returns false if the pair was there.
  Result<bool> insert(WriteTransaction& transaction, const Key& key, const Value& value) const {
    return raw_.insert(transaction, detail::to_stored(key), detail::to_stored(value));
  }

  /// Returns false if the pair was not there.
  Result<bool> erase(WriteTransaction& transaction, const Key& key, const Value& value) const {
    return raw_.erase(transaction, detail::to_stored(key), detail::to_stored(value));
  }

  /// Removes the key with all its values. Returns false if it was not there.
  Result<bool> erase_all(WriteTransaction& transaction, const Key& key) const {
    return raw_.erase(transaction, detail::to_stored(key));
  }

  /// Pairs, over all keys. Complexity: constant.
  [[nodiscard]] Result<std::uint64_t> size(const ReadTransaction& transaction) const { return raw_.size(transaction); }

  /// Calls `visitor(value)` for all values of the key in ascending order until it returns false (or nothing).
  /// Requires: the visitor does not change the table; collect first, then erase.
  template <class Visitor>
  Result<void> for_each_value(const ReadTransaction& transaction, const Key& key, Visitor&& visitor) const {
    auto visit = [&](BytesView values) {
      for (; !values.empty(); values = values.subspan(sizeof(Value))) {
        Value value;
        std::memcpy(&value, values.data(), sizeof(Value));
        if (!detail::goes_on(visitor, value)) return false;
      }
      return true;
    };
    return raw_.for_each_value(transaction, detail::to_stored(key), visit);
  }

  /// Calls `visitor(key, value)` for all pairs in ascending order until it returns false (or nothing).
  /// Requires: as `for_each_value`.
  template <class Visitor>
  Result<void> for_each(const ReadTransaction& transaction, Visitor&& visitor) const {
    Result<void> outcome;
    auto visit = [&](BytesView key_bytes, BytesView value_bytes) {
      const Result<Key> key = detail::from_stored<Key>(key_bytes);
      const Result<Value> value = detail::from_stored<Value>(value_bytes);
      if (key && value) return detail::goes_on(visitor, *key, *value);
      outcome = key ? value.error() : key.error();
      return false;
    };
    if (auto done = raw_.for_each(transaction, {}, visit); !done) return done;
    return outcome;
  }

 private:
  explicit SetTable(detail::RawTable raw) noexcept : raw_(raw) {}

  detail::RawTable raw_;
};

}  // namespace deriva
