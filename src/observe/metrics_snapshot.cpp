#include <limits>
#include <string>
#include <utility>

#include "observe/metrics_impl.hpp"

namespace deriva {
namespace {

using detail::Count;
using detail::Histogram;
using detail::LabelKey;
using detail::LabelKind;
using detail::MetricTotals;
using Labels = std::vector<std::pair<std::string, std::string>>;

constexpr double nanosecond = 1e-9;

MetricHistogram histogram(std::span<const std::uint64_t> cells, const detail::Bounds& bounds, double unit) {
  MetricHistogram out;
  for (std::size_t i = 0; i <= detail::Bounds::count; ++i) {
    out.count += cells[i];
    const double bound =
        i < detail::Bounds::count ? static_cast<double>(bounds[i]) * unit : std::numeric_limits<double>::infinity();
    out.buckets.push_back({bound, out.count});
  }
  out.sum = static_cast<double>(cells[detail::Bounds::count + 1]) * unit;
  return out;
}

std::uint64_t difference(std::uint64_t more, std::uint64_t less) { return more < less ? 0 : more - less; }

/// Makes families out of totals, in the order of the documentation.
class Writer {
 public:
  Writer(const MetricTotals& totals, const ObserverHub& hub) : totals_(totals), hub_(hub) {}

  void rpc();
  void requests();
  void cache();
  void functions();
  void verification();
  void storage(const StorageFacts& facts);
  void hub(const ObserverHubStats& stats);
  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  void family(std::string name, std::string help, MetricType type, std::string unit = {}) {
    families_.push_back({std::move(name), std::move(help), type, std::move(unit), {}});
  }
  void sample(double value, Labels labels = {}) { families_.back().samples.push_back({std::move(labels), value, {}}); }
  void sample(std::uint64_t value, Labels labels = {}) { sample(static_cast<double>(value), std::move(labels)); }
  void sample(Count count, Labels labels = {}) { sample(totals_.of(count), std::move(labels)); }
  void sample(MetricHistogram value, Labels labels = {}) {
    families_.back().samples.push_back({std::move(labels), 0, std::move(value)});
  }
  void duration(std::string name, std::string help, Histogram which) {
    family(std::move(name), std::move(help), MetricType::histogram, "seconds");
    sample(histogram(totals_.of(which), detail::duration_bounds, nanosecond));
  }
  std::string name(std::uint64_t id) const {
    const std::string_view known = hub_.name(static_cast<event::NameId>(id));
    return std::string(known.empty() ? "other" : known);
  }
  /// Calls with each row of the kind, its first and its second name.
  template <class Visitor>
  void rows(LabelKind kind, Visitor visitor) {
    for (const auto& [key, cells] : totals_.labels) {
      if (key >> 56U != static_cast<LabelKey>(kind)) continue;
      visitor(std::span(cells), name((key >> 28U) & 0xFFFFFFFU), name(key & 0xFFFFFFFU));
    }
  }
  static std::span<const std::uint64_t> histogram_of(std::span<const std::uint64_t> row, std::size_t which) {
    return row.subspan(detail::label_counts + which * detail::histogram_cells, detail::histogram_cells);
  }
  void hit_rate(Count hits, Count misses, std::string tier) {
    const std::uint64_t lookups = totals_.of(hits) + totals_.of(misses);
    if (lookups == 0) return;
    sample(static_cast<double>(totals_.of(hits)) / static_cast<double>(lookups), {{"tier", std::move(tier)}});
  }

  const MetricTotals& totals_;
  const ObserverHub& hub_;
  std::vector<MetricFamily> families_;
};

void Writer::rpc() {
  family("deriva_rpc_total", "Remote procedures that ended, by what they answered.", MetricType::counter);
  rows(LabelKind::rpc_status, [&](auto cells, const std::string& method, const std::string& status) {
    sample(cells[0], {{"method", method}, {"status", status}});
  });
  family("deriva_rpc_duration_seconds", "Time from a remote procedure's call to its answer.", MetricType::histogram,
         "seconds");
  rows(LabelKind::rpc_method, [&](auto cells, const std::string& method, const std::string&) {
    sample(histogram(histogram_of(cells, 0), detail::duration_bounds, nanosecond), {{"method", method}});
  });
  family("deriva_rpc_active", "Remote procedures under way.", MetricType::gauge);
  rows(LabelKind::rpc_method, [&](auto cells, const std::string& method, const std::string&) {
    sample(difference(cells[0], cells[1]), {{"method", method}});
  });
}

void Writer::requests() {
  family("deriva_materialize_total", "Requests for a value that ended: found, computed, failed or cancelled.",
         MetricType::counter);
  sample(Count::requests_hit, {{"result", "hit"}});
  sample(Count::requests_computed, {{"result", "computed"}});
  sample(Count::requests_failed, {{"result", "failed"}});
  sample(Count::requests_cancelled, {{"result", "cancelled"}});
  duration("deriva_materialize_duration_seconds", "Time from a request to its end, however it ended.",
           Histogram::materialize);
  const std::uint64_t ended = totals_.of(Count::requests_hit) + totals_.of(Count::requests_computed) +
                              totals_.of(Count::requests_failed) + totals_.of(Count::requests_cancelled);
  family("deriva_materialize_active", "Requests under way.", MetricType::gauge);
  sample(difference(totals_.of(Count::requests_started), ended));
  family("deriva_materialize_depth", "Recipes on the longest path of a request's plan.", MetricType::histogram);
  sample(histogram(totals_.of(Histogram::depth), detail::depth_bounds, 1));
  family("deriva_flight_total", "Computations wanted: started, and joined by requests that came later.",
         MetricType::counter);
  sample(Count::flights_started, {{"how", "started"}});
  sample(Count::flights_joined, {{"how", "joined"}});
}

void Writer::cache() {
  family("deriva_cache_total", "Look-ups of values, by where and by whether it was there.", MetricType::counter);
  sample(Count::memory_hits, {{"result", "hit"}, {"tier", "memory"}});
  sample(Count::memory_misses, {{"result", "miss"}, {"tier", "memory"}});
  sample(Count::store_hits, {{"result", "hit"}, {"tier", "store"}});
  sample(Count::store_misses, {{"result", "miss"}, {"tier", "store"}});
  family("deriva_cache_eviction_total", "Values that went from memory to make room.", MetricType::counter);
  sample(Count::cache_evicted);
  family("deriva_cache_size_bytes", "Memory that cached values take.", MetricType::gauge, "bytes");
  sample(difference(totals_.of(Count::cache_bytes_in), totals_.of(Count::cache_bytes_out)));
  family("deriva_cache_entries", "Values in memory.", MetricType::gauge);
  sample(difference(totals_.of(Count::cache_inserted),
                    totals_.of(Count::cache_evicted) + totals_.of(Count::cache_removed)));
  family("deriva_cache_hit_rate", "Share of look-ups that found the value, since the start.", MetricType::gauge);
  hit_rate(Count::memory_hits, Count::memory_misses, "memory");
  hit_rate(Count::store_hits, Count::store_misses, "store");
}

void Writer::functions() {
  family("deriva_compute_total", "Functions that ended.", MetricType::counter);
  rows(LabelKind::function, [&](auto cells, const std::string& function, const std::string&) {
    for (const event::Ending ending : {event::Ending::succeeded, event::Ending::failed, event::Ending::cancelled}) {
      const std::uint64_t count = cells[static_cast<std::size_t>(ending)];
      sample(count, {{"function", function}, {"result", std::string(to_string(ending))}});
    }
  });
  const auto histograms = [&](std::string its_name, std::string help, std::string unit, std::size_t which,
                              const detail::Bounds& upper, double scale) {
    family(std::move(its_name), std::move(help), MetricType::histogram, std::move(unit));
    rows(LabelKind::function, [&](auto cells, const std::string& function, const std::string&) {
      sample(histogram(histogram_of(cells, which), upper, scale), {{"function", function}});
    });
  };
  histograms("deriva_compute_duration_seconds", "Time that a function ran, of those that succeeded.", "seconds", 0,
             detail::duration_bounds, nanosecond);
  histograms("deriva_compute_input_bytes", "Bytes given to a function.", "bytes", 1, detail::size_bounds, 1);
  histograms("deriva_compute_output_bytes", "Bytes returned by a function.", "bytes", 2, detail::size_bounds, 1);
  family("deriva_compute_reason_total", "Functions that ended, by why they ran.", MetricType::counter);
  for (std::size_t i = 0; i < event::reasons; ++i) {
    const auto count = static_cast<Count>(static_cast<std::size_t>(Count::reasons_first) + i);
    sample(count, {{"reason", std::string(to_string(static_cast<event::Reason>(i)))}});
  }
}

void Writer::verification() {
  family("deriva_verification_total", "Values that were computed again and compared.", MetricType::counter);
  sample(Count::verified_equal, {{"result", "equal"}});
  sample(Count::verified_different, {{"result", "different"}});
  sample(Count::verified_failed, {{"result", "failed_on_rerun"}});
  const std::uint64_t bad = totals_.of(Count::verified_different) + totals_.of(Count::verified_failed);
  const std::uint64_t all = bad + totals_.of(Count::verified_equal);
  family("deriva_verification_failure_rate", "Share of verifications that did not end equal, since the start.",
         MetricType::gauge);
  if (all > 0) sample(static_cast<double>(bad) / static_cast<double>(all));
}

void Writer::storage(const StorageFacts& facts) {
  family("deriva_dag_recipes", "Recipes in the store.", MetricType::gauge);
  if (facts.recipes) sample(*facts.recipes);
  duration("deriva_dag_insert_duration_seconds", "Time to store recipes with their edges, of one call.",
           Histogram::dag_insert);
  family("deriva_storage_blobs", "Distinct values in the store.", MetricType::gauge);
  if (facts.blobs) sample(*facts.blobs);
  family("deriva_storage_blob_bytes", "Bytes of the distinct values in the store.", MetricType::gauge, "bytes");
  if (facts.blob_bytes) sample(*facts.blob_bytes);
  family("deriva_storage_results_total", "Results written.", MetricType::counter);
  sample(Count::results_stored);
  duration("deriva_commit_duration_seconds", "Time of a write transaction.", Histogram::commit);
  duration("deriva_commit_flush_seconds", "Of a write transaction: waiting for the disk.", Histogram::flush);
  family("deriva_commit_operations_total", "Operations in write transactions; above the commits when sharing pays.",
         MetricType::counter);
  sample(Count::committed_operations);
  family("deriva_storage_map_growth_total", "How often the address space was enlarged.", MetricType::counter);
  sample(Count::map_growths);
  family("deriva_storage_reader_expired_total", "Readers that were ended because they held an old snapshot.",
         MetricType::counter);
  sample(Count::readers_expired);
}

void Writer::hub(const ObserverHubStats& stats) {
  family("deriva_events_delivered_total", "Events given to observers.", MetricType::counter);
  sample(stats.delivered);
  family("deriva_events_dropped_total", "Events that observers missed because they were slow.", MetricType::counter);
  sample(stats.dropped);
}

}  // namespace

/// The sum of all shards; taken again, a few times, if any changed meanwhile.
MetricTotals Metrics::Impl::totals() const {
  constexpr int attempts = 8;
  MetricTotals totals;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    totals = MetricTotals();
    std::array<std::uint64_t, shards> versions{};
    for (std::size_t i = 0; i < shards; ++i) {
      if (const auto* one = all[i].load(std::memory_order_acquire)) versions[i] = one->read(totals);
    }
    bool same = true;
    for (std::size_t i = 0; i < shards; ++i) {
      const auto* one = all[i].load(std::memory_order_acquire);
      same = same && (one == nullptr || one->version() == versions[i]);
    }
    if (same) break;
  }
  return totals;
}

std::vector<MetricFamily> Metrics::snapshot() const {
  const MetricTotals totals = impl_->totals();
  Writer writer(totals, impl_->hub);
  writer.rpc();
  writer.requests();
  writer.cache();
  writer.functions();
  writer.verification();
  writer.storage(impl_->sources.storage ? impl_->sources.storage() : StorageFacts());
  writer.hub(impl_->hub.stats());
  return writer.take();
}

}  // namespace deriva
