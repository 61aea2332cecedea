#include "storage/directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

namespace deriva::detail {
namespace {

Result<void> check_owner_and_mode(const struct stat& status, const std::string& name, ::uid_t user) {
  if (status.st_uid != user) {
    return Error(Errc::permission_denied,
                 fmt::format("{} belongs to user {}, not to user {}", name, status.st_uid, user));
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error(Errc::permission_denied,
                 fmt::format("{} can be written by others (mode {:o})", name, status.st_mode & 07777U));
  }
  return {};
}

/// Creates one level, and makes its name durable.
Result<void> make_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return system_error(errno, fmt::format("creating {}", path.string()));
  }
  const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
  FileDescriptor file(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.is_open()) {
    // A parent that may be searched and written but not read cannot be flushed by anyone.
    return errno == EACCES ? Result<void>() : system_error(errno, fmt::format("opening {}", parent.string()));
  }
  if (const int failed = sync_file(file.get()); failed != 0) {
    return system_error(failed, fmt::format("flushing {}", parent.string()));
  }
  return {};
}

Error why_not_opened(const std::filesystem::path& path, int number) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (S_ISLNK(status.st_mode)) {
      return Error(Errc::permission_denied, fmt::format("{} is a symbolic link", path.string()));
    }
    if (!S_ISDIR(status.st_mode)) {
      return Error(Errc::invalid_argument, fmt::format("{} is not a directory", path.string()));
    }
  }
  return system_error(number, fmt::format("opening {}", path.string()));
}

}  // namespace

bool is_network_file_system(std::uint64_t type) noexcept {
  switch (type) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFE534D42:  // SMB2
    case 0xFF534D42:  // CIFS
    case 0x01021997:  // 9P
    case 0x00C36400:  // Ceph
    case 0x5346414F:  // AFS
    case 0x6B414653:  // kAFS
    case 0x73757245:  // Coda
    case 0x564C:      // NCP
    case 0x0BD00BD0:  // Lustre
    case 0x47504653:  // GPFS
    case 0x01161970:  // GFS2
    case 0x7461636F:  // OCFS2
    case 0x65735546:  // FUSE
      return true;
    default:
      return false;
  }
}

Result<FileDescriptor> open_directory(const std::filesystem::path& path, bool create, bool allow_network_file_system,
                                      ::uid_t user) {
  // A trailing slash would make the system follow a symbolic link.
  std::filesystem::path parent;
  const bool named = path.has_filename();
  if (!named) parent = path.parent_path();
  const std::filesystem::path& exact = named ? path : parent;
  if (exact.empty()) return Error(Errc::invalid_argument, "the path of the directory is empty");
  FileDescriptor directory = open_at(AT_FDCWD, exact.c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory.is_open() && errno == ENOENT && create) {
    if (auto done = make_directory(exact); !done) return done.error();
    directory = open_at(AT_FDCWD, exact.c_str(), O_RDONLY | O_DIRECTORY);
  }
  if (!directory.is_open()) return why_not_opened(exact, errno);

  struct stat status {};
  struct statfs system {};
  if (::fstat(directory.get(), &status) != 0 || ::fstatfs(directory.get(), &system) != 0) {
    return system_error(errno, fmt::format("looking at {}", exact.string()));
  }
  if (auto done = check_owner_and_mode(status, exact.string(), user); !done) return done.error();
  const auto type = static_cast<std::uint32_t>(system.f_type);
  if (!allow_network_file_system && is_network_file_system(type)) {
    return Error(Errc::unsupported,
                 fmt::format("{} is on a network or user-space file system (type {:#x})", exact.string(), type));
  }
  return directory;
}

Result<FileDescriptor> open_subdirectory(int parent, const char* name, ::uid_t user) {
  FileDescriptor directory = open_at(parent, name, O_RDONLY | O_DIRECTORY);
  if (!directory.is_open() && errno == ENOENT) {
    if (::mkdirat(parent, name, 0700) != 0 && errno != EEXIST) {
      return system_error(errno, fmt::format("creating {}", name));
    }
    if (const int failed = sync_file(parent); failed != 0) {
      return system_error(failed, fmt::format("flushing the directory of {}", name));
    }
    directory = open_at(parent, name, O_RDONLY | O_DIRECTORY);
  }
  if (!directory.is_open()) return system_error(errno, fmt::format("opening {}", name));
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return system_error(errno, fmt::format("looking at {}", name));
  if (auto done = check_owner_and_mode(status, name, user); !done) return done.error();
  return directory;
}

Result<FileIdentity> check_own_file(int directory, const char* name, ::uid_t user) {
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return system_error(errno, fmt::format("looking at {}", name));
  }
  if (!S_ISREG(status.st_mode)) {
    return Error(Errc::permission_denied, fmt::format("{} is not a regular file", name));
  }
  if (auto done = check_owner_and_mode(status, name, user); !done) return done.error();
  return FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace deriva::detail
