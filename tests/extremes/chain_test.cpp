#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

constexpr std::int64_t length = 1'000'000;

/// A chain of a million recipes; each value is its number. What happens at a certain step is up to the test.
struct ChainFixture : ComputeFixture {
  ChainFixture() : ComputeFixture(std::uintmax_t{4} << 30U) {
    add("count", [this](std::span<const Blob> inputs, const Params&) {
      const std::int64_t number = std::stoll(std::string(as_text(inputs[0]))) + 1;
      if (number == step) at_step();
      return Blob::adopt(std::to_string(number));
    });
    Address end = leaf("0");
    std::vector<Recipe> batch;
    for (std::int64_t i = 0; i < length; ++i) {
      batch.push_back({{"count", "1"}, {end}, {}});
      end = batch.back().address();
      if (batch.size() < 50'000) continue;
      REQUIRE(store->put_recipes(batch).has_value());
      batch.clear();
    }
    target = end;
  }

  Address target;
  std::int64_t step = 0;
  std::function<void()> at_step = [] {};
};

/// Tells where the time of a test goes.
class Stopwatch {
 public:
  void lap(const char* what) {
    const auto now = std::chrono::steady_clock::now();
    std::printf("%-40s %6.2f s\n", what, std::chrono::duration<double>(now - last_).count());
    last_ = now;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

TEST_CASE("a chain of a million recipes is dropped half-way by each way there is, and then computed") {
  rlimit stack{};
  REQUIRE(::getrlimit(RLIMIT_STACK, &stack) == 0);
  REQUIRE(stack.rlim_cur <= rlim_t{1'024} * 1'024);

  Stopwatch watch;
  ChainFixture f;
  watch.lap("storing the recipes");
  {
    OnPool<2> on(f);
    boost::asio::cancellation_signal signal;
    f.step = length / 4;
    f.at_step = [&] { signal.emit(boost::asio::cancellation_type::terminal); };
    std::promise<std::string> seen;
    on.executor.async_materialize(f.target, {},
                                  boost::asio::bind_cancellation_slot(signal.slot(), [&](const Result<Blob>& value) {
                                    seen.set_value(text_of(value));
                                  }));
    REQUIRE(seen.get_future().get() == "!cancelled");
  }
  constexpr int most_in_a_batch = 256;  // Which is carried out, once it has begun.
  REQUIRE(f.runs("count") >= length / 4);
  REQUIRE(f.runs("count") < length / 4 + most_in_a_batch);
  watch.lap("cancelling the request after a quarter");
  {
    boost::asio::thread_pool pool(2);
    std::optional<Executor<FunctionRegistry>> executor(std::in_place, pool.get_executor(), *f.store, f.registry);
    f.step = length / 2;
    std::promise<void> half;
    f.at_step = [&] { half.set_value(); };
    auto value = executor->async_materialize(f.target, {}, boost::asio::use_future);
    half.get_future().get();
    executor.reset();
    REQUIRE(text_of(value.get()) == "!cancelled");
  }
  REQUIRE(f.runs("count") >= length / 2);
  watch.lap("destroying the executor at a half");
  {
    OnThisThread on(f);
    REQUIRE(text_of(on.executor.materialize(f.target)) == std::to_string(length));
  }
  REQUIRE(f.runs("count") == length);
  watch.lap("computing the rest");
}

}  // namespace
}  // namespace deriva::test
