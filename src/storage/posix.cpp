#include "storage/posix.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace deriva::detail {
namespace {

Errc code_of(int number) noexcept {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Errc::disk_full;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      return Errc::permission_denied;
    case ENOENT:
      return Errc::not_found;
    default:
      return Errc::io_error;
  }
}

}  // namespace

int FileDescriptor::close() noexcept {
  const int number = std::exchange(number_, -1);
  if (number < 0) return 0;
  // After EINTR the descriptor is gone on Linux: closing again could hit someone else's.
  return ::close(number) == 0 || errno == EINTR ? 0 : errno;
}

Error system_error(int number, std::string_view doing) {
  return Error(code_of(number), fmt::format("{}: {}", doing, std::generic_category().message(number)));
}

FileDescriptor open_at(int directory, const char* name, int flags, ::mode_t mode) noexcept {
  int number = -1;
  do {
    number = ::openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
  } while (number < 0 && errno == EINTR);
  return FileDescriptor(number);
}

int write_all(int file, BytesView bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    if (written == 0) return ENOSPC;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

std::int64_t read_at(int file, std::span<std::byte> out, std::uint64_t offset) noexcept {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(file, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return static_cast<std::int64_t>(done);
}

int sync_file(int file) noexcept {
  while (::fsync(file) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

Result<void> random_bytes(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return system_error(errno, "reading random bytes");
    }
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

std::string to_hex(BytesView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text.push_back(digits[std::to_integer<unsigned>(byte) >> 4U]);
    text.push_back(digits[std::to_integer<unsigned>(byte) & 15U]);
  }
  return text;
}

Result<std::string> random_name() {
  std::array<std::byte, 16> bytes{};
  if (auto done = random_bytes(bytes); !done) return done.error();
  return to_hex(bytes);
}

}  // namespace deriva::detail
