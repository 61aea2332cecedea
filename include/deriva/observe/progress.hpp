#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <deriva/core/observer.hpp>
#include <deriva/observe/remaining_time.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// How far the requests that are under way have come.
struct ProgressReport {
  std::uint64_t done = 0;     ///< Functions that ended.
  std::uint64_t running = 0;  ///< Functions that run.
  std::uint64_t total = 0;    ///< Functions that have to run; known once the plan is made.
  std::uint64_t failed = 0;   ///< Of those done.
  std::uint64_t bytes = 0;    ///< That functions returned.
  std::string current;        ///< The function that ended or began last.
  std::chrono::nanoseconds elapsed{0};
  /// From how long functions took before, along the critical path; nothing while too little is known.
  std::optional<std::chrono::nanoseconds> remaining;
  bool finished = false;  ///< No request is under way any more: the last report of a run.
};

struct ProgressOptions {
  std::chrono::milliseconds interval{100};  ///< Between two reports, at least; the last one of a run always comes.
  std::size_t concurrency = 0;              ///< Functions that run at the same time. 0: as many hardware threads.
  /// What has to be computed for a target, inputs first: makes the prediction possible.
  std::function<std::vector<PlannedWork>(const Address& target)> plan = nullptr;
};

/// The recipes below a target that have no stored value, with their functions. Lifetime: the store outlives the
/// function.
[[nodiscard]] std::function<std::vector<PlannedWork>(const Address&)> plan_from(const Store& store);

/// Tells how far things are, at most once in an interval, on the hub's delivery thread.
class ProgressObserver final : public Observer {
 public:
  explicit ProgressObserver(std::function<void(const ProgressReport&)> report, ProgressOptions options = {});
  ~ProgressObserver() override;
  [[nodiscard]] EventSet wanted() const noexcept override;
  void on_events(const EventBatch& batch) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
