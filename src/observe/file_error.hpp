#pragma once

#include <cerrno>

#include <deriva/core/error.hpp>

namespace deriva::detail {

/// What `errno` says about creating or writing a file.
[[nodiscard]] inline Errc file_errc(int error) noexcept {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::permission_denied;
    case ENOENT:
    case ENOTDIR:
      return Errc::not_found;
    case ENOSPC:
    case EDQUOT:
      return Errc::disk_full;
    default:
      return Errc::io_error;
  }
}

}  // namespace deriva::detail
