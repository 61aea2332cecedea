#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <deriva/compute/function_registry.hpp>
#include <deriva/store/store.hpp>

#include "compute/engine.hpp"
#include "store/store_impl.hpp"
#include "support/catch.hpp"
#include "unit/compute/seeded_scheduler.hpp"

namespace deriva::test {

namespace asio = boost::asio;

/// A computation of a schedule: its kind is its function's name.
struct Step {
  std::string kind;
  std::vector<std::size_t> inputs;
  std::optional<std::size_t> asks;
  Address address;
};

/// One seed: a few recipes, executors that share a store, and requests that come and go.
class Schedule {
 public:
  Schedule(std::uint64_t seed, Store& store, std::size_t executors) : random_(seed), store_(store) {
    describe(static_cast<std::int64_t>(seed));
    add_functions();
    for (; executors > 0; --executors) add_executor();
  }
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  ~Schedule() {
    while (!executors_.empty()) destroy(0);
  }

  void run() {
    const std::size_t destroyed_at = pick(random_, 3) == 0 ? pick(random_, 200) : ~std::size_t{0};
    const std::size_t requests = 1 + pick(random_, 5);
    are_shared_ = executors_.size() > 1;
    for (std::size_t k = 0;; ++k) {
      INFO("step " << k);
      if (k == destroyed_at) {
        if (executors_.size() == 1) break;
        destroy(pick(random_, executors_.size()));
      }
      if (requests_.size() < requests && pick(random_, 6) == 0) start();
      if (pick(random_, 40) == 0) cancel();
      if (step()) continue;
      if (requests_.size() == requests) break;
      start();
    }
    const bool is_destroyed = open() > 0 && destroyed_at != ~std::size_t{0} && !are_shared_;
    if (!is_destroyed) REQUIRE(open() == 0);  // Nobody's wake-up was lost.
    if (!is_destroyed) REQUIRE(detail::StoreAccess::flights(store_).size() == 0);
    destroying_ = true;
    while (!executors_.empty()) destroy(0);
    for (const Request& request : requests_) check(request);
    check_runs();
  }

  /// Differs if anything went another way: nothing is chosen, and no time passes, without a draw.
  std::uint64_t trace() { return random_(); }

 private:
  struct Host {
    SeededScheduler* scheduler;
    std::shared_ptr<detail::Engine> engine;
  };
  struct Request {
    std::shared_ptr<detail::Engine> engine{};
    detail::RequestId id = 0;
    std::size_t target = 0;
    bool cancelled = false;
    bool has_deadline = false;
    bool is_destroyed = false;
    int completions = 0;
    std::optional<Result<Blob>> result;
    Outcome outcome;
    Progress told;
    bool is_watched = false;
    std::uint64_t inside = 0;  ///< Functions under way when it ended.
  };
  struct Noted final : detail::Completion<Blob> {
    Noted(Request& of, const std::uint64_t& now_inside) : request(of), inside(now_inside) {}
    void complete(Result<Blob> result) noexcept override {
      ++request.completions;
      request.inside = inside;
      request.result = std::move(result);
      delete this;
    }
    void destroy() noexcept override { delete this; }
    Request& request;
    const std::uint64_t& inside;
  };
  /// A function under way.
  struct Inside {
    Inside(Schedule& of, std::size_t number) : schedule(of) {
      ++schedule.inside_;
      ++schedule.calls_;
      ++schedule.calls_of_[number];
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { --schedule.inside_; }
    Schedule& schedule;
  };

  void add_executor() {
    ExecutorOptions options;
    options.concurrency = 1 + pick(random_, 2);
    options.coroutine_concurrency = 1 + pick(random_, 3);
    options.blocking_concurrency = 1 + pick(random_, 2);
    options.resources = {{"scarce", 1}};
    options.flush_results = 1 + pick(random_, 4);
    options.store_results = pick(random_, 4) != 0;
    options.cache_bytes = pick(random_, 2) * 1'000'000;
    // Whatever runs fits, and not much of it at a time; what is not stored cannot be forgotten.
    if (options.store_results && pick(random_, 2) == 0) options.memory_bytes = 4'000;
    limits_memory_ = limits_memory_ || options.memory_bytes > 0;
    all_store_ = all_store_ && options.store_results;
    auto scheduler = std::make_unique<SeededScheduler>(random_);
    SeededScheduler* const steps = scheduler.get();
    executors_.push_back({steps, detail::Engine::make(
                                     std::move(scheduler), store_,
                                     [this](const FunctionId& id) { return registry_.find(id); }, options)});
  }
  void destroy(std::size_t number) {
    const std::shared_ptr<detail::Engine> engine = executors_[number].engine;
    executors_.erase(executors_.begin() + static_cast<std::ptrdiff_t>(number));
    for (Request& request : requests_) request.is_destroyed = request.is_destroyed || request.engine == engine;
    engine->shutdown();
  }
  bool step() {
    const std::size_t first = executors_.size() == 1 ? 0 : pick(random_, executors_.size());
    for (std::size_t i = 0; i < executors_.size(); ++i) {
      if (executors_[(first + i) % executors_.size()].scheduler->step()) return true;
    }
    return false;
  }

  void describe(std::int64_t seed) {
    constexpr std::array kinds{"plain", "plain",  "context",  "coroutine", "coroutine", "asks",   "asks",
                               "asks",  "scarce", "blocking", "fails",     "throws",    "expires"};
    const std::size_t count = 3 + pick(random_, 10);
    for (std::size_t i = 0; i < count; ++i) {
      // What may fail is rare: most of what happens is to be seen to the end.
      Step step{kinds[pick(random_, kinds.size() - (pick(random_, 3) == 0 ? 0 : 3))], {}, {}, {}};
      for (std::size_t inputs = i == 0 ? 0 : pick(random_, 4); inputs > 0; --inputs) {
        step.inputs.push_back(pick(random_, i));
      }
      if (step.kind == "asks") step.asks = pick(random_, 6) == 0 || i == 0 ? pick(random_, count) : pick(random_, i);
      std::vector<Address> addresses;
      for (const std::size_t input : step.inputs) addresses.push_back(steps_[input].address);
      step.address =
          store_
              .put_recipe(
                  {{step.kind, "1"}, std::move(addresses), {{"seed", seed}, {"number", static_cast<std::int64_t>(i)}}})
              .value();
      steps_.push_back(std::move(step));
    }
  }

  void add_functions() {
    for (const std::string kind : {"plain", "scarce", "blocking"}) {
      FunctionOptions options;
      if (kind == "scarce") options.resource = "scarce";
      options.blocking = kind == "blocking";
      registry_.add(
          {kind, "1"}, [this](std::span<const Blob> in, const Params& p) { return plain(in, p); }, options);
    }
    registry_.add({"context", "1"},
                  [this](std::span<const Blob> in, const Params& p, Context&) { return plain(in, p); });
    registry_.add({"fails", "1"}, [this](std::span<const Blob>, const Params& params) -> Result<Blob> {
      const Inside inside(*this, number_of(params));
      interfere();
      return Error(Errc::io_error, "as planned");
    });
    registry_.add({"throws", "1"}, [this](std::span<const Blob>, const Params& params) -> Blob {
      const Inside inside(*this, number_of(params));
      throw 42;
    });
    const auto body = [this](std::vector<Blob> in, Params p, Context& c) {
      return coroutine(std::move(in), std::move(p), c);
    };
    registry_.add_async({"coroutine", "1"}, body);
    registry_.add_async({"asks", "1"}, body, {.resource = "scarce"});
    registry_.add_async({"expires", "1"}, body, {.timeout = std::chrono::milliseconds(5)});
  }

  /// A host that does something else while a function runs.
  void interfere() {
    if (destroying_) return;
    if (pick(random_, 12) == 0) cancel();
  }

  static std::size_t number_of(const Params& params) {
    return static_cast<std::size_t>(std::get<std::int64_t>(params.at("number")));
  }
  static std::string text_of_inputs(std::span<const Blob> inputs, std::size_t number) {
    std::string text = std::to_string(number) + "(";
    for (const Blob& input : inputs) text += as_text(input);
    return text;
  }

  Blob plain(std::span<const Blob> inputs, const Params& params) {
    const Inside inside(*this, number_of(params));
    interfere();
    return Blob::adopt(text_of_inputs(inputs, number_of(params)) + ")");
  }

  asio::awaitable<Result<Blob>> coroutine(std::vector<Blob> inputs, Params params, Context& context) {
    const std::size_t number = number_of(params);
    const Inside inside(*this, number);
    std::vector<std::stop_token>& running = running_[number];
    // What has waited once is no longer its executor's alone, and may be executed once more to be compared.
    const bool is_shared = are_shared_ && verifies_ && steps_[number].asks;
    for (const std::stop_token& other : running) {
      if (!other.stop_requested() && !is_shared) ++runs_at_once_;
    }
    running.push_back(context.stop_token());
    std::string text = text_of_inputs(inputs, number);
    for (std::size_t turns = pick(random_, 4); turns > 0; --turns) {
      co_await asio::post(context.get_executor(), asio::use_awaitable);
      interfere();
    }
    std::optional<Error> failed;
    if (const std::optional<std::size_t> asks = steps_[number].asks) {
      if (are_shared_) std::erase(running_[number], context.stop_token());  // Another executor need not wait for it.
      const Result<Blob> value = co_await context.materialize(steps_[*asks].address);
      if (value) text += as_text(*value);
      if (!value) failed = value.error();
    }
    std::erase(running_[number], context.stop_token());
    if (failed) co_return *failed;
    co_return Blob::adopt(text + ")");
  }

  void start() {
    const Host& host = executors_.size() == 1 ? executors_[0] : executors_[pick(random_, executors_.size())];
    Request& request = requests_.emplace_back();
    request.engine = host.engine;
    request.id = host.engine->next_request();
    request.target = pick(random_, steps_.size());
    MaterializeOptions options;
    options.priority = static_cast<Priority>(pick(random_, priorities));
    if (pick(random_, 3) == 0) options.on_failure = FailurePolicy::keep_going;
    if (pick(random_, 6) == 0) options.verify = Verify::always();
    verifies_ = verifies_ || options.verify;
    request.is_watched = pick(random_, 2) == 0;
    if (request.is_watched) options.progress = [&request](const Progress& progress) { request.told = progress; };
    request.has_deadline = pick(random_, 6) == 0;
    if (request.has_deadline)
      options.deadline = host.scheduler->now() + std::chrono::milliseconds(1 + pick(random_, 9));
    options.outcome = &request.outcome;
    host.engine->start(request.id, steps_[request.target].address, options,
                       detail::Completion<Blob>::Ptr(new Noted(request, inside_)));
  }
  void cancel() {
    if (requests_.empty()) return;
    auto request = requests_.begin();
    std::advance(request, static_cast<std::ptrdiff_t>(pick(random_, requests_.size())));
    request->cancelled = request->cancelled || request->completions == 0;
    request->engine->cancel(request->id);
  }
  std::size_t open() const {
    return static_cast<std::size_t>(
        std::count_if(requests_.begin(), requests_.end(), [](const Request& r) { return r.completions == 0; }));
  }

  /// What the value has to be; nothing if it depends on a failure, or on itself.
  std::optional<std::string> expected(std::size_t number) {
    const auto [known, is_new] = expected_.try_emplace(number);
    if (!is_new) return known->second;  // While it is being worked out: a cycle, which has no value.
    const Step& step = steps_[number];
    if (step.kind == "fails" || step.kind == "throws" || step.kind == "expires") return std::nullopt;
    std::string text = std::to_string(number) + "(";
    std::vector<std::size_t> parts = step.inputs;
    if (step.asks) parts.push_back(*step.asks);
    for (const std::size_t part : parts) {
      const std::optional<std::string> value = expected(part);
      if (!value) return std::nullopt;
      text += *value;
    }
    return expected_[number] = text + ")";
  }

  void check(const Request& request) {
    REQUIRE(request.completions == 1);
    REQUIRE(runs_at_once_ == 0);
    const Result<Blob>& result = *request.result;
    const std::optional<std::string> value = expected(request.target);
    CAPTURE(request.target, text_of(result), value.value_or("none"));
    if (value && result) REQUIRE(as_text(*result) == *value);
    const Outcome& outcome = request.outcome;
    if (!result) {
      const Errc code = result.error().code();
      const bool given_up = (code == Errc::cancelled && (request.cancelled || request.is_destroyed)) ||
                            (code == Errc::deadline_exceeded && request.has_deadline);
      REQUIRE((given_up || !value));
    } else if (outcome.failed == 0) {
      REQUIRE(outcome.failures.empty());
    }
    check_counts(request);
  }

  /// Every recipe that was planned is counted once, as what became of it.
  void check_counts(const Request& request) {
    const Outcome& outcome = request.outcome;
    CAPTURE(outcome.computed, outcome.cut_off, outcome.failed, outcome.running, outcome.never_started, outcome.joined,
            outcome.reused);
    const std::uint64_t begun = outcome.computed + outcome.cut_off + outcome.failed + outcome.running;
    if (request.is_watched) {
      REQUIRE(request.told.planned == begun + outcome.never_started);
      REQUIRE(request.told.computed == outcome.computed);
    }
    if (*request.result) REQUIRE(outcome.failed + outcome.running + outcome.never_started == 0);
    if (requests_.size() > 1) return;
    REQUIRE(outcome.joined == 0);
    REQUIRE(outcome.running >= request.inside);
    std::set<std::size_t> below;
    bool asks = false;
    collect(request.target, below, asks);
    if (!*request.result) {
      REQUIRE(begun <= below.size() + calls_);
    } else if (asks) {  // What was let go before it was asked for is computed, or read, again.
      REQUIRE(begun + outcome.reused >= below.size());
    } else if (!limits_memory_) {
      REQUIRE(begun + outcome.reused == below.size());
    }
  }

  /// No function ran that no request counts, unless its request was over. What fails may not have begun.
  void check_runs() {
    if (verifies_) return;
    std::uint64_t computed = 0;
    bool all_there = true;
    for (const Request& request : requests_) {
      computed += request.outcome.computed;
      all_there = all_there && *request.result;
    }
    REQUIRE(computed <= calls_);
    if (!all_there) return;
    REQUIRE(computed == calls_);
    if (!all_store_) return;
    for (const auto& [number, calls] : calls_of_) {
      if (!are_shared_ || steps_[number].kind != "asks") REQUIRE(calls == 1);
    }
  }

  void collect(std::size_t number, std::set<std::size_t>& below, bool& asks) const {
    if (!below.insert(number).second) return;
    for (const std::size_t input : steps_[number].inputs) collect(input, below, asks);
    if (!steps_[number].asks) return;
    asks = true;
    collect(*steps_[number].asks, below, asks);
  }

  Random random_;
  Store& store_;
  FunctionRegistry registry_;
  std::vector<Step> steps_;
  std::map<std::size_t, std::vector<std::stop_token>> running_;
  std::map<std::size_t, std::optional<std::string>> expected_;
  std::list<Request> requests_;
  std::vector<Host> executors_;
  std::uint64_t inside_ = 0;             ///< Functions under way,
  std::uint64_t calls_ = 0;              ///< and all that were called:
  std::map<std::size_t, int> calls_of_;  ///< by recipe.
  bool verifies_ = false;
  bool limits_memory_ = false;
  bool all_store_ = true;
  bool are_shared_ = false;
  int runs_at_once_ = 0;  ///< Of one recipe, neither of them asked to stop.
  bool destroying_ = false;
};

}  // namespace deriva::test
