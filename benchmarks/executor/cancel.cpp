#include "executor/cancel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <span>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>

#include "executor/contender.hpp"
#include "executor/work_graph.hpp"
#include "support/relaxed_store.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using deriva::Blob;

double nanoseconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::nano>(end - begin).count();
}

/// Cancels from the function that runs when half of them have, as a host would from anywhere.
class CancelledRun {
 public:
  CancelledRun(deriva::Store& store, const deriva::Address& target, std::size_t nodes)
      : store_(store), target_(target), half_(nodes / 2) {
    registry_.add({"node", "1"}, [this](std::span<const Blob>, const deriva::Params&) {
      if (++ran_ == half_) {
        cancelled_ = Clock::now();
        signal_.emit(asio::cancellation_type::terminal);
      }
      return blob_of(half_);
    });
  }

  void operator()(Samples& samples) {
    deriva::ExecutorOptions options;
    options.store_results = false;
    options.cache_bytes = 0;
    asio::thread_pool pool(2);
    std::optional<deriva::Executor<deriva::FunctionRegistry>> executor(std::in_place, pool.get_executor(), store_,
                                                                       registry_, options);
    std::promise<Clock::time_point> ended;
    executor->async_materialize(
        target_, {}, asio::bind_cancellation_slot(signal_.slot(), [&](const deriva::Result<Blob>& value) {
          require(!value && value.error().code() == deriva::Errc::cancelled, "it came too late");
          ended.set_value(Clock::now());
        }));
    samples.add("answer", "", nanoseconds_between(cancelled_, ended.get_future().get()));
    executor.reset();
    pool.join();
    samples.add("free", "", nanoseconds_between(cancelled_, Clock::now()));
    ran_ = 0;
  }

 private:
  deriva::Store& store_;
  const deriva::Address target_;
  const std::size_t half_;
  deriva::FunctionRegistry registry_;
  asio::cancellation_signal signal_;
  std::atomic<std::size_t> ran_{0};
  Clock::time_point cancelled_;
};

}  // namespace

void measure_cancel(const Options& options, Report& report, const std::filesystem::path& scratch) {
  const std::size_t nodes = options.n.value_or(1'000'000);
  deriva::Store store = open_relaxed(scratch / "cancel");
  const std::vector<deriva::Recipe> recipes = recipes_of(layered_graph(nodes));
  const deriva::Address target = put_in_batches(store, recipes);
  CancelledRun run(store, target, recipes.size());
  Samples samples;
  for (std::size_t i = 0; i < std::max<std::size_t>(options.repetitions, 1); ++i) run(samples);
  report.add({.id = "executor.cancel." + short_count(nodes),
              .value = samples.median("answer", ""),
              .goal = 10e6,
              .peer = "until all is freed",
              .peer_value = samples.median("free", ""),
              .n = nodes});
}

}  // namespace bench
