#include "executor/fail.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <span>
#include <utility>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>

#include "executor/work_graph.hpp"
#include "support/relaxed_store.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using deriva::Address;
using deriva::Blob;

double nanoseconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::nano>(end - begin).count();
}

/// The first node of a wide graph fails; meanwhile another thread asks for small things, one after the other.
class FailedRun {
 public:
  FailedRun(deriva::Store& store, const Address& target, std::vector<Address> small)
      : store_(store), target_(target), small_(std::move(small)) {
    registry_.add({"node", "1"}, [this](std::span<const Blob>, const deriva::Params&) -> deriva::Result<Blob> {
      failed_ = Clock::now();
      return deriva::Error(deriva::Errc::io_error, "as planned");
    });
    registry_.add({"small", "1"}, [](std::span<const Blob>, const deriva::Params&) { return Blob::copy_of("small"); });
  }

  void operator()(Samples& samples) {
    deriva::ExecutorOptions options;
    options.store_results = false;
    options.cache_bytes = 0;
    asio::thread_pool pool(2);
    deriva::Executor<deriva::FunctionRegistry> executor(pool.get_executor(), store_, registry_, options);
    std::promise<Clock::time_point> ended;
    std::future<Clock::time_point> end = ended.get_future();
    executor.async_materialize(target_, {}, [&](const deriva::Result<Blob>& value) {
      require(!value && value.error().code() == deriva::Errc::function_failed, "it did not fail");
      ended.set_value(Clock::now());
    });
    std::vector<std::pair<Clock::time_point, Clock::time_point>> waits;
    for (std::size_t i = 0; end.wait_for(std::chrono::seconds(0)) != std::future_status::ready; ++i) {
      const Clock::time_point asked = Clock::now();
      require(executor.materialize(small_[i % small_.size()]).has_value(), "a small request failed");
      waits.emplace_back(asked, Clock::now());
    }
    const Clock::time_point answered = end.get();
    samples.add("answer", "", nanoseconds_between(failed_, answered));
    double longest = 0;
    for (const auto& [asked, got] : waits) {
      if (got > failed_ && asked < answered) longest = std::max(longest, nanoseconds_between(asked, got));
    }
    require(longest > 0, "nobody asked while the failure was told");
    samples.add("wait", "", longest);
  }

 private:
  deriva::Store& store_;
  const Address target_;
  const std::vector<Address> small_;
  deriva::FunctionRegistry registry_;
  Clock::time_point failed_;
};

}  // namespace

void measure_fail(const Options& options, Report& report, const std::filesystem::path& scratch) {
  const std::size_t nodes = options.n.value_or(1'000'000);
  deriva::Store store = open_relaxed(scratch / "fail");
  const std::vector<deriva::Recipe> recipes = recipes_of(wide_graph(nodes));
  const Address target = put_in_batches(store, recipes);
  std::vector<deriva::Recipe> small;
  for (std::int64_t i = 0; i < 1'000; ++i) small.push_back({{"small", "1"}, {}, {{"number", i}}});
  FailedRun run(store, target, store.put_recipes(small).value());
  Samples samples;
  for (std::size_t i = 0; i < std::max<std::size_t>(options.repetitions, 1); ++i) run(samples);
  report.add({.id = "executor.fail." + short_count(nodes),
              .value = samples.median("answer", ""),
              .peer = "longest wait of another request",
              .peer_value = samples.median("wait", ""),
              .n = nodes});
}

}  // namespace bench
