#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <deriva/core/event.hpp>
#include <deriva/core/observer.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/metric_family.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// How full a store is, at this moment. What is not known is left out of the metrics.
struct StorageFacts {
  std::optional<std::uint64_t> recipes;
  std::optional<std::uint64_t> blobs;
  std::optional<std::uint64_t> blob_bytes;
};

/// The facts of a store; all unknown if it cannot be read. Complexity: constant.
[[nodiscard]] StorageFacts storage_facts(const Store& store);

/// Where the gauges come from that no event tells.
struct MetricsSources {
  std::function<StorageFacts()> storage = nullptr;
};

/// Counters, gauges and histograms of one hub, always on from when it is attached. docs/observability.md lists them.
///
/// Counted on the emitting thread, in cells of its own: nothing is lost, nothing is locked, and no cache line is
/// shared. Thread safety: all members, from any thread. Lifetime: ends before the hub; `sources` are asked by
/// `snapshot`.
class Metrics final : public InlineObserver {
 public:
  /// Begins to count what the hub is told, until the hub ends.
  [[nodiscard]] static std::shared_ptr<Metrics> attach(ObserverHub& hub, MetricsSources sources = {});
  ~Metrics() override;

  [[nodiscard]] EventSet wanted() const noexcept override;
  void on_event(const Event& event) noexcept override;

  /// All families, in the order of the documentation. The numbers of a thread, and those of each of its functions, are
  /// those between two events; those of different threads belong together unless they change faster than they can be
  /// read.
  [[nodiscard]] std::vector<MetricFamily> snapshot() const;

 private:
  struct Impl;
  Metrics(ObserverHub& hub, MetricsSources sources);
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
