#include "compute/fair_mutex.hpp"

#include <atomic>
#include <latch>
#include <mutex>
#include <thread>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::FairMutex;

TEST_CASE("fair mutex: who waits gets in although the holder never has anything else to do") {
  FairMutex mutex;
  std::atomic<int> entered{0};
  std::latch begun(2);
  const auto enter = [&] {
    begun.arrive_and_wait();
    const std::lock_guard lock(mutex);
    ++entered;
  };
  std::unique_lock lock(mutex);
  std::thread one(enter);
  std::thread other(enter);
  while (entered < 2) mutex.let_in(lock);
  lock.unlock();
  one.join();
  other.join();
}

TEST_CASE("fair mutex: if nobody waits, the holder goes on") {
  FairMutex mutex;
  std::unique_lock lock(mutex);
  mutex.let_in(lock);
  REQUIRE(lock.owns_lock());
  REQUIRE_FALSE(mutex.try_lock());
}

TEST_CASE("fair mutex: holders that let each other in count to what they should") {
  FairMutex mutex;
  int count = 0;
  const auto work = [&] {
    std::unique_lock lock(mutex);
    for (int i = 0; i < 10'000; ++i) {
      ++count;
      mutex.let_in(lock);
    }
  };
  std::thread one(work);
  std::thread other(work);
  one.join();
  other.join();
  REQUIRE(count == 20'000);
}

}  // namespace
}  // namespace deriva::test
