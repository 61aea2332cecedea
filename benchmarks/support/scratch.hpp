#pragma once

#include <cstdint>
#include <filesystem>

namespace bench {

/// A directory that is removed, with what is in it, when this goes out of scope.
class Scratch {
 public:
  /// Makes a new one in `parent`. Throws `std::runtime_error` if that is not possible.
  explicit Scratch(const std::filesystem::path& parent);
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Removes what is in it.
  void clear() const;

 private:
  std::filesystem::path path_;
};

/// A file system in memory, where a flush costs nothing, if there is one with this much room; else `fallback`.
[[nodiscard]] std::filesystem::path memory_directory(std::uint64_t bytes, const std::filesystem::path& fallback);

/// Copies a directory with what is in it, and flushes the copy to the disk.
void copy_flushed(const std::filesystem::path& from, const std::filesystem::path& to);

/// Removes the files of a directory from the page cache. Returns whether that worked: every page of every file.
[[nodiscard]] bool drop_from_page_cache(const std::filesystem::path& directory);

/// Memory that this process alone has: its heap and stacks, not its mapped files. In bytes.
[[nodiscard]] std::uint64_t private_memory();
/// Pages of files and of shared memory that are mapped and present, in bytes.
[[nodiscard]] std::uint64_t mapped_memory();
/// Bytes that this process has handed to the system to be written so far, to whatever file.
[[nodiscard]] std::uint64_t written_bytes();

}  // namespace bench
