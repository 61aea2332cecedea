#pragma once

#include <deriva/observe/metrics.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "observe/metric_cells.hpp"

namespace deriva {

struct Metrics::Impl {
  /// Threads with cells of their own. Those with higher numbers share the last ones.
  static constexpr std::size_t shards = 256;

  Impl(ObserverHub& its_hub, MetricsSources its_sources) : hub(its_hub), sources(std::move(its_sources)) {}
  ~Impl() {
    for (std::atomic<detail::MetricShard*>& one : all) delete one.load();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// The cells of a thread; null if there is no memory for them.
  detail::MetricShard* shard(std::size_t number) noexcept {
    detail::MetricShard* const found = all[number].load(std::memory_order_acquire);
    return found != nullptr ? found : make_shard(number);
  }
  detail::MetricShard* make_shard(std::size_t number) noexcept;
  [[nodiscard]] detail::MetricTotals totals() const;

  ObserverHub& hub;
  const MetricsSources sources;
  std::array<std::atomic<detail::MetricShard*>, shards> all{};
  std::mutex shared;  ///< Of the threads that share a shard.
};

}  // namespace deriva
