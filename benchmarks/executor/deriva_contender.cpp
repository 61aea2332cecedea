#include "executor/deriva_contender.hpp"

#include <string>
#include <utility>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/executor.hpp>
#include <deriva/compute/function_registry.hpp>
#include <deriva/compute/sync_executor.hpp>

#include "support/samples.hpp"
#include "support/suite.hpp"

namespace bench {
namespace {

namespace fs = std::filesystem;
using deriva::Blob;

template <class Options>
constexpr bool can_leave_unstored = requires(Options options) {
  options.store_results;
};

template <class Options>
Options options_for(Keep keep, std::size_t threads) {
  Options options;
  options.concurrency = threads;
  if constexpr (can_leave_unstored<Options>) options.store_results = keep != Keep::memory;
  return options;
}

template <class Executor>
Blob value_of(Executor& executor, const deriva::Address& target, Keep keep) {
  Blob value = executor.materialize(target).value();
  if constexpr (requires { executor.flush(); }) {
    if (keep == Keep::sync) executor.flush().value();
  }
  return value;
}

}  // namespace

bool keeps_in_memory() { return can_leave_unstored<deriva::ExecutorOptions>; }

DerivaContender::DerivaContender(const WorkGraph& graph, fs::path directory, Keep keep)
    : graph_(graph), directory_(std::move(directory)), keep_(keep) {
  if (stores() || !fs::exists(directory_)) {
    renew();
  } else {
    open();
    target_ = recipes_of(graph_).back().address();
  }
}

bool DerivaContender::stores() const { return keep_ != Keep::memory || !keeps_in_memory(); }

void DerivaContender::open() {
  deriva::StoreOptions options;
  if (keep_ != Keep::sync) options.environment.durability = deriva::Durability::relaxed;
  store_.emplace(deriva::Store::open(directory_, options).value());
}

void DerivaContender::renew() {
  store_.reset();
  fs::remove_all(directory_);
  open();
  const std::vector<deriva::Recipe> recipes = recipes_of(graph_);
  store_->put_recipes(recipes).value();
  target_ = recipes.back().address();
}

double DerivaContender::operator()(Job& job, std::size_t threads) {
  if (std::exchange(used_, true) && stores()) renew();
  deriva::FunctionRegistry registry;
  registry.add({"node", "1"}, [&job](std::span<const Blob> inputs, const deriva::Params&) { return job.run(inputs); });
  const auto options = options_for<deriva::ExecutorOptions>(keep_, threads);
  Blob value;
  double time = 0;
  if (threads == 0) {
    time = nanoseconds([&] {
      deriva::SyncExecutor executor(*store_, registry, options);
      value = value_of(executor, target_, keep_);
    });
  } else {
    boost::asio::thread_pool pool(threads);
    time = nanoseconds([&] {
      deriva::Executor executor(pool.get_executor(), *store_, registry, options);
      value = value_of(executor, target_, keep_);
    });
  }
  job.check("deriva", number_in(value));
  const std::size_t results = store_->stats().value().results;
  require(results == (stores() ? graph_.size() : 0), "deriva stored " + std::to_string(results) + " results");
  return time;
}

}  // namespace bench
