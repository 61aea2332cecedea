#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>

#include "executor/contender.hpp"
#include "support/samples.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
using deriva::Address;
using deriva::Blob;

/// What one would write first: every input is spawned, and then awaited.
class ObviousExecutor {
 public:
  ObviousExecutor(const Job& job, const std::unordered_map<Address, deriva::Recipe>& recipes, asio::thread_pool& pool)
      : job_(job), recipes_(recipes), pool_(pool) {}

  asio::awaitable<Blob> materialize(Address address) {
    bool first = false;
    const std::shared_ptr<Flight> flight = board(address, first);
    if (!first) {
      co_await flight->done.async_receive(asio::as_tuple(asio::use_awaitable));
      co_return flight->value;
    }
    const std::vector<Address>& inputs = recipes_.at(address).inputs;
    for (const Address& input : inputs) asio::co_spawn(pool_, materialize(input), asio::detached);
    std::vector<Blob> values;
    for (const Address& input : inputs) values.push_back(co_await materialize(input));
    flight->value = job_.run(values);
    flight->done.close();
    co_return flight->value;
  }

 private:
  using Channel =
      asio::experimental::concurrent_channel<asio::thread_pool::executor_type, void(boost::system::error_code)>;
  struct Flight {
    explicit Flight(asio::thread_pool& pool) : done(pool.get_executor()) {}
    Channel done;  ///< Closed when the value is there.
    Blob value;
  };

  std::shared_ptr<Flight> board(const Address& address, bool& first) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Flight>& flight = flights_[address];
    first = flight == nullptr;
    if (first) flight = std::make_shared<Flight>(pool_);
    return flight;
  }

  const Job& job_;
  const std::unordered_map<Address, deriva::Recipe>& recipes_;
  asio::thread_pool& pool_;
  std::mutex mutex_;
  std::unordered_map<Address, std::shared_ptr<Flight>> flights_;
};

}  // namespace

Turn obvious_turn() {
  return [](Job& job, std::size_t threads) {
    std::unordered_map<Address, deriva::Recipe> recipes;
    Address target;
    for (deriva::Recipe& recipe : recipes_of(job.graph())) {
      target = recipe.address();
      recipes.emplace(target, std::move(recipe));
    }
    asio::thread_pool pool(threads);
    std::uint64_t value = 0;
    const double time = nanoseconds([&] {
      ObviousExecutor executor(job, recipes, pool);
      value = number_in(asio::co_spawn(pool, executor.materialize(target), asio::use_future).get());
      pool.join();  // Of the spawned ones, some only find that the value is there.
    });
    job.check("the obvious design", value);
    return time;
  };
}

}  // namespace bench
