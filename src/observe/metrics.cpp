#include <deriva/observe/metrics.hpp>

#include <new>
#include <utility>
#include <variant>

#include "observe/metrics_impl.hpp"

namespace deriva {
namespace {

using detail::Count;
using detail::Histogram;
using detail::label_key;
using detail::LabelKind;
using detail::MetricShard;

std::uint64_t nanoseconds(event::Clock::duration duration) {
  const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

Count plus(Count first, std::size_t offset) { return static_cast<Count>(static_cast<std::size_t>(first) + offset); }

/// Counts one event in the cells of the thread that emitted it.
class Counter {
 public:
  Counter(MetricShard& shard, event::Time time) : shard_(shard), main_(shard.main()), time_(time) {}

  void operator()(const event::RequestStarted&) { add(Count::requests_started); }
  void operator()(const event::RequestFinished& finished) {
    switch (finished.ending) {
      case event::Ending::failed:
        add(Count::requests_failed);
        break;
      case event::Ending::cancelled:
        add(Count::requests_cancelled);
        break;
      case event::Ending::succeeded:
        add(finished.computed == 0 ? Count::requests_hit : Count::requests_computed);
        if (finished.computed > 0) observe(Histogram::depth, detail::depth_bounds, finished.depth);
        break;
    }
    duration(Histogram::materialize, finished.started);
  }
  void operator()(const event::BatchStarted& batch) { add(Count::flights_started, batch.flights); }
  void operator()(const event::FlightJoined&) { add(Count::flights_joined); }
  void operator()(const event::FunctionFinished& finished) {
    add(plus(Count::reasons_first, static_cast<std::size_t>(finished.reason)));
    MetricShard::Row* const row =
        shard_.row(label_key(LabelKind::function, static_cast<std::uint32_t>(finished.function)));
    if (row == nullptr) return;
    MetricShard::Row::Update update(*row);
    update.cells[static_cast<std::size_t>(finished.ending)].add(1);
    if (finished.ending != event::Ending::succeeded) return;
    update.observe(first(0), detail::duration_bounds, nanoseconds(time_ - finished.started));
    update.observe(first(1), detail::size_bounds, finished.input_bytes);
    update.observe(first(2), detail::size_bounds, finished.output_bytes);
  }
  void operator()(const event::CutOff&) {
    add(plus(Count::reasons_first, static_cast<std::size_t>(event::Reason::early_cutoff)));
  }
  void operator()(const event::CacheHit& hit) {
    add(hit.tier == event::Tier::memory ? Count::memory_hits : Count::store_hits);
  }
  void operator()(const event::CacheMiss& miss) {
    add(miss.tier == event::Tier::memory ? Count::memory_misses : Count::store_misses);
  }
  void operator()(const event::CacheInserted& inserted) {
    add(inserted.replaced ? Count::cache_replaced : Count::cache_inserted);
    add(Count::cache_bytes_in, inserted.bytes);
    if (inserted.replaced) add(Count::cache_bytes_out, inserted.replaced_bytes);
  }
  void operator()(const event::CacheEvicted& evicted) {
    add(Count::cache_evicted);
    add(Count::cache_bytes_out, evicted.bytes);
  }
  void operator()(const event::CacheRemoved& removed) {
    add(Count::cache_removed, removed.entries);
    add(Count::cache_bytes_out, removed.bytes);
  }
  void operator()(const event::DagInserted& inserted) { duration(Histogram::dag_insert, inserted.started); }
  void operator()(const event::ResultsStored& stored) {
    if (stored.ending == event::Ending::succeeded) add(Count::results_stored, stored.results);
  }
  void operator()(const event::Committed& committed) {
    add(Count::commits);
    add(Count::committed_operations, committed.operations);
    duration(Histogram::commit, committed.started);
    observe(Histogram::flush, detail::duration_bounds, nanoseconds(committed.flushed));
  }
  void operator()(const event::MapGrown&) { add(Count::map_growths); }
  void operator()(const event::ReaderExpired&) { add(Count::readers_expired); }
  void operator()(const event::Verified& verified) {
    add(plus(Count::verified_equal, static_cast<std::size_t>(verified.verdict)));
  }
  void operator()(const event::RpcStarted& started) {
    MetricShard::Row* const row =
        shard_.row(label_key(LabelKind::rpc_method, static_cast<std::uint32_t>(started.method)));
    if (row != nullptr) MetricShard::Row::Update(*row).cells[0].add(1);
  }
  void operator()(const event::RpcFinished& finished) {
    const auto method = static_cast<std::uint32_t>(finished.method);
    if (MetricShard::Row* const row = shard_.row(label_key(LabelKind::rpc_method, method))) {
      MetricShard::Row::Update update(*row);
      update.cells[1].add(1);
      update.observe(first(0), detail::duration_bounds, nanoseconds(time_ - finished.started));
    }
    const auto status = static_cast<std::uint32_t>(finished.status);
    if (MetricShard::Row* const row = shard_.row(label_key(LabelKind::rpc_status, method, status))) {
      MetricShard::Row::Update(*row).cells[0].add(1);
    }
  }
  template <class Other>
  void operator()(const Other&) {}  // Not wanted.

 private:
  void add(Count count, std::uint64_t n = 1) { main_.cells[static_cast<std::size_t>(count)].add(n); }
  void observe(Histogram histogram, const detail::Bounds& bounds, std::uint64_t value) {
    main_.observe(detail::first_cell(histogram), bounds, value);
  }
  void duration(Histogram histogram, event::Time started) {
    observe(histogram, detail::duration_bounds, nanoseconds(time_ - started));
  }
  /// The first cell of a row's histogram.
  static constexpr std::size_t first(std::size_t histogram) {
    return detail::label_counts + histogram * detail::histogram_cells;
  }

  MetricShard& shard_;
  MetricShard::Main::Update main_;
  event::Time time_;
};

/// The three kinds that come with every recipe are told apart without a table: [observe.metrics.overhead].
void count(MetricShard& shard, const Event& event) {
  Counter counter(shard, event.time);
  if (const auto* ran = event.as<event::FunctionFinished>()) return counter(*ran);
  if (const auto* missed = event.as<event::CacheMiss>()) return counter(*missed);
  if (const auto* inserted = event.as<event::CacheInserted>()) return counter(*inserted);
  std::visit(counter, event.body);
}

}  // namespace

Metrics::Metrics(ObserverHub& hub, MetricsSources sources) : impl_(std::make_unique<Impl>(hub, std::move(sources))) {}
Metrics::~Metrics() = default;

std::shared_ptr<Metrics> Metrics::attach(ObserverHub& hub, MetricsSources sources) {
  std::shared_ptr<Metrics> metrics(new Metrics(hub, std::move(sources)));
  hub.attach_inline(metrics);
  return metrics;
}

EventSet Metrics::wanted() const noexcept {
  return EventSet::all_but<event::PlanMade, event::FlightStarted, event::FlightFinished, event::FlightStored,
                           event::FunctionStarted, event::DagRemoved, event::ObserverFailed>();
}

void Metrics::on_event(const Event& event) noexcept {
  const bool alone = event.thread + 1 < Impl::shards;
  MetricShard* const shard = impl_->shard(alone ? event.thread : Impl::shards - 1);
  if (shard == nullptr) return;
  std::unique_lock lock(impl_->shared, std::defer_lock);
  if (!alone) [[unlikely]]
    lock.lock();
  count(*shard, event);
}

MetricShard* Metrics::Impl::make_shard(std::size_t number) noexcept {
  std::atomic<MetricShard*>& place = all[number];
  MetricShard* found = nullptr;
  auto* made = new (std::nothrow) MetricShard;
  if (made == nullptr) return nullptr;
  if (place.compare_exchange_strong(found, made, std::memory_order_acq_rel)) return made;
  delete made;
  return found;
}

StorageFacts storage_facts(const Store& store) {
  StorageFacts facts;
  if (const Result<StoreStats> stats = store.stats()) {
    facts.recipes = stats->recipes;
    facts.blobs = stats->values;
    facts.blob_bytes = stats->value_bytes;
  }
  return facts;
}

}  // namespace deriva
