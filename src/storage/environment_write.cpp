// Write transactions: a group of operations, one commit.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fmt/format.h>

#include <deriva/core/observer_hub.hpp>

#include "storage/environment_impl.hpp"
#include "storage/lmdb_error.hpp"
#include "storage/thread_scope.hpp"

namespace deriva {
namespace {

struct Abort {
  void operator()(MDB_txn* transaction) const noexcept { mdb_txn_abort(transaction); }
};
using OpenTransaction = std::unique_ptr<MDB_txn, Abort>;

/// LMDB reports a write that a full disk cut short as EIO. Tells such a one by asking for more space: none is used,
/// what is granted beyond the end of the file goes to the next pages.
bool is_disk_full(MDB_env* native) {
  constexpr off_t probe = off_t{1} << 20U;
  int file = -1;
  struct stat status {};
  rlimit limit{};
  if (mdb_env_get_fd(native, &file) != 0 || ::fstat(file, &status) != 0) return false;
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && static_cast<rlim_t>(status.st_size + probe) > limit.rlim_cur)
    return true;
  return ::fallocate(file, FALLOC_FL_KEEP_SIZE, status.st_size, probe) != 0 && (errno == ENOSPC || errno == EDQUOT);
}

/// What an operation did inside the transaction.
struct Ran {
  std::uint64_t changes = 0;
  int fault = 0;
  Result<void> outcome;
};

Ran run_operation(const void* environment, MDB_txn* native, detail::JournalTurn& turn,
                  detail::CommitQueue::Request& request) {
  WriteTransaction transaction = EnvironmentAccess::write(native, turn);
  const detail::ThreadScope scope(environment, transaction, true);
  Ran ran;
  try {
    ran.outcome = request.operation()(transaction);
  } catch (...) {
    request.exception = std::current_exception();
    ran.outcome = Error(Errc::io_error);  // never seen: the exception goes to the caller
  }
  ran.changes = transaction.changes();
  ran.fault = EnvironmentAccess::fault(transaction);
  return ran;
}

}  // namespace

Result<void> Environment::Impl::write(FunctionRef<Result<void>(WriteTransaction&)> operation, Journaling journaling) {
  if (auto usable = check_usable(); !usable) return usable;
  if (detail::ThreadScope::find(this) != nullptr) {
    return Error(Errc::invalid_argument, "a write must not be started inside a read or a write of the same thread");
  }
  Request request(operation, journaling == Journaling::appends);
  if (queue_.join(request)) {
    const std::span<Request* const> group = queue_.take_group();
    try {
      run_group(group);
    } catch (...) {  // out of memory
      for (Request* one : group) {
        if (!one->outcome) one->exception = std::current_exception();
      }
    }
    queue_.finish();
  }
  if (request.exception) std::rethrow_exception(request.exception);
  return *std::move(request.outcome);
}

/// Carries an action out while nobody else leads.
Result<void> Environment::Impl::run_alone(FunctionRef<Result<void>()> action) {
  Request request;
  (void)queue_.join(request);
  (void)queue_.take_group();
  struct Finish {
    detail::CommitQueue& queue;
    ~Finish() { queue.finish(); }
  } const finish{queue_};
  return action();
}

void Environment::Impl::run_group(std::span<Request* const> group) {
  constexpr int patience = 4;  // operations that fail late cost the others at most so many repetitions
  std::size_t limit = group.size();
  for (int undone = 0;;) {
    batch_.clear();
    for (Request* request : group) {
      if (!request->outcome && batch_.size() < limit) batch_.push_back(request);
    }
    if (batch_.empty()) return;
    const Result<Attempt> result = attempt();
    opening_.clear();
    if (!result) {
      for (Request* request : batch_) {
        if (!request->outcome) request->outcome = result.error();
      }
    } else if (*result == Attempt::undone_alike || (*result == Attempt::undone && ++undone == patience)) {
      limit = 1;
    }
  }
}

/// One transaction for the batch. An error concerns all who have no outcome yet.
Result<Environment::Impl::Attempt> Environment::Impl::attempt() {
  const event::Time started = event::Clock::now();
  const Result<MDB_txn*> begun = begin_write();
  if (!begun) return begun.error();
  OpenTransaction transaction(*begun);
  const bool appends = std::ranges::all_of(batch_, &Request::appends);
  if (const int failed = turn_.begin(*begun, appends, detail::JournalTurn::Trust::end)) {
    return detail::lmdb_error(failed, "reading the journal");
  }
  std::uint64_t changed = 0;
  for (Request* request : batch_) {
    Ran ran = run_operation(this, transaction.get(), turn_, *request);
    if (ran.fault == 0 && ran.outcome) {
      changed += ran.changes != 0 ? 1 : 0;
      continue;
    }
    if (ran.fault == MDB_MAP_FULL) {
      request->exception = nullptr;
      transaction.reset();
      if (auto grown = grow_map(); !grown) return grown.error();
      return Attempt::undone;
    }
    if (ran.fault == MDB_TXN_FULL && batch_.size() > 1) {
      request->exception = nullptr;
      return Attempt::undone_alike;
    }
    if (ran.fault == EIO && is_disk_full(native_)) ran.fault = ENOSPC;
    if (ran.outcome || ran.fault != 0) ran.outcome = detail::lmdb_error(ran.fault, "changing the store");
    request->outcome = std::move(ran.outcome);
    if (ran.changes != 0 || ran.fault != 0) return Attempt::undone;
  }
  if (turn_.mixed()) return Attempt::undone_alike;
  return commit(transaction.release(), changed, started);
}

Result<Environment::Impl::Attempt> Environment::Impl::commit_native(MDB_txn* native) {
  int failed = mdb_txn_commit(native);
  if (failed == EIO && is_disk_full(native_)) failed = ENOSPC;
  if (failed == MDB_MAP_FULL) {
    if (auto grown = grow_map(); !grown) return grown.error();
    return Attempt::undone;
  }
  if ((failed == MDB_BAD_TXN || failed == MDB_TXN_FULL) && batch_.size() > 1) return Attempt::undone_alike;
  if (failed != 0) return detail::lmdb_error(failed, "committing to the store");
  turn_.committed();
  return Attempt::committed;
}

Result<Environment::Impl::Attempt> Environment::Impl::commit(MDB_txn* native, std::uint64_t changed,
                                                             event::Time started) {
  const event::Time flushing = event::Clock::now();
  if (turn_.pending()) {
    const OpenTransaction unchanged(native);  // keeps other writers out
    if (const int failed = turn_.flush()) return detail::system_error(failed, "appending to the journal");
    appends_.fetch_add(1, std::memory_order_relaxed);
  } else if (auto done = commit_native(native); !done || *done != Attempt::committed) {
    return done;
  }
  publish_tables();
  for (Request* request : batch_) {
    if (!request->outcome) request->outcome.emplace();
  }
  if (changed == 0) return Attempt::committed;
  if (options_.observers && options_.observers->observed()) {
    const event::Time now = event::Clock::now();
    options_.observers->emit_at(now, event::Committed{started, changed, now - flushing});
  }
  operations_.fetch_add(changed, std::memory_order_relaxed);
  constexpr std::uint64_t reader_check_interval = 1'024;
  if ((commits_.fetch_add(1, std::memory_order_relaxed) + 1) % reader_check_interval == 0) {
    expire_readers();
  }
  return Attempt::committed;
}

Result<MDB_txn*> Environment::Impl::begin_write() {
  constexpr int repairs = 8;
  for (int i = 0;; ++i) {
    if (auto usable = check_usable(); !usable) return usable.error();
    MDB_txn* transaction = nullptr;
    const int failed = mdb_txn_begin(native_, nullptr, 0, &transaction);
    if (failed == 0) return transaction;
    if ((failed != MDB_MAP_RESIZED && failed != MDB_PANIC) || i == repairs) {
      return detail::lmdb_error(failed, "starting to write");
    }
    if (auto repaired = repair(failed); !repaired) return repaired.error();
  }
}

Result<std::optional<MDB_dbi>> Environment::Impl::find_table(std::string_view name, unsigned int flags,
                                                             std::size_t value_size) {
  const std::lock_guard lock(tables_mutex_);
  const auto found = std::find_if(tables_.begin(), tables_.end(), [&](const auto& one) { return one.name == name; });
  if (found == tables_.end()) return std::optional<MDB_dbi>();
  if (found->flags == flags && found->value_size == value_size) return std::optional<MDB_dbi>(found->handle);
  return Error(Errc::invalid_argument, fmt::format("table {} is in use as another kind of table", name));
}

Result<void> Environment::Impl::open_table(WriteTransaction& transaction, TableEntry entry) {
  int failed = mdb_dbi_open(transaction.native(), entry.name.c_str(), entry.flags, &entry.handle);
  if (failed == MDB_NOTFOUND) {
    failed = mdb_dbi_open(transaction.native(), entry.name.c_str(), entry.flags | MDB_CREATE, &entry.handle);
    if (failed == 0) transaction.count_change();
  }
  if (!detail::leaves_transaction_usable(failed)) transaction.count_fault(failed);
  unsigned int stored = 0;
  if (failed == 0) failed = mdb_dbi_flags(transaction.native(), entry.handle, &stored);
  if (failed != 0) return detail::lmdb_error(failed, fmt::format("opening table {}", entry.name));
  if (stored != entry.flags) {
    return Error(Errc::format_mismatch, fmt::format("table {} is of another kind", entry.name));
  }
  opening_.push_back(std::move(entry));
  return {};
}

Result<MDB_dbi> Environment::Impl::table(std::string_view name, unsigned int flags, std::size_t value_size) {
  const TableSpec specs[] = {{std::string(name), flags, value_size}};
  const Result<std::vector<MDB_dbi>> handles = tables(specs);
  if (!handles) return handles.error();
  return handles->front();
}

/// Those of the tables that are open.
Result<std::vector<MDB_dbi>> Environment::Impl::open_tables(std::span<const TableSpec> specs) {
  std::vector<MDB_dbi> handles;
  handles.reserve(specs.size());
  for (const TableSpec& spec : specs) {
    const Result<std::optional<MDB_dbi>> known = find_table(spec.name, spec.flags, spec.value_size);
    if (!known) return known.error();
    if (*known) handles.push_back(**known);
  }
  return handles;
}

Result<bool> Environment::Impl::has_tables(std::span<const TableSpec> specs) {
  Result<std::vector<MDB_dbi>> handles = open_tables(specs);
  if (handles && handles->size() < specs.size() && detail::ThreadScope::find(this) == nullptr) {
    open_existing(specs);
    handles = open_tables(specs);
  }
  if (!handles) return handles.error();
  return handles->size() == specs.size();
}

Result<std::vector<MDB_dbi>> Environment::Impl::tables(std::span<const TableSpec> specs) {
  for (int attempt = 0;; ++attempt) {
    Result<std::vector<MDB_dbi>> handles = open_tables(specs);
    if (!handles || handles->size() == specs.size()) return handles;
    if (attempt == 0 && detail::ThreadScope::find(this) == nullptr) {
      open_existing(specs);
      continue;
    }
    if (attempt == 2) return Error(Errc::not_found, "a table that was just opened is not there");
    auto open = [&](WriteTransaction& transaction) -> Result<void> {
      for (const TableSpec& spec : specs) {
        if (auto done = open_table(transaction, {spec.name, 0, spec.flags, spec.value_size}); !done) return done;
      }
      return {};
    };
    if (auto done = write(open); !done) return done.error();
  }
}

/// Opens the tables if all are there, in a transaction that only reads: a process that opens a store to read it need
/// not touch what writers use. If that does not work, for whatever reason, a transaction that writes will, or say why
/// not.
void Environment::Impl::open_existing(std::span<const TableSpec> specs) {
  auto open = [&]() -> Result<void> {
    MDB_txn* transaction = nullptr;
    if (!check_usable() || mdb_txn_begin(native_, nullptr, MDB_RDONLY, &transaction) != 0) return {};
    OpenTransaction owner(transaction);
    for (const TableSpec& spec : specs) {
      TableEntry entry{spec.name, 0, spec.flags, spec.value_size};
      unsigned int stored = 0;
      if (mdb_dbi_open(transaction, spec.name.c_str(), spec.flags, &entry.handle) != 0 ||
          mdb_dbi_flags(transaction, entry.handle, &stored) != 0 || stored != spec.flags) {
        opening_.clear();
        return {};
      }
      opening_.push_back(std::move(entry));
    }
    if (mdb_txn_commit(owner.release()) == 0) publish_tables();  // keeps the handles
    opening_.clear();
    return {};
  };
  (void)run_alone(open);
}

void Environment::Impl::publish_tables() {
  if (opening_.empty()) return;
  const std::lock_guard lock(tables_mutex_);
  for (TableEntry& entry : opening_) {
    const auto place = std::lower_bound(tables_.begin(), tables_.end(), entry.handle,
                                        [](const TableEntry& a, MDB_dbi handle) { return a.handle < handle; });
    if (place == tables_.end() || place->handle != entry.handle) tables_.insert(place, std::move(entry));
  }
}

}  // namespace deriva
