// A failure over many dependents, one step of the engine at a time.

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "compute/engine.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"
#include "unit/compute/seeded_scheduler.hpp"

namespace deriva::test {
namespace {

constexpr std::int64_t many = 30'000;

/// One node that fails, many that need it, and one that needs those.
struct FailFixture : ComputeFixture {
  struct Request {
    detail::RequestId id = 0;
    std::string seen;
    Outcome outcome;
  };
  struct Noted final : detail::Completion<Blob> {
    explicit Noted(Request& of) : request(of) {}
    void complete(Result<Blob> result) noexcept override {
      request.seen += text_of(result);
      delete this;
    }
    void destroy() noexcept override { delete this; }
    Request& request;
  };

  FailFixture() {
    add("bad", [](std::span<const Blob>, const Params&) -> Blob { throw 1; });
    const Address bad = recipe("bad", {});
    std::vector<Recipe> dependents;
    for (std::int64_t i = 0; i < many; ++i) dependents.push_back({{"concat", "1"}, {bad}, {{"number", i}}});
    target = recipe("concat", store->put_recipes(dependents).value());
    ExecutorOptions options;
    options.concurrency = 1;
    auto made = std::make_unique<SeededScheduler>(random);
    scheduler = made.get();
    engine = detail::Engine::make(std::move(made), *store, resolver(), options);
  }
  FailFixture(const FailFixture&) = delete;
  FailFixture& operator=(const FailFixture&) = delete;
  ~FailFixture() { shut_down(); }

  void shut_down() {
    if (engine) std::exchange(engine, nullptr)->shutdown();
  }
  Request& start(const Address& address, FailurePolicy policy = FailurePolicy::fail_fast) {
    Request& request = requests.emplace_back();
    request.id = engine->next_request();
    MaterializeOptions options;
    options.on_failure = policy;
    options.outcome = &request.outcome;
    engine->start(request.id, address, options, detail::Completion<Blob>::Ptr(new Noted(request)));
    return request;
  }
  void step_until_it_failed() {
    while (runs("bad") == 0) REQUIRE(scheduler->step());
  }
  void step_to_the_end() {
    while (scheduler->step()) continue;
  }

  Random random{1};
  SeededScheduler* scheduler = nullptr;
  std::shared_ptr<detail::Engine> engine;
  std::list<Request> requests;
  Address target;
};

TEST_CASE("engine: while a failure is told to many, other requests are answered") {
  FailFixture f;
  const FailurePolicy policy = GENERATE(FailurePolicy::fail_fast, FailurePolicy::keep_going);
  const FailFixture::Request& large = f.start(f.target, policy);
  f.step_until_it_failed();
  const FailFixture::Request& small = f.start(f.recipe("concat", {f.leaf("small")}));
  while (small.seen.empty()) REQUIRE(f.scheduler->step());
  REQUIRE(small.seen == "small");
  REQUIRE(large.seen.empty());
  f.step_to_the_end();
  REQUIRE(large.seen == "!function_failed");
  REQUIRE(large.outcome.failed == 1);
  REQUIRE(large.outcome.never_started == many + 1);
  REQUIRE(f.runs("concat") == 1);
}

TEST_CASE("engine: a request that is cancelled while its failure is told is answered at once, and once") {
  FailFixture f;
  const FailFixture::Request& large = f.start(f.target);
  f.step_until_it_failed();
  REQUIRE(large.seen.empty());
  f.engine->cancel(large.id);
  REQUIRE(large.seen == "!cancelled");
  const FailFixture::Request& again = f.start(f.target);
  f.step_to_the_end();
  REQUIRE(large.seen == "!cancelled");
  REQUIRE(again.seen == "!function_failed");
}

TEST_CASE("engine: a request that asks again for what failed runs it again, and does not get the failure before") {
  FailFixture f;
  const FailFixture::Request& large = f.start(f.target);
  while (large.seen.empty()) REQUIRE(f.scheduler->step());
  f.start(f.target);
  f.step_to_the_end();
  REQUIRE(f.runs("bad") == 2);
}

TEST_CASE("engine: shut down while a failure is told, it ends every request once") {
  FailFixture f;
  const FailFixture::Request& large = f.start(f.target);
  f.step_until_it_failed();
  f.shut_down();
  REQUIRE(large.seen == "!cancelled");
}

}  // namespace
}  // namespace deriva::test
