// Everything at once on several threads: every kind of function and request, cancellation, deadlines, flushes, new
// recipes, compaction, observers and the end of the executor. Above all for the thread sanitizer.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deriva/core/observer.hpp>
#include <deriva/dag/persistent_dag.hpp>

#include "support/catch.hpp"
#include "support/from_environment.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Random = std::mt19937_64;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t modulus = 9'973;

std::int64_t number_of(const Blob& blob) { return std::atoll(std::string(as_text(blob)).c_str()); }

Result<Blob> sum(std::span<const Blob> inputs, const Params& params) {
  std::int64_t total = std::get<std::int64_t>(params.at("number"));
  for (const Blob& input : inputs) total += number_of(input);
  return Blob::copy_of(std::to_string(total % modulus));
}

/// A graph that grows at its end, and the value that each of its nodes has; none, if something below it fails.
class Storm : public ComputeFixture {
 public:
  static constexpr std::array kinds = {"sum",    "sum",   "sum",  "sum",   "sum",         "sum",    "stops",
                                       "blocks", "later", "asks", "flaky", "flaky later", "hurries"};
  struct Node {
    Address address;
    std::optional<std::int64_t> value;
    bool may_expire = false;  ///< It, or something below it.
  };

  Storm() {
    add("sum", sum);
    add("fails", [](std::span<const Blob>, const Params&) -> Result<Blob> {
      return Error(Errc::function_failed, "on purpose").with_class(ErrorClass::deterministic);
    });
    const auto flaky = [this](std::span<const Blob> inputs, const Params& params) -> Result<Blob> {
      std::atomic<bool>& tried = tried_[static_cast<std::size_t>(std::get<std::int64_t>(params.at("number")))];
      if (tried.exchange(true)) return sum(inputs, params);
      return Error(Errc::function_failed, "at first").with_class(ErrorClass::transient);
    };
    add("flaky", flaky);
    add_async("flaky later",
              [flaky](std::vector<Blob> inputs, Params params, Context&) -> asio::awaitable<Result<Blob>> {
                co_return flaky(inputs, params);
              });
    registry.add({"stops", "1"}, [](std::span<const Blob> inputs, const Params& params, Context& context) {
      context.progress(0.5);
      if (!context.stop_token().stop_requested()) return sum(inputs, params);
      return Result<Blob>(Error(Errc::cancelled, "asked to stop"));
    });
    registry.add({"blocks", "1"}, sum, {.resource = "few", .blocking = true});
    const auto later = [](std::vector<Blob> inputs, Params params, Context& context) -> asio::awaitable<Result<Blob>> {
      co_await asio::post(context.get_executor(), asio::use_awaitable);
      context.progress(0.5);
      co_await asio::post(context.get_executor(), asio::use_awaitable);
      co_return sum(inputs, params);
    };
    registry.add_async({"later", "1"}, later);
    registry.add_async({"hurries", "1"}, later, {.timeout = 200us});
    add_async("asks", [](std::vector<Blob> inputs, Params params, Context& context) -> asio::awaitable<Result<Blob>> {
      const Address wanted = Address::parse(std::get<std::string>(params.at("for"))).value();
      Result<Blob> value = co_await context.materialize(wanted);
      if (!value) co_return value;
      inputs.push_back(std::move(*value));
      co_return sum(inputs, params);
    });
  }

  void grow(Random& random) {
    const std::lock_guard lock(mutex_);
    const std::size_t place = nodes_.size();
    if (place == most) return;
    const auto number = static_cast<std::int64_t>(place);
    Node node{{}, number};
    const auto below = [&] {
      const Node& one = nodes_[place - 1 - random() % std::min<std::size_t>(place, 40)];
      node.value = node.value && one.value ? std::optional((*node.value + *one.value) % modulus) : std::nullopt;
      node.may_expire = node.may_expire || one.may_expire;
      return one.address;
    };
    std::vector<Address> inputs;
    while (place > 0 && inputs.size() < 3 && random() % 4 != 0) inputs.push_back(below());
    Params params = {{"number", number}};
    std::string kind = place == 0 ? "sum" : kinds[random() % kinds.size()];
    if (kind == "asks") {
      const Address wanted = below();
      // Verified, it might be told of a value once, and of a failure once.
      if (node.may_expire) {
        kind = "sum";
        inputs.push_back(wanted);
      } else {
        params.emplace("for", wanted.to_string());
      }
    }
    if (kind == "hurries") node.may_expire = true;
    if (random() % 200 == 0) {
      kind = "fails";
      node.value = std::nullopt;
    }
    node.address = recipe(kind, std::move(inputs), std::move(params));
    nodes_.push_back(node);
  }

  Node pick(Random& random) const {
    const std::lock_guard lock(mutex_);
    return nodes_[random() % nodes_.size()];
  }

 private:
  static constexpr std::size_t most = 1'000;

  mutable std::mutex mutex_;
  std::vector<Node> nodes_;
  std::array<std::atomic<bool>, most> tried_{};
};

/// One that is under way.
struct Request {
  Storm::Node target;
  MaterializeOptions options;
  Outcome outcome;
  asio::cancellation_signal signal;
  bool may_be_cancelled = false;
  std::atomic<int> progress{0};
  std::atomic<std::uint64_t> computed{0};
  std::atomic<int> ends{0};

  /// What is wrong with this end of it; empty: nothing.
  std::string ended(const Result<Blob>& result) {
    if (++ends != 1) return "a second end";
    if (result) {
      if (!target.value || number_of(*result) != *target.value) return "another value";
      return outcome.computed < outcome.verified ? "more verified than computed" : "";
    }
    const Errc code = result.error().code();
    const bool expected_end = (code == Errc::cancelled && may_be_cancelled) ||
                              (code == Errc::deadline_exceeded && (options.deadline || target.may_expire)) ||
                              (code == Errc::function_failed && !target.value);
    return expected_end ? "" : result.error().message();
  }
};

struct Counting final : Observer {
  void on_events(const EventBatch& batch) override { seen += batch.events.size(); }
  std::size_t seen = 0;  // By one thread at a time.
};

class Round {
 public:
  explicit Round(std::uint64_t seed) : seed_(seed), random_(seed) {
    for (int i = 0; i < 400; ++i) storm_.grow(random_);
    if (random_() % 2 == 0) storm_.hub->attach(std::make_shared<Counting>());
    executor_.emplace(pool_.get_executor(), *storm_.store, storm_.registry, options());
  }

  /// What went wrong last; empty: nothing.
  std::string run() {
    std::vector<std::thread> threads;
    for (std::uint64_t n = 0; n < 3; ++n) threads.emplace_back([this, n] { ask(Random(seed_ * 10 + n)); });
    threads.emplace_back([this] { change(Random(seed_ * 10 + 9)); });
    for (std::thread& thread : threads) thread.join();
    if (!ends_early_) {
      for (int open = open_; open > 0; open = open_) open_.wait(open);
    }
    executor_.reset();
    pool_.join();
    return open_ == 0 ? wrong_ : "a request without an end";
  }

 private:
  ExecutorOptions options() {
    ExecutorOptions options;
    options.concurrency = 1 + random_() % 3;
    options.coroutine_concurrency = 1 + random_() % 8;
    options.resources = {{"few", 1 + random_() % 2}};
    options.cache_bytes = std::size_t{random_() % 3} << 13U;
    options.store_results = stores_;
    if (options.store_results && random_() % 2 == 0) options.memory_bytes = 1U << 18U;
    options.flush_results = 1 + random_() % 64;
    if (random_() % 2 == 0) options.early_cutoff = 0ns;
    if (random_() % 2 == 0) options.explain_from = 0ns;
    options.remembered_errors = random_() % 2 * 10;
    options.transient_retries = 2;
    options.retry_delay = std::chrono::milliseconds(random_() % 2);
    options.observers = storm_.hub;
    if (random_() % 2 == 0) options.verify = Verify::sampled(0.3);
    return options;
  }

  std::shared_ptr<Request> request(Random& random) {
    auto request = std::make_shared<Request>();
    request->target = storm_.pick(random);
    MaterializeOptions& options = request->options;
    options.outcome = &request->outcome;
    options.priority = static_cast<Priority>(random() % priorities);
    if (random() % 2 == 0) options.on_failure = FailurePolicy::keep_going;
    if (random() % 8 == 0) options.deadline = Clock::now() + std::chrono::microseconds(random() % 2'000);
    if (random() % 8 == 0) options.recompute = static_cast<Recompute>(1 + random() % 2);
    options.durable = stores_ && random() % 8 == 0;
    options.progress_interval = 0ms;
    if (random() % 4 == 0) options.progress = [at = request.get()](const Progress&) { ++at->progress; };
    if (random() % 4 == 0) options.on_computed = [at = request.get()](const Computed& of) { at->computed += of.size; };
    return request;
  }

  void ask(Random random) {
    for (int i = 0; i < 60; ++i) {
      const std::shared_ptr<Request> asked = request(random);
      const Address& address = asked->target.address;
      if (random() % 3 == 0) {
        expect_none(asked->ended(executor_->materialize(address, asked->options)));
        continue;
      }
      ++open_;
      const bool is_cancelled = random() % 3 == 0;
      asked->may_be_cancelled = is_cancelled || ends_early_;
      const auto strand = asio::make_strand(pool_);
      auto end = [this, asked](const Result<Blob>& result) {
        expect_none(asked->ended(result));
        if (--open_ == 0) open_.notify_all();
      };
      executor_->async_materialize(
          address, asked->options,
          asio::bind_executor(strand, asio::bind_cancellation_slot(asked->signal.slot(), std::move(end))));
      if (is_cancelled) asio::post(strand, [asked] { asked->signal.emit(asio::cancellation_type::terminal); });
    }
  }

  void change(Random random) {
    Environment environment = Environment::open(storm_.directory.path(), {.durability = Durability::relaxed}).value();
    PersistentDag<> dag = PersistentDag<>::open(environment).value();
    for (int i = 0; i < 60; ++i) {
      for (int n = 0; n < 5; ++n) storm_.grow(random);
      if (random() % 8 == 0) {
        const Result<void> flushed = executor_->flush();
        expect_none(flushed ? "" : flushed.error().message());
      }
      if (random() % 8 == 0 && !dag.compact()) expect_none("no compaction");
    }
  }

  void expect_none(const std::string& wrong) {
    const std::lock_guard lock(mutex_);
    if (!wrong.empty()) wrong_ = wrong;
  }

  const std::uint64_t seed_;
  Random random_;
  Storm storm_;
  asio::thread_pool pool_{2};
  std::optional<Executor<FunctionRegistry>> executor_;
  const bool stores_ = random_() % 4 != 0;
  const bool ends_early_ = random_() % 3 == 0;
  std::atomic<int> open_{0};
  std::mutex mutex_;
  std::string wrong_;
};

/// DERIVA_STORMS: how many.
TEST_CASE("storm: with everything going on at once, a request gets another value, another end, or two") {
  const std::uint64_t rounds = from_environment("DERIVA_STORMS", 20);
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    CAPTURE(seed);
    REQUIRE(Round(seed).run() == "");
  }
}

}  // namespace
}  // namespace deriva::test
