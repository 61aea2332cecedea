// A read transaction that LMDB numbers as an earlier one than it is: a thread that begins one may be interrupted for so
// long that two commits happen. This executable's definitions of LMDB's functions come before LMDB's own.
#include <deriva/storage/environment.hpp>

#include <dlfcn.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include <lmdb.h>

#include "support/catch.hpp"
#include "unit/storage/storage_fixture.hpp"

namespace deriva::test {
namespace {

/// Until the next transaction ends, numbers are those of two commits before.
std::atomic<bool>& is_misnumbered() {
  static std::atomic<bool> instance{false};
  return instance;
}

/// Until somebody begins to write, the last commit is one that readers were not told of.
std::atomic<bool>& is_untold() {
  static std::atomic<bool> instance{false};
  return instance;
}

template <class Function>
Function* next_definition(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

TEST_CASE("a snapshot has the number of an earlier one") {
  const TemporaryDirectory place;
  Environment environment = Environment::open(place.store()).value();
  const auto table = Bytes::open(environment, "bytes").value();
  for (std::uint64_t i = 0; i < 4; ++i) {
    REQUIRE(environment.write([&](WriteTransaction& transaction) {
      return table.put(transaction, std::uint64_t{1}, as_bytes(std::to_string(transaction.id())));
    }));
  }
  for (const bool misnumbered : {false, true, true}) {
    is_misnumbered() = misnumbered;
    REQUIRE(environment.read([&](const ReadTransaction& transaction) -> Result<void> {
      CHECK(as_text(*table.get(transaction, std::uint64_t{1}).value()) == std::to_string(transaction.id()));
      return {};
    }));
    CHECK_FALSE(is_misnumbered());
  }
}

TEST_CASE("readers wait for ever for a writer that died before it told them of its commit") {
  const TemporaryDirectory place;
  Environment environment = Environment::open(place.store()).value();
  const auto table = Bytes::open(environment, "bytes").value();
  is_untold() = true;
  const auto found = environment.read([&](const ReadTransaction& transaction) -> Result<bool> {
    return table.get(transaction, std::uint64_t{1}).value().has_value();
  });
  CHECK_FALSE(found.value());
  CHECK_FALSE(is_untold());
}

}  // namespace deriva::test

extern "C" {

std::size_t mdb_txn_id(MDB_txn* transaction) {
  static auto* const next = deriva::test::next_definition<std::size_t(MDB_txn*)>("mdb_txn_id");
  return next(transaction) - (deriva::test::is_misnumbered() ? 2 : 0);
}

int mdb_env_info(MDB_env* environment, MDB_envinfo* info) {
  static auto* const next = deriva::test::next_definition<int(MDB_env*, MDB_envinfo*)>("mdb_env_info");
  const int failed = next(environment, info);
  if (deriva::test::is_untold()) ++info->me_last_txnid;
  return failed;
}

int mdb_txn_begin(MDB_env* environment, MDB_txn* parent, unsigned int flags, MDB_txn** transaction) {
  static auto* const next =
      deriva::test::next_definition<int(MDB_env*, MDB_txn*, unsigned int, MDB_txn**)>("mdb_txn_begin");
  if ((flags & MDB_RDONLY) == 0) deriva::test::is_untold() = false;
  return next(environment, parent, flags, transaction);
}

void mdb_txn_reset(MDB_txn* transaction) {
  static auto* const next = deriva::test::next_definition<void(MDB_txn*)>("mdb_txn_reset");
  deriva::test::is_misnumbered() = false;
  next(transaction);
}
}
