#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <deriva/core/blob.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>

#include "storage/posix.hpp"

namespace deriva::detail {

/// A file under `tmp/` that is being written. Its lock tells other processes that someone is alive behind it; it is
/// removed unless it gets its final name.
class TemporaryFile {
 public:
  /// Lifetime: `directory` stays open as long as the file.
  [[nodiscard]] static Result<TemporaryFile> create(int directory);
  TemporaryFile(TemporaryFile&& other) noexcept = default;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  [[nodiscard]] int get() const noexcept { return file_.get(); }
  /// Gives the file its final name, replacing another file.
  [[nodiscard]] Result<void> rename_to(int directory, const std::string& path);

 private:
  TemporaryFile(int directory, std::string name, FileDescriptor file) noexcept
      : directory_(directory), name_(std::move(name)), file_(std::move(file)) {}

  int directory_;
  std::string name_;  // empty once it has another
  FileDescriptor file_;
};

/// Removes files of `tmp/` that nobody writes any more; looks at a bounded number of them.
[[nodiscard]] Result<void> remove_stale_temporaries(int directory);

/// The files of large values, named by digest: `blobs/ab/cdef...`.
/// Thread safety: all members, from any thread, also of several processes.
class BlobDirectory {
 public:
  struct Item {
    Digest digest;
    BytesView bytes;
    bool known = false;  ///< A committed transaction refers to it: a complete file is durable already.
  };

  /// `sync_together_from`: as `BlobStoreOptions`.
  [[nodiscard]] static Result<BlobDirectory> open(int store_directory, std::size_t sync_together_from);

  /// Returns once all files are complete and durable.
  [[nodiscard]] Result<void> write(std::span<const Item> items) const;
  /// The bytes of a file. Errors: `corrupted` if it is missing, not of this size, or its digest is another.
  [[nodiscard]] Result<Blob> read(const Digest& digest, std::uint64_t size) const;

 private:
  using Touched = std::bitset<256>;  // subdirectories, by first byte of the digest

  BlobDirectory(FileDescriptor blobs, FileDescriptor tmp, std::size_t sync_together_from)
      : blobs_(std::move(blobs)), tmp_(std::move(tmp)), sync_together_from_(sync_together_from) {}
  [[nodiscard]] Result<void> write_some(std::span<const Item> items) const;
  [[nodiscard]] Result<bool> is_complete(const Item& item, Touched& touched) const;
  [[nodiscard]] Result<void> make_subdirectory(const Digest& digest) const;
  [[nodiscard]] Result<void> sync_content(std::span<const TemporaryFile> files, int any) const;
  [[nodiscard]] Result<void> sync_names(const Touched& touched, int any) const;
  [[nodiscard]] Result<void> sync_subdirectory(const std::string& name) const;

  FileDescriptor blobs_;
  FileDescriptor tmp_;
  std::size_t sync_together_from_;
  /// Subdirectories whose names are known to be durable: a crash may have left others.
  std::unique_ptr<std::array<std::atomic<bool>, 256>> durable_ = std::make_unique<std::array<std::atomic<bool>, 256>>();
};

}  // namespace deriva::detail
