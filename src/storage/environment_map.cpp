// The memory map: growing it, following another process that did, and replacing a broken environment.
#include <sys/mman.h>

#include <fmt/format.h>

#include <deriva/core/observer_hub.hpp>

#include "storage/environment_impl.hpp"
#include "storage/lmdb_error.hpp"

namespace deriva {
namespace {

/// Keeps readers out while it lives.
class NoReaders {
 public:
  explicit NoReaders(detail::ReaderPool& readers) : readers_(readers) { readers_.close(); }
  NoReaders(const NoReaders&) = delete;
  NoReaders& operator=(const NoReaders&) = delete;
  ~NoReaders() { readers_.open(); }

 private:
  detail::ReaderPool& readers_;
};

/// Whether so much address space can be had: once LMDB has given up the old map, a refusal could not be undone.
bool can_reserve(std::uint64_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return address != MAP_FAILED && ::munmap(address, bytes) == 0;
}

}  // namespace

Result<void> Environment::Impl::repair(int code) { return code == MDB_MAP_RESIZED ? adopt_map() : reopen(); }

Result<void> Environment::Impl::grow_map() {
  MDB_envinfo info{};
  (void)mdb_env_info(native_, &info);
  const std::uint64_t wanted = std::uint64_t{info.me_mapsize} * 2;
  if (!can_reserve(wanted)) {
    return Error(Errc::io_error, fmt::format("the map is full, and there is no address space for {} bytes", wanted));
  }
  if (auto done = set_map_size(wanted); !done) return done;
  map_growths_.fetch_add(1, std::memory_order_relaxed);
  if (options_.observers) options_.observers->emit(event::MapGrown{info.me_mapsize, wanted});
  return {};
}

Result<void> Environment::Impl::adopt_map() { return set_map_size(0); }

Result<void> Environment::Impl::set_map_size(std::uint64_t bytes) {
  const NoReaders alone(readers_);
  if (auto usable = check_usable(); !usable) return usable;
  map_version_.fetch_add(1, std::memory_order_relaxed);
  if (const int failed = mdb_env_set_mapsize(native_, bytes)) {
    return fail_stop(detail::lmdb_error(failed, "resizing the map"));
  }
  return {};
}

/// After a failed write of a meta page LMDB refuses everything until it is opened again. Once without a commit in
/// between is enough: then the device is at fault.
Result<void> Environment::Impl::reopen() {
  const NoReaders alone(readers_);
  if (auto usable = check_usable(); !usable) return usable;
  MDB_txn* probe = nullptr;
  if (mdb_txn_begin(native_, nullptr, MDB_RDONLY, &probe) == 0) {  // someone else has repaired it
    mdb_txn_abort(probe);
    return {};
  }
  const std::uint64_t commits = commits_.load(std::memory_order_relaxed);
  if (reopened_after_ == commits) {
    return fail_stop(Error(Errc::io_error, "writing failed again right after the environment was reopened"));
  }
  reopened_after_ = commits;
  map_version_.fetch_add(1, std::memory_order_relaxed);

  MDB_envinfo info{};
  (void)mdb_env_info(native_, &info);
  options_.map_bytes = info.me_mapsize;
  readers_.for_each([](Place& place) { mdb_txn_abort(std::exchange(place.transaction, nullptr)); });
  mdb_env_close(std::exchange(native_, nullptr));
  const Result<MDB_env*> native = open_native();
  if (!native) return fail_stop(native.error());
  native_ = *native;
  if (auto done = check_identity(); !done) return fail_stop(done.error());
  if (auto done = reopen_tables(); !done) return fail_stop(done.error());
  return {};
}

/// Tables keep their handles: LMDB numbers them in the order in which they are opened.
Result<void> Environment::Impl::reopen_tables() {
  const std::lock_guard lock(tables_mutex_);
  MDB_txn* transaction = nullptr;
  if (const int failed = mdb_txn_begin(native_, nullptr, MDB_RDONLY, &transaction)) {
    return detail::lmdb_error(failed, "opening the tables again");
  }
  for (const TableEntry& entry : tables_) {
    MDB_dbi handle = 0;
    int failed = mdb_dbi_open(transaction, entry.name.c_str(), entry.flags, &handle);
    if (failed == 0 && handle != entry.handle) failed = MDB_BAD_DBI;
    if (failed == 0) continue;
    mdb_txn_abort(transaction);
    return detail::lmdb_error(failed, "opening the tables again");
  }
  if (const int failed = mdb_txn_commit(transaction)) return detail::lmdb_error(failed, "opening the tables again");
  return {};
}

Error Environment::Impl::fail_stop(const Error& reason) {
  failed_.store(true, std::memory_order_release);
  return Error(Errc::io_error, fmt::format("the environment is shut down: {}", reason.message()));
}

}  // namespace deriva
