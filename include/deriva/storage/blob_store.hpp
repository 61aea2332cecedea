#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <deriva/core/blob.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/transaction.hpp>

namespace deriva {

struct BlobStoreOptions {
  /// Values up to this many bytes are stored inside the database, larger ones as files. May differ from one opening to
  /// the next. Larger: fewer files and flushes; smaller: a smaller database, cheaper commits.
  /// `docs/storage-format.md` has the measurements behind the default.
  std::size_t inline_limit = std::size_t{32} * 1024;
  /// Batches of at least so many files are flushed by one `syncfs` instead of an `fsync` each. That is up to fifty
  /// times faster, but waits for what other programs have written to the file system, too: make it larger if they write
  /// much.
  std::size_t sync_together_from = 8;
};

/// A value on its way into the store: a large one is a durable file by now, a small one is still the caller's bytes.
struct PreparedBlob {
  Digest digest;
  std::uint64_t size = 0;
  bool is_file = false;
  BytesView bytes;  ///< Unless `is_file`: what the caller passed, which must live until `BlobStore::link`.
};

/// A value found in the store, not yet read or verified.
struct StoredBlob {
  Digest digest;
  std::uint64_t size = 0;
  bool is_file = false;
  Blob bytes;  ///< Unless `is_file`: a copy of the stored bytes, not yet verified.
};

/// The values of an environment, by the digest of their bytes: small ones in a table, large ones as files beside the
/// database (`blobs/ab/cdef...`).
///
/// Storing takes two steps: `prepare` outside any transaction, which is where files are written and flushed, and `link`
/// inside the transaction that makes the value known. A crash in between leaves a file that nothing refers to, and
/// never a value without its bytes. So does reading: `find` inside a transaction, `load` outside.
///
/// A handle: copies are the same store; it keeps its environment open. Thread safety: all members, from any thread.
/// Durability: that of the environment; files are flushed before they are linked with either kind, so that a loss of
/// power can take a value back but not damage it.
/// Errors: `corrupted` (stored bytes are missing, cut off or not those of the digest), `disk_full`, `io_error`,
/// `permission_denied`.
class BlobStore {
 public:
  /// Opens the values of the environment. Removes files that a crash left half written, a bounded number of them.
  [[nodiscard]] static Result<BlobStore> open(Environment environment, BlobStoreOptions options = {});

  /// Hashes the value; a large one becomes a durable file unless it is one already.
  [[nodiscard]] Result<PreparedBlob> prepare(BytesView value) const;
  /// The same for a value whose digest is known. Requires: `digest == Digest::of(value)`.
  [[nodiscard]] Result<PreparedBlob> prepare(BytesView value, const Digest& digest) const;
  /// The same for many values at once: all files are written first and flushed together.
  [[nodiscard]] Result<std::vector<PreparedBlob>> prepare_many(std::span<const BytesView> values) const;
  /// Requires: as many digests as values, each the value's.
  [[nodiscard]] Result<std::vector<PreparedBlob>> prepare_many(std::span<const BytesView> values,
                                                               std::span<const Digest> digests) const;

  /// Makes the value known. Returns false if it was already.
  Result<bool> link(WriteTransaction& transaction, const PreparedBlob& blob) const;
  /// The same for many values at once.
  Result<void> link_many(WriteTransaction& transaction, std::span<const PreparedBlob> blobs) const;

  [[nodiscard]] Result<bool> contains(const ReadTransaction& transaction, const Digest& digest) const;
  [[nodiscard]] Result<std::optional<std::uint64_t>> size(const ReadTransaction& transaction,
                                                          const Digest& digest) const;

  /// Number of distinct values. Complexity: constant.
  [[nodiscard]] Result<std::uint64_t> count(const ReadTransaction& transaction) const;
  /// Their bytes altogether. Complexity: constant.
  [[nodiscard]] Result<std::uint64_t> bytes(const ReadTransaction& transaction) const;

  /// Looks the value up; copies a small one. None if it is not known.
  [[nodiscard]] Result<std::optional<StoredBlob>> find(const ReadTransaction& transaction, const Digest& digest) const;
  /// The bytes of a value that was found, verified against its digest.
  [[nodiscard]] Result<Blob> load(StoredBlob stored) const;
  /// `find` and `load` in one; none if the value is not known. Reads a large value inside the transaction.
  [[nodiscard]] Result<std::optional<Blob>> read(const ReadTransaction& transaction, const Digest& digest) const;

 private:
  struct Impl;
  explicit BlobStore(std::shared_ptr<const Impl> impl) noexcept : impl_(std::move(impl)) {}

  std::shared_ptr<const Impl> impl_;
};

}  // namespace deriva
