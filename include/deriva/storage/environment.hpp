#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <deriva/core/error.hpp>
#include <deriva/storage/function_ref.hpp>
#include <deriva/storage/transaction.hpp>

namespace deriva {

class ObserverHub;

/// Which crash an acknowledged write survives.
enum class Durability : std::uint8_t {
  sync,     ///< A crash of the process and a loss of power (the default).
  relaxed,  ///< A crash of the process. A loss of power may take the last commits back; nothing is ever corrupted.
};

struct EnvironmentOptions {
  // Behaviour
  Durability durability = Durability::sync;
  bool create_if_missing = true;
  /// LMDB's locks and maps do not work over a network: opening there, or on FUSE, is `Errc::unsupported` unless this is
  /// set.
  bool allow_network_file_system = false;

  // Performance and limits
  /// Address space to reserve, in bytes; the file stays as small as its content. Grows by itself when it is full;
  /// halved until the system grants it. Valgrind needs at most 16 GiB.
  std::uint64_t map_bytes = std::uint64_t{64} << 30U;
  /// Read transactions at the same time, over all processes. Fewer than 512 are raised to 512.
  std::uint32_t max_readers = 512;
  std::uint32_t max_tables = 64;
  /// Operations that one commit may take together (group commit); at least 1.
  std::uint32_t max_group = 1'024;

  /// Is told of commits, of a map that grows, and of readers that are gone. Null: nobody.
  std::shared_ptr<ObserverHub> observers{};
};

/// Facts about an environment; see `Environment::stats`.
struct EnvironmentStats {
  std::uint64_t map_bytes = 0;         ///< Address space reserved.
  std::uint64_t used_bytes = 0;        ///< Size of the pages in the file, free ones included.
  std::uint64_t last_transaction = 0;  ///< Number of the last committed write transaction.
  std::uint64_t oldest_reader = 0;  ///< Transaction that the oldest reader sees; `last_transaction` if there is none.
  std::uint32_t readers = 0;        ///< Reader slots in use, in all processes.
  std::uint64_t commits = 0;        ///< Commits of this process.
  std::uint64_t operations = 0;     ///< Operations in those commits: above `commits` when grouping pays.
  std::uint64_t waiting = 0;        ///< Operations that wait for the next commit at this moment.
  std::uint64_t map_growths = 0;
  std::uint64_t appends = 0;  ///< Of the commits, those that went to the journal.
};

/// One LMDB environment: a directory with `data.mdb` and `lock.mdb`, holding any number of typed tables.
///
/// A handle: copies share the environment. Opening the directory again in the same process, under whatever name, gives
/// the same environment (LMDB would break its own locks otherwise); it is closed with the last handle.
/// Thread safety: all members, from any thread. After `fork` every member of the child's copy is `Errc::locked`.
class Environment {
 public:
  /// Opens or creates the environment in `directory` (created with mode 0700, one level). If it is open in this process
  /// already, its options stand. Complexity: constant.
  /// Errors: `io_error`, `disk_full`, `permission_denied` (another owner; writable by group or others; a symbolic
  /// link), `format_mismatch` (another LMDB file format), `corrupted` (empty or truncated file), `unsupported`
  /// (network file system, big-endian), `invalid_argument` (not a directory; open in this process with another
  /// durability), `not_found` (missing and not to be created).
  [[nodiscard]] static Result<Environment> open(const std::filesystem::path& directory,
                                                EnvironmentOptions options = {});

  /// Calls `operation(const ReadTransaction&)`, which returns a `Result`, on one consistent snapshot, and returns its
  /// result. Views that the operation got from tables end with it. Taking the snapshot costs some tens of nanoseconds.
  /// Inside a `read` of the same thread it is the same snapshot; inside a `write` it is the last commit, without the
  /// changes of that write. What the operation throws passes through.
  /// Requires: the operation returns before anything else waits for it, and does not call `write`.
  /// Errors: the operation's; `locked` (after `fork`, or every reader slot is in use), `io_error`.
  template <std::invocable<const ReadTransaction&> Operation>
  auto read(Operation&& operation) const -> std::invoke_result_t<Operation, const ReadTransaction&> {
    using Out = std::invoke_result_t<Operation, const ReadTransaction&>;
    static_assert(is_transaction_result<Out>,
                  "the operation must return a deriva::Result (never an awaitable or a reference)");
    std::optional<Out> out;
    auto call = [&](const ReadTransaction& transaction) { out.emplace(operation(transaction)); };
    Result<void> done = read_erased(call);
    if (!done) return std::move(done).error();
    return std::move(*out);
  }

  /// Calls `operation(WriteTransaction&)`, which returns a `Result`, inside a write transaction, and commits it.
  ///
  /// Concurrent callers share a transaction and one flush (group commit): the operation may run on another caller's
  /// thread, and more than once, so its effects outside the transaction must be ones that a second run overwrites. An
  /// error from it undoes it, and only it, and so does an exception, which its own caller gets. When `write` returns a
  /// value, the change has the environment's durability; when it fails, nothing was changed, except that after an
  /// `io_error` or `disk_full` from the last step of the commit the change may be there.
  /// Requires: not called from inside `read` or `write` on the same thread (`Errc::invalid_argument`).
  /// Errors: the operation's; `disk_full`, `io_error`, `locked`.
  template <std::invocable<WriteTransaction&> Operation>
  auto write(Operation&& operation) -> std::invoke_result_t<Operation, WriteTransaction&> {
    using Out = std::invoke_result_t<Operation, WriteTransaction&>;
    static_assert(is_transaction_result<Out>,
                  "the operation must return a deriva::Result (never an awaitable or a reference)");
    return detail::result_of_write<Out>(operation, [this](auto& call) { return write_erased(call); });
  }

  [[nodiscard]] Result<EnvironmentStats> stats() const;
  [[nodiscard]] const std::filesystem::path& directory() const noexcept;
  [[nodiscard]] Durability durability() const noexcept;

  /// Flushes what `Durability::relaxed` may still hold back.
  [[nodiscard]] Result<void> flush();

  /// The implementation, for the tables of this layer.
  class Impl;
  [[nodiscard]] Impl& impl() const noexcept { return *impl_; }

 private:
  explicit Environment(std::shared_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
  Result<void> read_erased(FunctionRef<void(const ReadTransaction&)> operation) const;
  Result<void> write_erased(FunctionRef<Result<void>(WriteTransaction&)> operation);

  std::shared_ptr<Impl> impl_;
};

}  // namespace deriva
