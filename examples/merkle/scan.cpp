#include "scan.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "problem.hpp"

namespace merkle {
namespace {

std::int64_t nanoseconds(const timespec& time) noexcept {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + std::int64_t{time.tv_nsec};
}

struct FoundEntry {
  std::string name;
  Mode mode = Mode::file;
  Stamp stamp;
  std::string link_target;
};

/// One directory, read.
struct Listing {
  std::vector<FoundEntry> entries;
  std::vector<Skipped> skipped;
  std::vector<Problem> problems;
};

std::string target_of_link(int directory, const char* name) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t length = ::readlinkat(directory, name, target.data(), target.size());
    if (length < 0) throw std::system_error(errno, std::generic_category());
    const auto size = static_cast<std::size_t>(length);
    if (size < target.size()) {
      target.resize(size);
      return target;
    }
    target.resize(2 * target.size());
  }
}

/// The mode of what git takes; nothing for what it does not.
std::optional<Mode> mode_of(mode_t mode) noexcept {
  if (S_ISREG(mode)) return (mode & S_IXUSR) != 0 ? Mode::executable : Mode::file;
  if (S_ISLNK(mode)) return Mode::symlink;
  if (S_ISDIR(mode)) return Mode::directory;
  return std::nullopt;
}

const char* kind_of_special(mode_t mode) noexcept {
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

void list_entry(int directory, const std::string& path, const char* name, Listing& listing) {
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    listing.problems.push_back({join_path(path, name), system_reason(errno)});
    return;
  }
  const std::optional<Mode> mode = mode_of(status.st_mode);
  if (!mode) {
    listing.skipped.push_back({join_path(path, name), kind_of_special(status.st_mode)});
    return;
  }
  FoundEntry entry{name, *mode, Stamp::of(status), {}};
  try {
    if (*mode == Mode::symlink) entry.link_target = target_of_link(directory, name);
  } catch (const std::system_error& error) {
    listing.problems.push_back({join_path(path, name), system_reason(error.code().value())});
    return;
  }
  listing.entries.push_back(std::move(entry));
}

Listing list(const std::string& root, const std::string& path) {
  Listing listing;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(join_path(root, path).c_str()), &::closedir);
  if (!stream) {
    listing.problems.push_back({path, system_reason(errno)});
    return listing;
  }
  for (;;) {
    errno = 0;
    const dirent* const found = ::readdir(stream.get());
    if (found == nullptr) break;
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    if (name != ".git") {
      list_entry(::dirfd(stream.get()), path, found->d_name, listing);
    } else if (!path.empty()) {
      listing.skipped.push_back(
          {join_path(path, ".git"), "its directory is taken as a plain one, not as a repository"});
    }
  }
  if (errno != 0) listing.problems.push_back({path, system_reason(errno)});
  std::sort(listing.entries.begin(), listing.entries.end(),
            [](const FoundEntry& a, const FoundEntry& b) { return stands_before(a.name, a.mode, b.name, b.mode); });
  return listing;
}

/// Gives the entries of a directory that was read their places in the scan.
void take(Scan& scan, std::size_t directory, Listing listing) {
  const std::string path = scan.directories[directory].path;
  std::vector<Entry> entries;
  entries.reserve(listing.entries.size());
  for (FoundEntry& found : listing.entries) {
    const bool is_directory = found.mode == Mode::directory;
    const std::size_t index = is_directory ? scan.directories.size() : scan.files.size();
    std::string entry_path = join_path(path, found.name);
    if (is_directory) {
      scan.directories.push_back({std::move(entry_path), {}});
    } else {
      scan.files.push_back({std::move(entry_path), found.mode, found.stamp, std::move(found.link_target)});
    }
    entries.push_back({std::move(found.name), found.mode, index});
  }
  scan.directories[directory].entries = std::move(entries);
  std::move(listing.skipped.begin(), listing.skipped.end(), std::back_inserter(scan.skipped));
}

}  // namespace

Stamp Stamp::of(const struct stat& status) noexcept {
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

std::string join_path(const std::string& root, const std::string& path) {
  if (root.empty()) return path;
  if (path.empty()) return root;
  return root.back() == '/' ? root + path : root + '/' + path;
}

Scan scan(const std::string& root, Workers& workers) {
  Scan scan;
  std::vector<Problem> problems;
  scan.directories.push_back({});
  for (std::size_t begin = 0; begin < scan.directories.size();) {  // One level of the tree after the other.
    const std::size_t end = scan.directories.size();
    std::vector<Listing> level(end - begin);
    workers.for_each(level.size(), [&](std::size_t i) { level[i] = list(root, scan.directories[begin + i].path); });
    for (Listing& listing : level) {
      std::move(listing.problems.begin(), listing.problems.end(), std::back_inserter(problems));
      take(scan, begin++, std::move(listing));
    }
  }
  if (!problems.empty()) throw Problems(std::move(problems));
  return scan;
}

}  // namespace merkle
