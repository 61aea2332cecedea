// Read transactions, and facts about an environment.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>

#include <deriva/core/observer_hub.hpp>

#include "storage/environment_impl.hpp"
#include "storage/lmdb_error.hpp"
#include "storage/thread_scope.hpp"

namespace deriva {

constinit thread_local detail::ThreadScope* detail::ThreadScope::innermost_ = nullptr;

namespace {

struct ReleasePlace {
  void operator()(detail::ReaderPool::Place* place) const noexcept { detail::ReaderPool::release(*place); }
};
/// A place without a live transaction: keeps the map and LMDB's environment as they are.
using Pin = std::unique_ptr<detail::ReaderPool::Place, ReleasePlace>;

struct EndSnapshot {
  void operator()(detail::ReaderPool::Place* place) const noexcept {
    mdb_txn_reset(place->transaction);
    detail::ReaderPool::release(*place);
  }
};
using Snapshot = std::unique_ptr<detail::ReaderPool::Place, EndSnapshot>;

Error all_readers_busy() { return Error(Errc::locked, "every reader slot of the environment is in use"); }

/// Reads the table of readers as LMDB prints it: process, thread, and transaction or "-".
int note_reader(const char* line, void* out) {
  auto& stats = *static_cast<EnvironmentStats*>(out);
  char* rest = nullptr;
  (void)std::strtoull(line, &rest, 10);
  if (rest == line) return 0;  // the heading
  (void)std::strtoull(rest, &rest, 16);
  ++stats.readers;
  char* end = nullptr;
  const std::uint64_t transaction = std::strtoull(rest, &end, 10);
  if (end != rest) stats.oldest_reader = std::min(stats.oldest_reader, transaction);
  return 0;
}

}  // namespace

Result<void> Environment::Impl::check_usable() const {
  if (detail::fork_generation() != fork_generation_) {
    return Error(Errc::locked, "the environment belongs to the parent process; open it again after a fork");
  }
  if (failed_.load(std::memory_order_acquire)) {
    return Error(Errc::io_error, "the environment was shut down after an error that it could not recover from");
  }
  return {};
}

/// Gives up the places of readers whose processes are gone.
void Environment::Impl::expire_readers() {
  EnvironmentStats before;
  before.oldest_reader = ~std::uint64_t{0};
  const bool told = options_.observers && options_.observers->observed();
  if (told) (void)mdb_reader_list(native_, &note_reader, &before);
  int dead = 0;
  (void)mdb_reader_check(native_, &dead);
  for (; told && dead > 0; --dead) options_.observers->emit(event::ReaderExpired{before.oldest_reader});
}

/// Starts a snapshot of tables and journal in the transaction of the place. Returns LMDB's code; on failure the place
/// has no transaction.
int Environment::Impl::start_in(Place& place) {
  if (journal_table() == 0) return start_native(place);
  for (;;) {
    // What is published neither changes before the snapshot is taken nor until it is read again: both are of one
    // moment.
    const detail::Journal* const journal = journal_.load(std::memory_order_acquire);
    const detail::JournalEnd before = journal != nullptr ? journal->end() : detail::JournalEnd{};
    if (const int failed = start_native(place)) return failed;
    Followed followed = Followed::up_to_date;
    if (const int failed = follow(place, journal, before, followed)) {
      mdb_txn_abort(std::exchange(place.transaction, nullptr));
      return failed;
    }
    if (followed == Followed::up_to_date) return 0;
    mdb_txn_reset(place.transaction);
  }
}

/// LMDB takes the number of the last commit, and then copies its meta page, which the next commit but one writes over.
/// Who is interrupted in between has a later state under the number of an earlier one, and whoever remembers something
/// of that number would mix the two. Such a transaction is begun again: while its number is that of the last commit,
/// its page has not been written over.
int Environment::Impl::start_native(Place& place) {
  constexpr int patience = 1'000;
  for (int attempts = 1;; ++attempts) {
    if (const int failed = start_unchecked(place)) return failed;
    std::atomic_thread_fence(std::memory_order_acquire);
    MDB_envinfo info{};
    (void)mdb_env_info(native_, &info);
    if (info.me_last_txnid == mdb_txn_id(place.transaction)) return 0;
    mdb_txn_reset(place.transaction);
    if (attempts % patience != 0) continue;
    // A process that died between writing its meta page and telling the number: the next one that writes tells it.
    MDB_txn* writing = nullptr;
    if (const int failed = mdb_txn_begin(native_, nullptr, 0, &writing)) return failed;
    mdb_txn_abort(writing);
  }
}

int Environment::Impl::start_unchecked(Place& place) {
  if (place.transaction != nullptr) {
    const int failed = mdb_txn_renew(place.transaction);
    if (failed == 0) return 0;
    mdb_txn_abort(std::exchange(place.transaction, nullptr));
    if (failed != MDB_READERS_FULL) return failed;
  }
  int failed = mdb_txn_begin(native_, nullptr, MDB_RDONLY, &place.transaction);
  if (failed == MDB_READERS_FULL) {
    expire_readers();
    failed = mdb_txn_begin(native_, nullptr, MDB_RDONLY, &place.transaction);
  }
  if (failed != 0) place.transaction = nullptr;
  return failed;
}

/// `nested`: inside a write on this thread, when nothing can be repaired.
Result<detail::ReaderPool::Place*> Environment::Impl::begin_read(bool nested) {
  constexpr int repairs = 8;
  for (int i = 0;; ++i) {
    Place* place = readers_.acquire();
    if (place == nullptr) return all_readers_busy();
    if (auto usable = check_usable(); !usable) {
      detail::ReaderPool::release(*place);
      return usable.error();
    }
    int failed = start_in(*place);
    if (failed == 0) return place;
    detail::ReaderPool::release(*place);
    if (failed == MDB_READERS_FULL) {
      place = readers_.acquire_used();
      if (place == nullptr) return all_readers_busy();
      failed = start_in(*place);
      if (failed == 0) return place;
      detail::ReaderPool::release(*place);
    }
    const bool repairable = failed == MDB_MAP_RESIZED || failed == MDB_PANIC;
    if (!repairable || nested || i == repairs) return detail::lmdb_error(failed, "starting to read");
    auto action = [&] { return repair(failed); };
    if (auto done = run_alone(action); !done) return done.error();
  }
}

Result<void> Environment::Impl::read(FunctionRef<void(const ReadTransaction&)> operation) {
  const detail::ThreadScope* outer = detail::ThreadScope::find(this);
  if (outer != nullptr && !outer->writing()) {
    operation(outer->transaction());
    return {};
  }
  if (auto usable = check_usable(); !usable) return usable;
  const Result<Place*> place = begin_read(outer != nullptr);
  if (!place) return place.error();
  const Snapshot snapshot(*place);
  const ReadTransaction transaction = EnvironmentAccess::read(snapshot->transaction, snapshot->journal.get());
  const detail::ThreadScope scope(this, transaction, false);
  operation(transaction);
  return {};
}

Result<EnvironmentStats> Environment::Impl::stats() {
  if (auto usable = check_usable(); !usable) return usable.error();
  const detail::ThreadScope* outer = detail::ThreadScope::find(this);
  const bool reading = outer != nullptr && !outer->writing();  // then the map stays as it is
  const Pin pin(reading ? nullptr : readers_.acquire());
  if (!reading && pin == nullptr) return all_readers_busy();
  if (auto usable = check_usable(); !usable) return usable.error();

  MDB_envinfo info{};
  MDB_stat stat{};
  int failed = mdb_env_info(native_, &info);
  if (failed == 0) failed = mdb_env_stat(native_, &stat);
  if (failed != 0) return detail::lmdb_error(failed, "reading facts about the store");
  EnvironmentStats stats;
  stats.map_bytes = info.me_mapsize;
  stats.used_bytes = (info.me_last_pgno + 1) * stat.ms_psize;
  stats.last_transaction = info.me_last_txnid;
  stats.oldest_reader = info.me_last_txnid;
  (void)mdb_reader_list(native_, &note_reader, &stats);
  stats.commits = commits_.load(std::memory_order_relaxed);
  stats.operations = operations_.load(std::memory_order_relaxed);
  stats.waiting = queue_.waiting();
  stats.map_growths = map_growths_.load(std::memory_order_relaxed);
  stats.appends = appends_.load(std::memory_order_relaxed);
  return stats;
}

Result<void> Environment::Impl::flush() {
  if (auto usable = check_usable(); !usable) return usable.error();
  const detail::ThreadScope* outer = detail::ThreadScope::find(this);
  const bool reading = outer != nullptr && !outer->writing();
  const Pin pin(reading ? nullptr : readers_.acquire());
  if (!reading && pin == nullptr) return all_readers_busy();
  if (auto usable = check_usable(); !usable) return usable.error();
  if (const int failed = mdb_env_sync(native_, 1)) return detail::lmdb_error(failed, "flushing the store");
  return {};
}

}  // namespace deriva
