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
#include "storage/temporary_file.hpp"

namespace deriva::detail {

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
