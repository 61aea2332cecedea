#include <deriva/observe/metrics.hpp>

#include <atomic>
#include <latch>
#include <limits>
#include <thread>

#include "metrics_fixture.hpp"
#include "observe_fixture.hpp"

namespace deriva {
namespace {

using test::family;
using test::labelled;
using test::Labels;
using test::nearly;
using test::sample;
using test::Script;
using test::value;

TEST_CASE("metrics: requests are counted by how they ended, and the active ones return to 0") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  const auto request = [&](std::uint64_t number, event::Ending ending, std::uint64_t computed, int ms) {
    script.at(0, event::RequestStarted{number, labelled("a"), {}});
    script.at(ms, event::RequestFinished{number, script.time(0), labelled("a"), 5, computed, ending});
  };
  script.at(0, event::RequestStarted{1, labelled("a"), {}});
  script.at(0, event::PlanMade{1, 40, 2});
  CHECK(value(metrics->snapshot(), "deriva_materialize_active") == 1);
  script.at(3, event::RequestFinished{1, script.time(0), labelled("a"), 5, 40, event::Ending::succeeded, 2, 0, 0, 7});
  request(2, event::Ending::succeeded, 0, 1);
  request(3, event::Ending::succeeded, 0, 1);
  request(4, event::Ending::failed, 3, 20);
  request(5, event::Ending::cancelled, 0, 20);
  request(6, event::Ending::cancelled, 1, 20);
  request(7, event::Ending::cancelled, 0, 20);

  const auto families = metrics->snapshot();
  CHECK(value(families, "deriva_materialize_total", {{"result", "computed"}}) == 1);
  CHECK(value(families, "deriva_materialize_total", {{"result", "hit"}}) == 2);
  CHECK(value(families, "deriva_materialize_total", {{"result", "failed"}}) == 1);  // Not counted as computed.
  CHECK(value(families, "deriva_materialize_total", {{"result", "cancelled"}}) == 3);
  CHECK(value(families, "deriva_materialize_active") == 0);
  const MetricHistogram& durations = sample(families, "deriva_materialize_duration_seconds").histogram;
  CHECK(durations.count == 7);
  CHECK(nearly(durations.sum, 0.085));
  const MetricHistogram& depths = sample(families, "deriva_materialize_depth").histogram;
  CHECK(depths.count == 1);
  CHECK(depths.sum == 7);
}

TEST_CASE("metrics: a histogram's buckets are cumulative, their bounds inclusive, the last one infinite") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  script.ran(1, 1, "f/1", labelled("a"), 0, 1);  // exactly at a bound
  script.ran(2, 1, "f/1", labelled("b"), 0, 2);
  script.ran(3, 1, "f/1", labelled("c"), 0, 40'000);
  const auto families = metrics->snapshot();
  const MetricHistogram& durations =
      sample(families, "deriva_compute_duration_seconds", {{"function", "f/1"}}).histogram;
  std::map<double, std::uint64_t> cumulative;
  for (const auto& bucket : durations.buckets) cumulative[bucket.upper_bound] = bucket.cumulative;
  CHECK(cumulative.size() == 17);
  CHECK(cumulative.lower_bound(0.0009)->second == 1);
  CHECK(cumulative.lower_bound(0.002)->second == 2);
  CHECK(cumulative.lower_bound(29)->second == 2);
  CHECK(cumulative.rbegin()->first == std::numeric_limits<double>::infinity());
  CHECK(cumulative.rbegin()->second == 3);
  CHECK(durations.count == 3);
}

TEST_CASE("metrics: functions are counted by name, ending and reason, with their bytes") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  script.ran(1, 1, "resize/1", labelled("a"), 0, 4, event::Reason::never_computed, event::Ending::succeeded, 10, 20);
  script.ran(2, 1, "resize/1", labelled("b"), 0, 6, event::Reason::input_changed, event::Ending::succeeded, 30, 40);
  script.ran(3, 1, "resize/1", labelled("c"), 0, 9, event::Reason::evicted, event::Ending::failed, 50, 0);
  script.ran(4, 1, "join/2", labelled("d"), 0, 1, event::Reason::verifying, event::Ending::cancelled, 1, 0);
  script.at(5, event::CutOff{5, 1, labelled("e"), labelled("d"), script.hub.name_id("join/2")});
  const auto families = metrics->snapshot();
  const auto ended = [&](std::string function, std::string how) {
    return value(families, "deriva_compute_total", {{"function", std::move(function)}, {"result", std::move(how)}});
  };
  CHECK(ended("resize/1", "succeeded") == 2);
  CHECK(ended("resize/1", "failed") == 1);
  CHECK(ended("resize/1", "cancelled") == 0);
  CHECK(ended("join/2", "cancelled") == 1);
  const Labels resize = {{"function", "resize/1"}};
  CHECK(sample(families, "deriva_compute_duration_seconds", resize).histogram.count == 2);
  CHECK(nearly(sample(families, "deriva_compute_duration_seconds", resize).histogram.sum, 0.010));
  CHECK(sample(families, "deriva_compute_input_bytes", resize).histogram.sum == 40);
  CHECK(sample(families, "deriva_compute_output_bytes", resize).histogram.sum == 60);
  CHECK(value(families, "deriva_compute_reason_total", {{"reason", "never_computed"}}) == 1);
  CHECK(value(families, "deriva_compute_reason_total", {{"reason", "input_changed"}}) == 1);
  CHECK(value(families, "deriva_compute_reason_total", {{"reason", "evicted"}}) == 1);
  CHECK(value(families, "deriva_compute_reason_total", {{"reason", "verifying"}}) == 1);
  CHECK(value(families, "deriva_compute_reason_total", {{"reason", "early_cutoff"}}) == 1);
  CHECK(value(families, "deriva_flight_total", {{"how", "started"}}) == 4);
}

TEST_CASE("metrics: the cache's gauges follow insertions, overwrites and evictions; the hit rate is over look-ups") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  CHECK(family(metrics->snapshot(), "deriva_cache_hit_rate").samples.empty());
  script.at(0, event::CacheMiss{1, script.time(0), labelled("a"), event::Tier::memory});
  script.at(0, event::CacheMiss{1, script.time(0), labelled("a"), event::Tier::store});
  script.at(0, event::CacheInserted{labelled("a"), 100, 0, false});
  script.at(0, event::CacheInserted{labelled("b"), 50, 0, false});
  script.at(0, event::CacheInserted{labelled("a"), 70, 100, true});
  script.at(0, event::CacheEvicted{labelled("b"), 50});
  for (int i = 0; i < 3; ++i) script.at(1, event::CacheHit{1, script.time(1), labelled("a"), 70, event::Tier::memory});
  const auto families = metrics->snapshot();
  CHECK(value(families, "deriva_cache_total", {{"result", "hit"}, {"tier", "memory"}}) == 3);
  CHECK(value(families, "deriva_cache_total", {{"result", "miss"}, {"tier", "memory"}}) == 1);
  CHECK(value(families, "deriva_cache_total", {{"result", "miss"}, {"tier", "store"}}) == 1);
  CHECK(value(families, "deriva_cache_hit_rate", {{"tier", "memory"}}) == 0.75);
  CHECK(value(families, "deriva_cache_hit_rate", {{"tier", "store"}}) == 0);
  CHECK(value(families, "deriva_cache_size_bytes") == 70);
  CHECK(value(families, "deriva_cache_entries") == 1);
  CHECK(value(families, "deriva_cache_eviction_total") == 1);  // An overwrite is none.
}

TEST_CASE("metrics: verifications are counted by what came of them, wherever they ran") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  const event::NameId f = script.hub.name_id("f/1");
  for (int i = 0; i < 7; ++i) script.at(i, event::Verified{1, 1, labelled("a"), f, event::Verdict::equal});
  script.at(7, event::Verified{1, 1, labelled("a"), f, event::Verdict::different});
  script.at(8, event::Verified{1, 1, labelled("a"), f, event::Verdict::failed_on_rerun});
  std::jthread([&] { script.at(9, event::Verified{1, 1, labelled("a"), f, event::Verdict::failed_on_rerun}); }).join();
  const auto families = metrics->snapshot();
  CHECK(value(families, "deriva_verification_total", {{"result", "equal"}}) == 7);
  CHECK(value(families, "deriva_verification_total", {{"result", "different"}}) == 1);
  CHECK(value(families, "deriva_verification_total", {{"result", "failed_on_rerun"}}) == 2);
  CHECK(nearly(value(families, "deriva_verification_failure_rate"), 0.3));
}

TEST_CASE("metrics: the store's work is counted, and its facts are asked for") {
  Script script;
  const auto metrics = Metrics::attach(script.hub, {.storage = [] { return StorageFacts{12, 34, 5'678}; }});
  script.at(4, event::DagInserted{script.time(0), 10});
  script.at(9, event::ResultsStored{1, script.time(5), 8, 800, event::Ending::succeeded});
  script.at(9, event::ResultsStored{1, script.time(5), 3, 300, event::Ending::failed});
  script.at(9, event::Committed{script.time(3), 5, std::chrono::milliseconds(4)});
  script.at(9, event::MapGrown{1, 2});
  script.at(9, event::ReaderExpired{1});
  const auto families = metrics->snapshot();
  CHECK(value(families, "deriva_dag_recipes") == 12);
  CHECK(value(families, "deriva_storage_blobs") == 34);
  CHECK(value(families, "deriva_storage_blob_bytes") == 5'678);
  CHECK(nearly(sample(families, "deriva_dag_insert_duration_seconds").histogram.sum, 0.004));
  CHECK(value(families, "deriva_storage_results_total") == 8);
  CHECK(nearly(sample(families, "deriva_commit_duration_seconds").histogram.sum, 0.006));
  CHECK(nearly(sample(families, "deriva_commit_flush_seconds").histogram.sum, 0.004));
  CHECK(value(families, "deriva_commit_operations_total") == 5);
  CHECK(value(families, "deriva_storage_map_growth_total") == 1);
  CHECK(value(families, "deriva_storage_reader_expired_total") == 1);
}

TEST_CASE("metrics: remote procedures are counted by method and status; the active ones return to 0") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  const event::NameId get = script.hub.name_id("Get");
  const event::NameId ok = script.hub.name_id("ok");
  const event::NameId failed = script.hub.name_id("not_found");
  script.at(0, event::RpcStarted{1, get});
  script.at(0, event::RpcStarted{2, get});
  CHECK(value(metrics->snapshot(), "deriva_rpc_active", {{"method", "Get"}}) == 2);
  script.at(5, event::RpcFinished{1, script.time(0), get, ok});
  std::jthread([&] { script.at(7, event::RpcFinished{2, script.time(0), get, failed}); }).join();
  const auto families = metrics->snapshot();
  CHECK(value(families, "deriva_rpc_total", {{"method", "Get"}, {"status", "ok"}}) == 1);
  CHECK(value(families, "deriva_rpc_total", {{"method", "Get"}, {"status", "not_found"}}) == 1);
  CHECK(nearly(sample(families, "deriva_rpc_duration_seconds", {{"method", "Get"}}).histogram.sum, 0.012));
  CHECK(value(families, "deriva_rpc_active", {{"method", "Get"}}) == 0);
}

TEST_CASE("metrics: what observers got and what they missed is counted") {
  /// Stays in its first call until it is told to leave.
  struct Slow final : Observer {
    void on_events(const EventBatch&) override {
      static_cast<void>(arrived.try_wait() || (arrived.count_down(), true));
      leave.wait();
    }
    std::latch arrived{1};
    std::latch leave{1};
  };
  ObserverHub hub({.ring_events = 2});
  const auto metrics = Metrics::attach(hub);
  const auto slow = std::make_shared<Slow>();
  hub.attach(slow);
  hub.emit(event::MapGrown{1, 2});
  slow->arrived.wait();
  for (int i = 0; i < 10; ++i) hub.emit(event::MapGrown{1, 2});
  slow->leave.count_down();
  hub.flush();
  const auto families = metrics->snapshot();
  CHECK(value(families, "deriva_events_delivered_total") == 3);
  CHECK(value(families, "deriva_events_dropped_total") == 8);
  CHECK(value(families, "deriva_storage_map_growth_total") == 11);  // Metrics miss nothing.
}

TEST_CASE("metrics: more functions than there are rows are counted together, and none is lost") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  for (std::uint64_t i = 0; i < 2'000; ++i) script.ran(i + 1, 1, "f" + std::to_string(i) + "/1", labelled("a"), 0, 1);
  const auto families = metrics->snapshot();
  const MetricFamily& durations = family(families, "deriva_compute_duration_seconds");
  CHECK(durations.samples.size() <= 512);
  std::uint64_t total = 0;
  for (const MetricSample& one : durations.samples) total += one.histogram.count;
  CHECK(total == 2'000);
  CHECK(sample(families, "deriva_compute_duration_seconds", {{"function", "other"}}).histogram.count > 1'000);
}

TEST_CASE("metrics: a snapshot taken while threads count is of one moment, and the last one is exact") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  constexpr std::uint64_t each = 20'000;
  std::atomic<bool> stop{false};
  std::atomic<bool> torn{false};
  std::jthread reader([&] {
    while (!stop) {
      const auto families = metrics->snapshot();
      const MetricHistogram& bytes = family(families, "deriva_compute_input_bytes").samples.empty()
                                         ? MetricHistogram()
                                         : family(families, "deriva_compute_input_bytes").samples[0].histogram;
      torn = torn || bytes.sum != static_cast<double>(bytes.count) * 100;
    }
  });
  {
    std::vector<std::jthread> workers;
    for (int t = 0; t < 4; ++t) {
      workers.emplace_back([&] {
        for (std::uint64_t i = 0; i < each; ++i) script.ran(i + 1, 1, "f/1", labelled("a"), 0, 1);
      });
    }
  }
  stop = true;
  reader.join();
  CHECK_FALSE(torn);  // The sum and the count are of one moment.
  const auto families = metrics->snapshot();
  CHECK(value(families, "deriva_compute_total", {{"function", "f/1"}, {"result", "succeeded"}}) == 4 * each);
  CHECK(value(families, "deriva_flight_total", {{"how", "started"}}) == 4 * each);
}

TEST_CASE("metrics: more threads than there are shards lose nothing") {
  Script script;
  const auto metrics = Metrics::attach(script.hub);
  std::vector<std::jthread> workers;
  std::atomic<bool> leave{false};
  for (int t = 0; t < 300; ++t) {
    workers.emplace_back([&] {
      for (int i = 0; i < 100; ++i) script.at(i, event::MapGrown{1, 2});
      leave.wait(false);
    });
  }
  while (value(metrics->snapshot(), "deriva_storage_map_growth_total") < 300 * 100) std::this_thread::yield();
  CHECK(script.hub.stats().threads == 300);
  leave = true;
  leave.notify_all();
}

TEST_CASE("metrics: ten at once do not mix") {
  std::vector<std::unique_ptr<Script>> scripts;
  std::vector<std::shared_ptr<Metrics>> metrics;
  for (std::uint64_t i = 0; i < 10; ++i) {
    scripts.push_back(std::make_unique<Script>());
    metrics.push_back(Metrics::attach(scripts[i]->hub));
    for (std::uint64_t n = 0; n <= i; ++n) scripts[i]->at(0, event::MapGrown{1, 2});
  }
  for (std::uint64_t i = 0; i < 10; ++i) {
    CHECK(value(metrics[i]->snapshot(), "deriva_storage_map_growth_total") == static_cast<double>(i + 1));
  }
}

}  // namespace
}  // namespace deriva
