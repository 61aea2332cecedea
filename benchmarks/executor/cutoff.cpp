#include "executor/cutoff.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/store/store.hpp>

#include "executor/contender.hpp"
#include "support/relaxed_store.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using deriva::Address;
using deriva::Blob;
using deriva::BytesView;
using deriva::ExecutorOptions;
using deriva::MaterializeOptions;
using deriva::Outcome;
using deriva::Recipe;
using deriva::Store;

using Cutoff = std::optional<std::chrono::nanoseconds>;
constexpr std::chrono::nanoseconds everything{0};

BytesView bytes_of(const std::uint64_t& number) { return std::as_bytes(std::span(&number, 1)); }

/// A binary tree over leaves. Each leaf is read by a function of its own; the nodes above ignore the lowest bit.
class Tree {
 public:
  Tree(const fs::path& directory, std::size_t nodes)
      : store_(open_relaxed(directory)), readers_(std::bit_ceil(nodes) / 2) {
    registry_.add({"read", "1"}, [](std::span<const Blob> inputs, const deriva::Params&) { return inputs[0]; });
    registry_.add({"add", "1"}, [](std::span<const Blob> inputs, const deriva::Params&) {
      const std::uint64_t sum = (number_in(inputs[0]) & ~std::uint64_t{1}) + (number_in(inputs[1]) & ~std::uint64_t{1});
      return Blob::copy_of(bytes_of(sum));
    });
    std::vector<Recipe> level;
    for (std::uint64_t i = 0; i < readers_; ++i) level.push_back(reader(2 * i));
    levels_.push_back(put(level));
    while (levels_.back().size() > 1) {
      level.clear();
      for (std::size_t i = 0; i < levels_.back().size(); i += 2) {
        level.push_back({{"add", "1"}, {levels_.back()[i], levels_.back()[i + 1]}, {}});
      }
      levels_.push_back(put(level));
    }
  }

  Address root() const { return levels_.back().front(); }
  std::size_t size() const { return 2 * readers_ - 1; }

  /// The root after the lowest bit of a leaf was changed.
  Address change(std::size_t leaf) {
    const std::vector<Recipe> changed{reader(2 * leaf + 1)};
    Address below = put(changed).front();
    for (std::size_t level = 0; level + 1 < levels_.size(); ++level, leaf /= 2) {
      const Address beside = levels_[level][leaf ^ 1U];
      const std::vector<Recipe> above{
          {{"add", "1"}, leaf % 2 == 0 ? std::vector{below, beside} : std::vector{beside, below}, {}}};
      below = put(above).front();
    }
    return below;
  }

  /// How long a request takes, in ns.
  double materialize(const Address& target, const Cutoff& cutoff, Outcome& outcome) {
    asio::thread_pool pool(2);
    ExecutorOptions options;
    options.concurrency = 2;
    options.early_cutoff = cutoff;
    deriva::Executor executor(pool.get_executor(), store_, registry_, options);
    MaterializeOptions request;
    request.outcome = &outcome;
    std::uint64_t value = 0;
    const double time = nanoseconds([&] { value = number_in(executor.materialize(target, request).value()); });
    require(value == readers_ * (readers_ - 1), "the tree has another value");
    executor.flush().value();
    return time;
  }
  /// The same until all results are stored.
  double materialize_and_store(const Cutoff& cutoff) {
    Outcome outcome;
    const double time = nanoseconds([&] { materialize(root(), cutoff, outcome); });
    require(outcome.computed == size(), "not everything was computed");
    return time;
  }

 private:
  Recipe reader(std::uint64_t number) { return {{"read", "1"}, {leaf(number)}, {}}; }
  Address leaf(std::uint64_t number) {
    leaves_.push_back(number);
    return Address::of_leaf(bytes_of(number));
  }
  std::vector<Address> put(const std::vector<Recipe>& recipes) {
    std::vector<BytesView> leaves;
    for (const std::uint64_t& number : leaves_) leaves.push_back(bytes_of(number));
    store_.put_leaves(leaves).value();
    leaves_.clear();
    return store_.put_recipes(recipes).value();
  }

  Store store_;
  std::size_t readers_;
  deriva::FunctionRegistry registry_;
  std::vector<std::uint64_t> leaves_;  ///< That are not stored yet.
  std::vector<std::vector<Address>> levels_;
};

std::string short_count(std::size_t count) {
  return count >= 1'000'000 ? std::to_string(count / 1'000'000) + "m" : std::to_string(count / 1'000) + "k";
}

/// One changed leaf against the whole tree.
void measure_change(const Options& options, Report& report, const fs::path& scratch) {
  const std::size_t count = options.n.value_or(1'000'000);
  Tree tree(scratch / "cutoff", count);
  const std::size_t depth = static_cast<std::size_t>(std::bit_width(tree.size()));
  Outcome outcome;
  const double all = tree.materialize(tree.root(), everything, outcome);
  Samples samples;
  for (std::size_t i = 0; i < std::max<std::size_t>(options.repetitions, 9); ++i) {
    const Address changed = tree.change(i * 7'919 % (tree.size() / 2));
    samples.add("change", "", tree.materialize(changed, everything, outcome));
    require(outcome.computed == 2 && outcome.cut_off == depth - 2, "more than the reader and one function ran");
  }
  report.add({"executor.cutoff." + short_count(count), samples.median("change", ""), Unit::nanoseconds, 1e6,
              Better::lower, "computing everything", all, tree.size()});
}

/// What the first build of short functions pays for it: as a rule, and if everything is to be found.
void measure_first_build(const Options& options, Report& report, const fs::path& scratch) {
  const std::size_t count = options.n.value_or(1'000'000) / 8;
  Samples samples;
  const auto contender = [&](const std::string& name, const Cutoff& cutoff) {
    return [&samples, &scratch, name, cutoff, count] {
      Tree tree(scratch / "first", count);
      samples.add(name, "", tree.materialize_and_store(cutoff));
    };
  };
  take_turns(std::max<std::size_t>(options.repetitions, 9),
             {contender("off", std::nullopt), contender("default", ExecutorOptions().early_cutoff),
              contender("everything", everything)});
  report.add({"executor.cutoff.first_build", samples.ratio("default", "off", ""), Unit::factor, 1.05, Better::lower,
              "without early cutoff", 1.0, count});
  report.add({"executor.cutoff.everything", samples.ratio("everything", "off", ""), Unit::factor, std::nullopt,
              Better::lower, "without early cutoff", 1.0, count});
}

}  // namespace

void measure_cutoff(const Options& options, Report& report, const fs::path& scratch) {
  measure_change(options, report, scratch);
  measure_first_build(options, report, scratch);
}

}  // namespace bench
