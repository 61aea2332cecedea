#include <deriva/compute/executor_options.hpp>

#include <string>
#include <vector>

#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

Address chain(ComputeFixture& f, int first, int length) {
  Address end = f.leaf("x");
  for (int i = first; i < first + length; ++i) end = f.numbered("concat", i, {end, f.leaf("y")});
  return end;
}

/// What a chain of a hundred leaves behind under these options, when the executor knows that its function is short.
EnvironmentStats after_a_chain(ComputeFixture& f, const ExecutorOptions& options) {
  OnThisThread on(f, options);
  REQUIRE(on.executor.materialize(chain(f, 100, 400)).has_value());
  REQUIRE(on.executor.flush().has_value());
  const Address end = chain(f, 0, 100);
  const std::uint64_t before = f.store->stats().value().environment.commits;
  REQUIRE(on.executor.materialize(end).value().size() == 101);
  REQUIRE(on.executor.flush().has_value());
  EnvironmentStats stats = f.store->stats().value().environment;
  stats.commits -= before;
  return stats;
}

TEST_CASE("executor options: results are written in batches of so many") {
  ComputeFixture f;
  ExecutorOptions options;
  SECTION("one by one") {
    options.flush_results = 1;
    REQUIRE(after_a_chain(f, options).commits == 100);
  }
  SECTION("by tens") {
    options.flush_results = 10;
    REQUIRE(after_a_chain(f, options).commits == 10);
  }
  SECTION("all at once") { REQUIRE(after_a_chain(f, options).commits == 1); }
  SECTION("by bytes") {
    options.flush_bytes = 1;
    REQUIRE(after_a_chain(f, options).commits == 100);
  }
  REQUIRE(f.store->stats().value().results == 500);
}

TEST_CASE("executor options: zeros mean their documented defaults") {
  ComputeFixture f;
  ExecutorOptions options;
  options.concurrency = 0;
  options.coroutine_concurrency = 0;
  options.flush_results = 0;
  f.add_async("coroutine", [](std::vector<Blob>, Params, Context&) -> boost::asio::awaitable<Blob> {
    co_return Blob::copy_of("c");
  });
  OnPool<1> on(f, options);
  REQUIRE(text_of(on.executor.materialize(f.recipe("concat", {f.recipe("coroutine", {}), f.leaf("a")}))) == "ca");
}

TEST_CASE("executor options: a hit in memory does not ask the store") {
  ComputeFixture f;
  const std::string text(100, 'a');  // a smaller result would not be stored by its digest
  const Address target = f.recipe("concat", {f.leaf(text)});
  OnPool<1> on(f);
  REQUIRE(text_of(on.executor.materialize(target, durable())) == text);
  // The store's copy is damaged now: who reads it would fail.
  auto environment = Environment::open(f.directory.path(), {.durability = Durability::relaxed}).value();
  const auto blobs = Table<Digest, BytesView>::open(environment, "blobs").value();
  REQUIRE(environment
              .write([&](WriteTransaction& transaction) {
                return blobs.put(transaction, Digest::of(as_bytes(text)), as_bytes("b"));
              })
              .has_value());
  REQUIRE(text_of(on.executor.materialize(target)) == text);
  REQUIRE(f.store->value(target).error().code() == Errc::corrupted);
}

}  // namespace
}  // namespace deriva::test
