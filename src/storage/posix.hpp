#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>

namespace deriva::detail {

/// An open file that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  explicit FileDescriptor(int number) noexcept : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() { (void)close(); }

  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }
  /// Gives the number away; whoever takes it closes it.
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
  /// Closes the file now. Returns 0 or the error number. Closing twice does nothing.
  int close() noexcept;

 private:
  int number_ = -1;
};

/// The error for an error number of the operating system: "<doing>: <reason>".
/// ENOSPC, EDQUOT and EFBIG are `disk_full`; EACCES, EPERM, EROFS and ELOOP `permission_denied`; ENOENT `not_found`;
/// all others `io_error`.
[[nodiscard]] Error system_error(int number, std::string_view doing);

/// Opens `name` in `directory`, close-on-exec and without following a symbolic link; repeats when interrupted.
[[nodiscard]] FileDescriptor open_at(int directory, const char* name, int flags, ::mode_t mode = 0) noexcept;

/// Writes all bytes. Returns 0 or the error number.
[[nodiscard]] int write_all(int file, BytesView bytes) noexcept;
/// Reads from `offset` until `out` is full or the file ends. Returns the number of bytes, or the negated error number.
[[nodiscard]] std::int64_t read_at(int file, std::span<std::byte> out, std::uint64_t offset) noexcept;
/// Makes content and metadata durable; `fdatasync` semantics suffice for neither a new file nor a directory.
/// Returns 0 or the error number.
[[nodiscard]] int sync_file(int file) noexcept;

/// Fills `out` with random bytes of the operating system.
[[nodiscard]] Result<void> random_bytes(std::span<std::byte> out);
[[nodiscard]] std::string to_hex(BytesView bytes);
/// 16 random bytes in hexadecimal digits: a name that nobody else takes.
[[nodiscard]] Result<std::string> random_name();

}  // namespace deriva::detail
