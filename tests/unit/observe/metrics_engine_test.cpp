// The metrics of real executors and stores after scenarios whose counts are known.
#include <thread>

#include <deriva/compute/audit.hpp>
#include <deriva/observe/metrics.hpp>

#include "../compute/compute_fixture.hpp"
#include "metrics_fixture.hpp"

namespace deriva {
namespace {

using test::ComputeFixture;
using test::Labels;
using test::OnPool;
using test::OnThisThread;
using test::sample;
using test::value;
using Families = std::vector<MetricFamily>;

struct MeteredFixture : ComputeFixture {
  MeteredFixture() {
    add("fails",
        [](std::span<const Blob>, const Params&) -> Result<Blob> { return Error(Errc::function_failed, "x"); });
    add("wavers", [this](std::span<const Blob>, const Params&) { return Blob::copy_of(std::to_string(++wavered)); });
  }
  ExecutorOptions observed() const {
    ExecutorOptions options;
    options.observers = hub;
    return options;
  }
  Families read() const { return metrics->snapshot(); }

  std::shared_ptr<Metrics> metrics = Metrics::attach(*hub, {.storage = [this] { return storage_facts(*store); }});
  std::atomic<int> wavered{0};
};

/// A target of eleven recipes over two leaves: ten in a row below one, so that the longest path has two.
Address fan(ComputeFixture& f) {
  const Address a = f.leaf("aaa");
  const Address b = f.leaf("bb");
  std::vector<Address> row;
  for (int i = 0; i < 10; ++i) row.push_back(f.numbered("concat", i, {a, b}));
  return f.recipe("concat", row);
}

TEMPLATE_TEST_CASE("metrics of an executor: computed, reused, failed, refused", "", OnPool<1>, OnPool<3>,
                   OnThisThread) {
  MeteredFixture f;
  const Address target = fan(f);
  {
    TestType on(f, f.observed());
    REQUIRE(on.executor.materialize(target, test::durable()).has_value());
    REQUIRE(on.executor.materialize(target).has_value());
    REQUIRE_FALSE(on.executor.materialize(f.recipe("id", {f.recipe("fails", {})})).has_value());
    REQUIRE_FALSE(on.executor.materialize(Address::of_leaf(as_bytes("missing"))).has_value());
  }
  const Families now = f.read();
  CHECK(value(now, "deriva_materialize_total", {{"result", "computed"}}) == 1);
  CHECK(value(now, "deriva_materialize_total", {{"result", "hit"}}) == 1);
  CHECK(value(now, "deriva_materialize_total", {{"result", "failed"}}) == 2);
  CHECK(value(now, "deriva_materialize_total", {{"result", "cancelled"}}) == 0);
  CHECK(value(now, "deriva_materialize_active") == 0);
  CHECK(sample(now, "deriva_materialize_duration_seconds").histogram.count == 4);
  CHECK(sample(now, "deriva_materialize_depth").histogram.count == 1);
  CHECK(sample(now, "deriva_materialize_depth").histogram.sum == 2);
  CHECK(value(now, "deriva_flight_total", {{"how", "started"}}) == 12);
  CHECK(value(now, "deriva_flight_total", {{"how", "joined"}}) == 0);

  CHECK(value(now, "deriva_compute_total", {{"function", "concat/1"}, {"result", "succeeded"}}) == 11);
  CHECK(value(now, "deriva_compute_total", {{"function", "fails/1"}, {"result", "failed"}}) == 1);
  CHECK(value(now, "deriva_compute_reason_total", {{"reason", "never_computed"}}) == 12);
  const Labels concat = {{"function", "concat/1"}};
  CHECK(sample(now, "deriva_compute_duration_seconds", concat).histogram.count == 11);
  CHECK(sample(now, "deriva_compute_input_bytes", concat).histogram.sum ==
        100);  // Ten times 5 bytes, and all of those.
  CHECK(sample(now, "deriva_compute_output_bytes", concat).histogram.sum == 100);
}

TEMPLATE_TEST_CASE("metrics of an executor: the cache and the store", "", OnPool<1>, OnThisThread) {
  MeteredFixture f;
  const Address target = fan(f);
  {
    ExecutorOptions options = f.observed();
    options.concurrency = 1;
    TestType on(f, options);
    REQUIRE(on.executor.materialize(target, test::durable()).has_value());
    const Families now = f.read();
    CHECK(value(now, "deriva_cache_total", {{"result", "miss"}, {"tier", "store"}}) == 11);  // To be computed.
    CHECK(value(now, "deriva_cache_total", {{"result", "hit"}, {"tier", "store"}}) == 2);    // The leaves.
    CHECK(value(now, "deriva_cache_total", {{"result", "miss"}, {"tier", "memory"}}) == 3);  // The target, the leaves.
    CHECK(value(now, "deriva_cache_entries") == 13);
    CHECK(value(now, "deriva_cache_size_bytes") > 13 * 64);
    REQUIRE(on.executor.materialize(target).has_value());
  }
  const Families now = f.read();
  CHECK(value(now, "deriva_cache_total", {{"result", "hit"}, {"tier", "memory"}}) >= 1);
  CHECK(value(now, "deriva_cache_entries") == 0);
  CHECK(value(now, "deriva_cache_size_bytes") == 0);
  CHECK(value(now, "deriva_cache_eviction_total") == 0);

  CHECK(value(now, "deriva_dag_recipes") == 11);
  CHECK(value(now, "deriva_storage_blobs") == 2);
  CHECK(value(now, "deriva_storage_blob_bytes") == 5);
  CHECK(sample(now, "deriva_dag_insert_duration_seconds").histogram.count == 11);
  CHECK(value(now, "deriva_storage_results_total") == 11);
  CHECK(sample(now, "deriva_commit_duration_seconds").histogram.count == 14);  // Leaves, recipes, one batch of results.
  CHECK(value(now, "deriva_commit_operations_total") == 14);
  CHECK(sample(now, "deriva_commit_flush_seconds").histogram.sum <=
        sample(now, "deriva_commit_duration_seconds").histogram.sum);
}

TEMPLATE_TEST_CASE("metrics of an executor: verification, wherever it fails", "", OnPool<3>, OnThisThread) {
  MeteredFixture f;
  boost::asio::thread_pool pool(1);
  const Address target = fan(f);
  const Address wavers = f.recipe("wavers", {});
  {
    ExecutorOptions options = f.observed();
    options.verify = Verify::always();
    TestType on(f, options);
    REQUIRE(on.executor.materialize(target).has_value());
    REQUIRE_FALSE(on.executor.materialize(wavers).has_value());
    MaterializeOptions once = test::durable();
    once.verify = Verify::off();
    REQUIRE(on.executor.materialize(wavers, once).has_value());
  }
  const auto verified = [&](const char* result) {
    return value(f.read(), "deriva_verification_total", {{"result", result}});
  };
  CHECK(verified("equal") == 11);
  CHECK(verified("different") == 1);
  CHECK(value(f.read(), "deriva_compute_reason_total", {{"reason", "verifying"}}) == 12);

  REQUIRE(audit(pool.get_executor(), *f.store, f.registry, {}).has_value());  // All that is stored, once more.
  CHECK(verified("equal") == 22);
  CHECK(verified("different") == 2);
  CHECK(value(f.read(), "deriva_verification_failure_rate") == 2.0 / 24);
}

TEST_CASE("metrics of a store: a map that grows, recipes that go") {
  MeteredFixture f;
  const Address kept = f.recipe("id", {f.leaf("a")});
  const Address gone = f.recipe("id", {kept});
  REQUIRE(f.store->remove(gone).value());
  CHECK(value(f.read(), "deriva_dag_recipes") == 1);
  CHECK(value(f.read(), "deriva_storage_map_growth_total") == 0);
}

TEST_CASE("metrics of ten executors on ten hubs do not mix") {
  ComputeFixture f;
  std::vector<std::shared_ptr<ObserverHub>> hubs;
  std::vector<std::shared_ptr<Metrics>> metrics;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 10; ++i) {
      hubs.push_back(std::make_shared<ObserverHub>());
      metrics.push_back(Metrics::attach(*hubs.back()));
      threads.emplace_back([&f, i, hub = hubs.back()] {
        ExecutorOptions options;
        options.observers = hub;
        OnThisThread on(f, options);
        for (int n = 0; n <= i; ++n) on.executor.materialize(f.numbered("concat", 100 * i + n)).value();
      });
    }
  }
  for (int i = 0; i < 10; ++i) {
    const Families now = metrics[static_cast<std::size_t>(i)]->snapshot();
    CHECK(value(now, "deriva_compute_total", {{"function", "concat/1"}, {"result", "succeeded"}}) == i + 1);
    CHECK(value(now, "deriva_materialize_total", {{"result", "computed"}}) == i + 1);
  }
}

}  // namespace
}  // namespace deriva
