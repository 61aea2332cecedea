#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>

#include "storage/posix.hpp"

namespace deriva::detail {

/// Where the journal ends, as all processes see it. Which journal: the lower half of its epoch.
struct JournalEnd {
  std::uint32_t era = 0;  ///< grows from one journal in the file to the next; 0: there was none yet
  std::uint32_t bytes = 0;
  friend bool operator==(const JournalEnd&, const JournalEnd&) = default;
};

/// The file `journal` of an environment: room for bytes, which one journal after the other fills from the front; and
/// `journal.end`, which all processes map, and nobody flushes (docs/graph-format.md). It knows nothing of what the
/// bytes mean.
///
/// Thread safety: `end` and `read` from any thread; `append`, `publish` and `replace_end` by whoever holds the write
/// lock of the environment. What was read is what was meant only if the era is still the same afterwards.
class Journal {
 public:
  /// Bytes for one journal.
  static constexpr std::size_t capacity = std::size_t{1} << 20U;

  /// Opens the files. Errors: `not_found`, `permission_denied`, `corrupted` (not as long as it was made), `io_error`.
  static Result<std::unique_ptr<Journal>> open(int directory);
  /// Opens the files, which are made before if need be: all of the first one is written and flushed, so that an append
  /// flushes nothing but its bytes.
  static Result<std::unique_ptr<Journal>> create(int directory);

  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  [[nodiscard]] JournalEnd end() const noexcept;
  void publish(JournalEnd end) noexcept;
  /// Publishes unless somebody has done so since `before` was read.
  void replace_end(JournalEnd before, JournalEnd end) noexcept;

  /// Writes bytes at an offset and makes them durable, with one flush. Returns 0 or the error number.
  [[nodiscard]] int append(std::uint32_t at, BytesView bytes) noexcept;
  /// Makes durable whatever was written. Returns 0 or the error number.
  [[nodiscard]] int flush() noexcept;
  /// Adds the bytes from an offset to below another one to `out`. Returns 0 or the error number.
  [[nodiscard]] int read(std::uint32_t from, std::uint32_t to, std::vector<std::byte>& out) const;

 private:
  Journal(FileDescriptor file, std::uint64_t* end) noexcept : file_(std::move(file)), end_(end) {}
  static Result<std::unique_ptr<Journal>> with_end(int directory, FileDescriptor file);

  FileDescriptor file_;
  std::uint64_t* end_;  // mapped: in the same file, every append would flush its page as well
};

}  // namespace deriva::detail
