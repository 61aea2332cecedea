#include "storage/lmdb_error.hpp"

#include <cerrno>

#include <fmt/format.h>

#include "storage/posix.hpp"

namespace deriva::detail {

Error lmdb_error(int code, std::string_view doing) {
  if (code > 0 && code != EINVAL) return system_error(code, doing);
  Errc errc = Errc::io_error;
  switch (code) {
    case MDB_NOTFOUND:
      errc = Errc::not_found;
      break;
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
      errc = Errc::corrupted;
      break;
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      errc = Errc::format_mismatch;
      break;
    case MDB_READERS_FULL:
    case MDB_DBS_FULL:
      errc = Errc::locked;
      break;
    case MDB_MAP_FULL:
      errc = Errc::disk_full;
      break;
    case MDB_BAD_VALSIZE:
    case MDB_KEYEXIST:
    case EINVAL:
      errc = Errc::invalid_argument;
      break;
    default:
      break;
  }
  return Error(errc, fmt::format("{}: {}", doing, mdb_strerror(code)));
}

bool leaves_transaction_usable(int code) noexcept {
  switch (code) {
    case MDB_SUCCESS:
    case MDB_NOTFOUND:
    case MDB_KEYEXIST:
    case MDB_BAD_VALSIZE:
    case MDB_INCOMPATIBLE:
    case MDB_DBS_FULL:
      return true;
    default:
      return false;
  }
}

}  // namespace deriva::detail
