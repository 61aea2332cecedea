#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <boost/assert/source_location.hpp>
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace deriva {

class Address;
struct FunctionId;

/// Every way in which deriva can fail. The values are stable; new ones are added at the end.
enum class Errc : std::uint8_t {
  not_found = 1,       ///< The address names nothing that the store knows.
  function_not_found,  ///< The registry has no function of this name and version.
  function_failed,     ///< A function threw, or returned an error. Never cached.
  cycle,               ///< An insert would make something depend on itself; `Error::path` has the keys in order.
  not_deterministic,   ///< Two executions of one recipe gave different values.
  cancelled,           ///< Every waiter left, or the executor was shut down, before the value was there.
  deadline_exceeded,   ///< The time allowed for the request was over.
  over_budget,         ///< A single step needs more memory than the budget allows.
  invalid_argument,    ///< The caller broke a documented requirement; nothing was changed.
  malformed,           ///< Bytes that are not what `encode` produces; `Error::offset` says where.
  corrupted,           ///< Stored bytes are not what was written; never returned as a value.
  disk_full,           ///< The file system has no space left (or a quota is used up).
  io_error,            ///< The operating system refused a read or a write.
  format_mismatch,     ///< The store was written in a format that this version does not read.
  locked,              ///< Someone else holds what must be held by one.
  permission_denied,   ///< The operating system, or a check of owner and mode, refused access.
  unsupported,         ///< The platform or file system cannot give what is needed (big-endian, network file system).
};

/// The name of the value as it is written above: "not_found".
[[nodiscard]] std::string_view to_string(Errc code) noexcept;
std::ostream& operator<<(std::ostream& out, Errc code);

/// What is to be expected of trying again after a function failed. A function says it of the error that it returns.
enum class ErrorClass : std::uint8_t {
  unknown,        ///< Nobody said.
  deterministic,  ///< The same inputs will fail in the same way.
  transient,      ///< It may go well in a moment: a connection, a lock.
  resource,       ///< Something was used up: memory, disk, handles.
};

/// The category of deriva's error codes, named "deriva". For hosts that carry errors as `boost::system::error_code` or
/// `std::error_code` (the one converts to the other); an `Error` says more.
[[nodiscard]] const boost::system::error_category& error_category() noexcept;
[[nodiscard]] boost::system::error_code make_error_code(Errc code) noexcept;

/// What went wrong: a code to act upon, a sentence to read, and where known what it was about.
///
/// Copying copies a pointer. Thread safety: as `std::shared_ptr<const T>`. A moved-from error keeps its code only.
class Error {
 public:
  /// No error: what `Result::error()` gives for a result with a value. Its code is none of `Errc`'s.
  Error() noexcept = default;
  /// An error with nothing to add to its code. Does not allocate.
  explicit Error(Errc code) noexcept : code_(code) {}
  Error(Errc code, std::string message);

  [[nodiscard]] Errc code() const noexcept { return code_; }
  [[nodiscard]] ErrorClass error_class() const noexcept { return class_; }
  /// A sentence for people; names the address and function where they are known. Not a stable format.
  [[nodiscard]] const std::string& message() const noexcept;
  /// The recipe or leaf concerned, or null. Lives as long as this error.
  [[nodiscard]] const Address* address() const noexcept;
  /// The function concerned, or null. Lives as long as this error.
  [[nodiscard]] const FunctionId* function() const noexcept;
  /// `Errc::malformed`: the offset in bytes of the first byte that is wrong.
  [[nodiscard]] std::optional<std::uint64_t> offset() const noexcept;
  /// `Errc::cycle`: the keys along the cycle, in order, first and last equal. Empty when unknown or of another type.
  template <class Key>
  [[nodiscard]] std::vector<Key> path() const {
    static_assert(std::is_trivially_copyable_v<Key>);
    const std::span<const std::byte> bytes = path_bytes(sizeof(Key));
    std::vector<Key> keys(bytes.size() / sizeof(Key));
    if (!keys.empty()) std::memcpy(static_cast<void*>(keys.data()), bytes.data(), bytes.size());
    return keys;
  }

  /// The same error with more known about it.
  [[nodiscard]] Error with_class(ErrorClass error_class) const noexcept {
    Error error = *this;
    error.class_ = error_class;
    return error;
  }
  [[nodiscard]] Error with_address(const Address& address) const;
  [[nodiscard]] Error with_function(const FunctionId& function) const;
  [[nodiscard]] Error with_offset(std::uint64_t offset) const;
  /// A note ends the message, after all that is known.
  [[nodiscard]] Error with_note(std::string note) const;
  template <class Key>
  [[nodiscard]] Error with_path(std::span<const Key> keys) const {
    static_assert(std::is_trivially_copyable_v<Key>);
    return with_path_bytes(std::as_bytes(keys), sizeof(Key));
  }
  /// The same for keys whose size is known at run time only.
  [[nodiscard]] Error with_path_bytes(std::span<const std::byte> bytes, std::size_t key_size) const;

 private:
  struct Detail;
  Error(Errc code, Detail&& detail);
  [[nodiscard]] Error with_detail(Detail&& detail) const;
  [[nodiscard]] Detail copy_detail() const;
  [[nodiscard]] std::span<const std::byte> path_bytes(std::size_t key_size) const noexcept;

  Errc code_{};
  ErrorClass class_ = ErrorClass::unknown;
  std::shared_ptr<const Detail> detail_;
};

/// Writes "not_found: no such recipe", with what else is known about the error.
std::ostream& operator<<(std::ostream& out, const Error& error);

/// What `Result::value()` throws when there is no value, and what the few documented throwing functions throw.
class Exception : public std::exception {
 public:
  explicit Exception(Error error);
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] const char* what() const noexcept override;

 private:
  Error error_;
  std::shared_ptr<const std::string> what_;  // Copying an exception must not throw.
};

/// A value or an error. `.value()` throws `Exception`, `.error()` is the error, `operator bool` tells which it is.
template <class T>
using Result = boost::system::result<T, Error>;

/// Throws `Exception`; `boost::system::result::value()` finds it. `boost::get_throw_location` of the exception gives
/// the location.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& location);

}  // namespace deriva

template <>
struct boost::system::is_error_code_enum<deriva::Errc> : std::true_type {};
