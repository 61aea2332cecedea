#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "git_objects.hpp"
#include "workers.hpp"

namespace merkle {

/// What tells whether a file is still the one that was read: any change of its content changes one of these.
struct Stamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  ///< Of its content, since 1970.
  std::int64_t changed_ns = 0;   ///< Of its inode, since 1970: cannot be set back as the other one can.

  [[nodiscard]] static Stamp of(const struct stat& status) noexcept;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

/// A regular file or a symbolic link. Paths are relative to the directory that was scanned.
struct File {
  std::string path;
  Mode mode = Mode::file;
  Stamp stamp;
  std::string link_target;  ///< Of a symbolic link: its content.
};

/// An entry of a directory.
struct Entry {
  std::string name;
  Mode mode = Mode::file;
  std::size_t index = 0;  ///< Into `Scan::directories` or `Scan::files`.
};

struct Directory {
  std::string path;            ///< Empty for the one that was scanned.
  std::vector<Entry> entries;  ///< In git's order.
};

struct Skipped {
  std::string path;
  std::string reason;
};

/// What was found in a directory.
struct Scan {
  std::vector<File> files;
  std::vector<Directory> directories;  ///< Parents before children; the first is the one that was scanned.
  std::vector<Skipped> skipped;        ///< What git would not take either, and what it would take otherwise.
};

/// Walks a directory, without following symbolic links. As git does, it leaves out everything named ".git", and what is
/// neither a file nor a directory nor a symbolic link. A repository inside is taken as a plain directory, where git
/// would record the commit that is checked out. Errors: throws `Problems`.
[[nodiscard]] Scan scan(const std::string& root, Workers& workers);

/// "root/path", or the root itself for an empty path.
[[nodiscard]] std::string join_path(const std::string& root, const std::string& path);

}  // namespace merkle
