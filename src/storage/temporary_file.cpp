#include "storage/temporary_file.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "storage/directory.hpp"

namespace deriva::detail {

Result<TemporaryFile> TemporaryFile::create(int directory) {
  constexpr int attempts = 16;  // another process may remove the file as stale before it is locked
  for (int i = 0; i < attempts; ++i) {
    Result<std::string> name = random_name();
    if (!name) return name.error();
    FileDescriptor file = open_at(directory, name->c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!file.is_open()) return system_error(errno, "creating a temporary file");
    struct stat status {};
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(file.get(), &status) == 0 && status.st_nlink == 1) {
      return TemporaryFile(directory, std::move(*name), std::move(file));
    }
  }
  return Error(Errc::io_error, "temporary files disappear as they are created");
}

TemporaryFile::~TemporaryFile() {
  if (file_.is_open() && !name_.empty()) ::unlinkat(directory_, name_.c_str(), 0);
}

Result<void> TemporaryFile::rename_to(int directory, const std::string& path) {
  if (::renameat(directory_, name_.c_str(), directory, path.c_str()) != 0) {
    return system_error(errno, fmt::format("renaming a temporary file to blobs/{}", path));
  }
  name_.clear();
  if (const int failed = file_.close(); failed != 0) return system_error(failed, fmt::format("closing blobs/{}", path));
  return {};
}

Result<void> TemporaryFile::link_as(int directory, const char* name) const {
  if (::linkat(directory_, name_.c_str(), directory, name, 0) == 0 || errno == EEXIST) return {};
  return system_error(errno, fmt::format("creating {}", name));
}

/// Without `opendir`, which takes five more calls and 32 KiB to say that there is nothing.
Result<void> remove_stale_temporaries(int directory) {
  constexpr int most = 1'000;
  alignas(dirent64) std::array<char, 2'048> buffer;
  int seen = 0;
  for (bool more = true; more && seen < most;) {
    const ssize_t got = ::getdents64(directory, buffer.data(), buffer.size());
    if (got < 0) return system_error(errno, "reading tmp");
    more = false;
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      if (entry->d_name[0] == '.') continue;
      more = true;
      ++seen;
      const FileDescriptor file = open_at(directory, entry->d_name, O_RDONLY | O_NONBLOCK);
      if (!file.is_open()) continue;
      if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlinkat(directory, entry->d_name, 0);
    }
  }
  return {};
}

}  // namespace deriva::detail
