// In which order an executor runs what is ready: by what takes long, and fairly among requests.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Numbers = std::vector<std::int64_t>;

/// Has a function, "noted", that notes the number of each recipe that it is called for. Its values are too large to be
/// in the records of results.
struct OrderFixture : ComputeFixture {
  OrderFixture() {
    add("noted", [this](std::span<const Blob>, const Params& params) {
      order.push_back(std::get<std::int64_t>(params.at("number")));
      return value_of(order.back());
    });
  }
  static Blob value_of(std::int64_t number) { return Blob::copy_of(std::string(1'000, static_cast<char>(number))); }
  /// As an earlier process left it.
  Address stored(std::int64_t number, std::chrono::nanoseconds compute_time) {
    const ComputedResult result{numbered("noted", number), value_of(number), compute_time, {}};
    REQUIRE(store->put_results({&result, 1}).has_value());
    return result.address;
  }
  Numbers order;
};

TEST_CASE("executor: what runs again comes in the order of the times that are recorded, not as if all took as long") {
  OrderFixture f;
  const bool evicted = GENERATE(true, false);
  const std::vector<std::chrono::nanoseconds> times{40us, 3us, 10ms, 160us, 640us};
  std::vector<Address> inputs;
  for (const std::chrono::nanoseconds time : times) {
    inputs.push_back(f.stored(static_cast<std::int64_t>(inputs.size()), time));
  }
  f.reopen();
  for (const Address& input : inputs) {
    if (evicted) f.evict(input);
  }
  OnThisThread on(f);
  REQUIRE(on.executor.materialize(f.numbered("noted", 100)).has_value());  // From now on there is an average.
  MaterializeOptions options;
  if (!evicted) options.recompute = Recompute::everything;
  REQUIRE(on.executor.materialize(f.recipe("concat", inputs), options).has_value());
  REQUIRE(f.order == Numbers{100, 2, 4, 3, 0, 1});
}

/// Takes a unit of time, which is long enough for a batch to be one function.
Blob take_one_unit(std::span<const Blob>, const Params&) {
  const auto end = std::chrono::steady_clock::now() + 50us;
  while (std::chrono::steady_clock::now() < end) {
  }
  return Blob();
}

/// So many recipes: a chain, or one that needs all others, in groups.
Address put_graph(ComputeFixture& f, const std::string& function, std::int64_t count, bool is_chain) {
  constexpr std::size_t group = 1'000;
  std::vector<Recipe> recipes;
  std::vector<Address> level;
  for (std::int64_t i = 0; i < count; ++i) {
    Recipe recipe{{function, "1"}, {}, {{"number", i}}};
    if (is_chain && i > 0) recipe.inputs = {level.back()};
    level.push_back(recipe.address());
    recipes.push_back(std::move(recipe));
  }
  REQUIRE(f.store->put_recipes(recipes).has_value());
  if (is_chain) return level.back();
  while (level.size() > 1) {
    std::vector<Address> above;
    for (std::size_t i = 0; i < level.size(); i += group) {
      const auto first = level.begin() + static_cast<std::ptrdiff_t>(i);
      above.push_back(
          f.recipe(function, {first, first + static_cast<std::ptrdiff_t>(std::min(group, level.size() - i))}));
    }
    level = std::move(above);
  }
  return level.front();
}

TEST_CASE("executor: a small request waits for one function of a large one each time that it could run one itself") {
  constexpr int others_before = 10;
  ComputeFixture f;
  const Address large = put_graph(f, "large", 100'000, GENERATE(true, false));
  const bool is_chain = GENERATE(true, false);
  const Address small = put_graph(f, "small", 20, is_chain);
  const int small_count = is_chain ? 20 : 21;
  asio::io_context io(1);
  ExecutorOptions options;
  options.concurrency = 1;
  options.store_results = false;
  Executor<FunctionRegistry> executor(io.get_executor(), *f.store, f.registry, options);
  int of_small = 0;
  int of_large = 0;
  int in_a_row = 0;  // Of the large one, since the small one ran.
  int most_in_a_row = 0;
  f.registry.add({"large", "1"}, [&](std::span<const Blob> inputs, const Params& params) {
    if (++of_large == others_before) {
      executor.async_materialize(small, {}, [&](const Result<Blob>& value) {
        REQUIRE(value.has_value());
        io.stop();
      });
    } else if (of_large > others_before && of_small < small_count) {
      most_in_a_row = std::max(most_in_a_row, ++in_a_row);
    }
    return take_one_unit(inputs, params);
  });
  int waited = 0;  // Functions of the large one between the small one's request and its end, with the one under way.
  f.registry.add({"small", "1"}, [&](std::span<const Blob> inputs, const Params& params) {
    ++of_small;
    in_a_row = 0;
    waited = of_large - others_before + 1;
    return take_one_unit(inputs, params);
  });
  executor.async_materialize(large, {}, [](const Result<Blob>&) {});
  io.run();
  REQUIRE(of_small == small_count);
  REQUIRE(most_in_a_row <= 1);
  REQUIRE(waited <= small_count + 1);  // So at most twice the time that it takes alone, and one function.
}

}  // namespace
}  // namespace deriva::test
