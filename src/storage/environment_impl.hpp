#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <lmdb.h>

#include <deriva/core/event.hpp>
#include <deriva/storage/environment.hpp>

#include "storage/commit_queue.hpp"
#include "storage/directory.hpp"
#include "storage/journal.hpp"
#include "storage/journal_turn.hpp"
#include "storage/posix.hpp"
#include "storage/reader_pool.hpp"

namespace deriva {

/// Makes transactions; nobody else can.
class EnvironmentAccess {
 public:
  static ReadTransaction read(MDB_txn* native, const detail::JournalContents* journal) noexcept {
    return {native, mdb_txn_id(native), false, journal};
  }
  static WriteTransaction write(MDB_txn* native, detail::JournalTurn& turn) noexcept {
    return {native, mdb_txn_id(native), turn.contents(), turn};
  }
  static int fault(const WriteTransaction& transaction) noexcept { return transaction.fault_; }
};

/// One open LMDB environment of this process.
///
/// Who may do what: read transactions run in places of the pool; write transactions, opening tables, and changing or
/// replacing the map are the business of the one who leads the commit queue; the last two also empty the pool first.
class Environment::Impl {
 public:
  using StoreId = std::array<std::byte, 16>;

  Impl(std::filesystem::path path, EnvironmentOptions options, detail::FileDescriptor directory);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  /// Opens `data.mdb`, which exists, and checks that it belongs to this directory.
  Result<void> open(const detail::FileIdentity& file);

  Result<void> read(FunctionRef<void(const ReadTransaction&)> operation);
  /// What an operation may leave to the journal.
  enum class Journaling : std::uint8_t { none, appends };
  Result<void> write(FunctionRef<Result<void>(WriteTransaction&)> operation, Journaling journaling = Journaling::none);
  Result<EnvironmentStats> stats();
  Result<void> flush();

  /// The handle of a table, which is created if need be; opened once per process. `value_size`: of a set, else 0.
  /// Errors: `invalid_argument` (inside a transaction; another value size), `format_mismatch` (another kind of table).
  Result<MDB_dbi> table(std::string_view name, unsigned int flags, std::size_t value_size);
  /// What a table is opened by.
  struct TableSpec {
    std::string name;
    unsigned int flags = 0;
    std::size_t value_size = 0;  ///< of a set
  };
  /// Of a table of sets.
  static constexpr unsigned int set_flags = MDB_DUPSORT | MDB_DUPFIXED;
  /// The same for several tables, in one transaction.
  Result<std::vector<MDB_dbi>> tables(std::span<const TableSpec> specs);
  /// Whether all of them are there, of the right kind; opens them then. Errors: as `table`.
  Result<bool> has_tables(std::span<const TableSpec> specs);

  /// From now on transactions see the journal. Tables that it may hold changes of must not be read before. `unnamed`:
  /// the table that names it.
  void follow_journal(MDB_dbi unnamed) noexcept { journal_table_.store(unnamed, std::memory_order_release); }
  /// The table; 0: nobody follows.
  [[nodiscard]] MDB_dbi journal_table() const noexcept { return journal_table_.load(std::memory_order_acquire); }
  /// Finds out where the journal ends, whatever the file says: a loss of power may have taken back where that was
  /// published, but nothing that was flushed before.
  Result<void> recover_journal();
  /// The journal of this environment; opened, or made, by whoever asks first.
  Result<detail::Journal*> journal(bool create);

  /// Changes whenever the map may have moved. What a reader remembers of a snapshot, by pointers, is good for another
  /// transaction with the same id as long as this is the same. Requires: inside a transaction.
  [[nodiscard]] std::uint64_t map_version() const noexcept { return map_version_.load(std::memory_order_relaxed); }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] const EnvironmentOptions& options() const noexcept { return options_; }
  [[nodiscard]] int directory() const noexcept { return directory_.get(); }
  [[nodiscard]] const StoreId& id() const noexcept { return id_; }

 private:
  using Request = detail::CommitQueue::Request;
  using Place = detail::ReaderPool::Place;
  struct TableEntry {
    std::string name;
    MDB_dbi handle = 0;
    unsigned int flags = 0;
    std::size_t value_size = 0;
  };
  /// What became of an attempt to commit a batch; whoever has no outcome yet is in the next one.
  enum class Attempt {
    committed,
    undone,        ///< by a failure that the rest can do without
    undone_alike,  ///< by a failure that may be anyone's: the next attempts take one request each
  };

  // environment_open.cpp
  Result<MDB_env*> open_native();
  Result<void> check_descriptor(MDB_env* native) const;
  Result<void> check_identity();
  Result<void> check_identity_file(bool fresh) const;

  // environment_read.cpp
  [[nodiscard]] Result<void> check_usable() const;
  Result<Place*> begin_read(bool nested);
  int start_in(Place& place);
  int start_native(Place& place);
  int start_unchecked(Place& place);

  // environment_journal.cpp
  enum class Followed : std::uint8_t { up_to_date, changed };
  int follow(Place& place, const detail::Journal* journal, detail::JournalEnd before, Followed& out);

  // environment_write.cpp
  void run_group(std::span<Request* const> group);
  Result<Attempt> attempt();
  Result<MDB_txn*> begin_write();
  Result<Attempt> commit_native(MDB_txn* native);
  Result<Attempt> commit(MDB_txn* native, std::uint64_t changed, event::Time started);
  void expire_readers();
  Result<std::optional<MDB_dbi>> find_table(std::string_view name, unsigned int flags, std::size_t value_size);
  Result<std::vector<MDB_dbi>> open_tables(std::span<const TableSpec> specs);
  Result<void> open_table(WriteTransaction& transaction, TableEntry entry);
  void open_existing(std::span<const TableSpec> specs);
  void publish_tables();
  Result<void> run_alone(FunctionRef<Result<void>()> action);

  // environment_map.cpp; only by the leader of the queue
  Result<void> repair(int code);
  Result<void> grow_map();
  Result<void> adopt_map();
  Result<void> reopen();
  Result<void> reopen_tables();
  Result<void> set_map_size(std::uint64_t bytes);
  Error fail_stop(const Error& reason);

  const std::filesystem::path path_;
  EnvironmentOptions options_;
  detail::FileDescriptor directory_;
  detail::FileIdentity file_;
  MDB_env* native_ = nullptr;
  StoreId id_{};
  const std::uint64_t fork_generation_;
  std::atomic<bool> failed_{false};            // nothing works any more
  std::atomic<std::uint64_t> map_version_{0};  // changed without readers only

  detail::ReaderPool readers_;
  detail::CommitQueue queue_;

  std::atomic<MDB_dbi> journal_table_{0};
  std::mutex journal_mutex_;
  std::unique_ptr<detail::Journal> journal_file_;
  std::atomic<detail::Journal*> journal_{nullptr};

  std::mutex tables_mutex_;
  std::vector<TableEntry> tables_;  // by handle

  // The leader's
  detail::JournalTurn turn_{*this};
  std::vector<Request*> batch_;
  std::vector<TableEntry> opening_;                   // in the transaction that is open
  std::uint64_t reopened_after_ = ~std::uint64_t{0};  // `commits_` at the last reopening

  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> operations_{0};
  std::atomic<std::uint64_t> map_growths_{0};
  std::atomic<std::uint64_t> appends_{0};
};

namespace detail {

/// How often this process has been forked off from another since it first opened an environment: differs between
/// parent and child.
[[nodiscard]] std::uint64_t fork_generation() noexcept;

/// The number of the storage format of this version: tables, store id, and files beside the database.
inline constexpr std::uint32_t storage_format = 1;

/// Creates `data.mdb`, complete with identity, unless it exists. The file appears whole or not at all.
[[nodiscard]] Result<void> create_data_file(int directory, const std::filesystem::path& path);

/// A path by which LMDB reaches the opened directory even if its name is taken by another meanwhile.
[[nodiscard]] std::string lmdb_path(int directory, const std::filesystem::path& path);

}  // namespace detail
}  // namespace deriva
