#include "storage/blob_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include "storage/directory.hpp"

namespace deriva::detail {
namespace {

std::size_t first_byte(const Digest& digest) { return std::to_integer<std::size_t>(digest.bytes[0]); }

std::string subdirectory_of(const Digest& digest) { return to_hex(BytesView(digest.bytes).first(1)); }

std::string path_of(const Digest& digest) {
  return fmt::format("{}/{}", subdirectory_of(digest), to_hex(BytesView(digest.bytes).subspan(1)));
}

Error damaged(const Digest& digest, std::string_view what) {
  return Error(Errc::corrupted, fmt::format("the file of value {} {}", digest.to_string(), what));
}

/// Linux before 5.8 returns success from `syncfs` even if a write failed.
bool syncfs_reports_errors() {
  utsname system{};
  int major = 0;
  int minor = 0;
  if (::uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 8);
}

}  // namespace

Result<BlobDirectory> BlobDirectory::open(int store_directory, std::size_t sync_together_from) {
  const ::uid_t user = ::geteuid();
  Result<FileDescriptor> blobs = open_subdirectory(store_directory, "blobs", user);
  if (!blobs) return blobs.error();
  Result<FileDescriptor> tmp = open_subdirectory(store_directory, "tmp", user);
  if (!tmp) return tmp.error();
  if (auto done = remove_stale_temporaries(tmp->get()); !done) return done.error();
  return BlobDirectory(std::move(*blobs), std::move(*tmp), sync_together_from);
}

Result<void> BlobDirectory::write(std::span<const Item> items) const {
  constexpr std::size_t open_at_once = 128;
  while (!items.empty()) {
    const std::size_t some = std::min(items.size(), open_at_once);
    if (auto done = write_some(items.first(some)); !done) return done;
    items = items.subspan(some);
  }
  return {};
}

/// Content before name, name before return: each step is durable before the next begins.
Result<void> BlobDirectory::write_some(std::span<const Item> items) const {
  // A failed write-back is told to those who had the file system open when it happened.
  const FileDescriptor any = open_at(tmp_.get(), ".", O_RDONLY | O_DIRECTORY);
  if (!any.is_open()) return system_error(errno, "opening tmp");
  Touched touched;
  std::vector<TemporaryFile> files;
  std::vector<const Item*> written;
  for (const Item& item : items) {
    const Result<bool> complete = is_complete(item, touched);
    if (!complete) return complete.error();
    if (*complete) continue;
    if (auto done = make_subdirectory(item.digest); !done) return done;
    Result<TemporaryFile> file = TemporaryFile::create(tmp_.get());
    if (!file) return file.error();
    if (const int failed = write_all(file->get(), item.bytes); failed != 0) {
      return system_error(failed, fmt::format("writing blobs/{}", path_of(item.digest)));
    }
    files.push_back(std::move(*file));
    written.push_back(&item);
  }
  if (auto done = sync_content(files, any.get()); !done) return done;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Digest& digest = written[i]->digest;
    if (auto done = files[i].rename_to(blobs_.get(), path_of(digest)); !done) return done;
    touched.set(first_byte(digest));
  }
  return sync_names(touched, any.get());
}

/// Whether there is a file of the right size. Unless a commit vouches for it, it may be one that was never flushed.
Result<bool> BlobDirectory::is_complete(const Item& item, Touched& touched) const {
  const std::string path = path_of(item.digest);
  struct stat status {};
  if (::fstatat(blobs_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return system_error(errno, fmt::format("looking at blobs/{}", path));
  }
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != item.bytes.size()) return false;
  if (item.known) return true;
  const FileDescriptor file = open_at(blobs_.get(), path.c_str(), O_RDONLY);
  if (!file.is_open()) return errno == ENOENT ? Result<bool>(false) : system_error(errno, "opening blobs/" + path);
  if (const int failed = sync_file(file.get()); failed != 0) return system_error(failed, "flushing blobs/" + path);
  touched.set(first_byte(item.digest));
  return true;
}

Result<void> BlobDirectory::make_subdirectory(const Digest& digest) const {
  if ((*durable_)[first_byte(digest)].load(std::memory_order_relaxed)) return {};
  const std::string name = subdirectory_of(digest);
  if (::mkdirat(blobs_.get(), name.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return system_error(errno, fmt::format("creating blobs/{}", name));
}

/// One `syncfs` for many files costs little more than one `fsync`.
Result<void> BlobDirectory::sync_content(std::span<const TemporaryFile> files, int any) const {
  if (files.size() >= sync_together_from_ && syncfs_reports_errors()) {
    return ::syncfs(any) == 0 ? Result<void>() : system_error(errno, "flushing the files of values");
  }
  for (const TemporaryFile& file : files) {
    if (const int failed = sync_file(file.get()); failed != 0) return system_error(failed, "flushing a value");
  }
  return {};
}

/// Makes the names of files durable, and those of the subdirectories that they are in.
Result<void> BlobDirectory::sync_names(const Touched& touched, int any) const {
  const bool together = touched.count() >= sync_together_from_ && syncfs_reports_errors();
  if (together && ::syncfs(any) != 0) return system_error(errno, "flushing the directories of values");
  bool all_durable = true;
  for (std::size_t i = 0; i < touched.size(); ++i) {
    if (!touched.test(i)) continue;
    all_durable = all_durable && (*durable_)[i].load(std::memory_order_relaxed);
    if (together) continue;
    if (auto done = sync_subdirectory(fmt::format("{:02x}", i)); !done) return done;
  }
  if (!together && !all_durable) {
    if (const int failed = sync_file(blobs_.get()); failed != 0) return system_error(failed, "flushing blobs");
  }
  for (std::size_t i = 0; i < touched.size(); ++i) {
    if (touched.test(i)) (*durable_)[i].store(true, std::memory_order_relaxed);
  }
  return {};
}

Result<void> BlobDirectory::sync_subdirectory(const std::string& name) const {
  const FileDescriptor directory = open_at(blobs_.get(), name.c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory.is_open()) return system_error(errno, fmt::format("opening blobs/{}", name));
  if (const int failed = sync_file(directory.get()); failed != 0) {
    return system_error(failed, fmt::format("flushing blobs/{}", name));
  }
  return {};
}

/// Reads instead of mapping: a file that is cut off while it is mapped is a SIGBUS.
Result<Blob> BlobDirectory::read(const Digest& digest, std::uint64_t size) const {
  const FileDescriptor file = open_at(blobs_.get(), path_of(digest).c_str(), O_RDONLY | O_NONBLOCK);
  if (!file.is_open()) {
    if (errno == ENOENT || errno == ELOOP) return damaged(digest, "is missing");
    return system_error(errno, fmt::format("opening blobs/{}", path_of(digest)));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error(errno, fmt::format("looking at {}", path_of(digest)));
  if (!S_ISREG(status.st_mode) || static_cast<std::uint64_t>(status.st_size) != size) {
    return damaged(digest, fmt::format("has {} bytes instead of {}", status.st_size, size));
  }
  std::vector<std::byte> bytes(size);
  const std::int64_t got = read_at(file.get(), bytes, 0);
  if (got < 0) return system_error(static_cast<int>(-got), fmt::format("reading blobs/{}", path_of(digest)));
  if (static_cast<std::uint64_t>(got) != size) return damaged(digest, "was cut off while it was read");
  if (Digest::of(bytes) != digest) return damaged(digest, "has other bytes than were written");
  return Blob::adopt(std::move(bytes));
}

}  // namespace deriva::detail
