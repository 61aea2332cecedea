#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include <deriva/core/error.hpp>

#include "storage/posix.hpp"

namespace deriva::detail {

/// Whether files of this type (`statfs::f_type`) may be shared with other machines, or be served by something that
/// does not keep maps and writes coherent (FUSE, 9P).
[[nodiscard]] bool is_network_file_system(std::uint64_t type) noexcept;

// `user`: who asks; a parameter so that opening asks for it once.

/// Opens a directory that only this user can change, creating it (mode 0700) when asked to.
/// Errors: as `Environment::open`.
[[nodiscard]] Result<FileDescriptor> open_directory(const std::filesystem::path& path, bool create,
                                                    bool allow_network_file_system, ::uid_t user = ::geteuid());

/// Opens (and creates, mode 0700, durably) a directory inside another one.
[[nodiscard]] Result<FileDescriptor> open_subdirectory(int parent, const char* name, ::uid_t user = ::geteuid());

/// A file or directory identity: the same whatever name it was found by.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};

/// Checks that `name` is a regular file of this user that nobody else can write.
/// Errors: `not_found`, `permission_denied`, `io_error`.
[[nodiscard]] Result<FileIdentity> check_own_file(int directory, const char* name, ::uid_t user = ::geteuid());

}  // namespace deriva::detail
