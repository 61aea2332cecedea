#include "compute/endable_wait.hpp"

#include <chrono>
#include <thread>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::EndableWait;
using Clock = std::chrono::steady_clock;
using std::chrono::hours;
using std::chrono::milliseconds;

TEST_CASE("endable wait: what was ended before it began is not waited for, and the next one is") {
  EndableWait wait;
  wait.end();
  wait.end();
  wait.wait_for(hours(1));
  const Clock::time_point began = Clock::now();
  wait.wait_for(milliseconds(2));
  REQUIRE(Clock::now() - began >= milliseconds(2));
}

TEST_CASE("endable wait: who waits is not woken by another thread") {
  EndableWait wait;
  std::thread waiting([&] { wait.wait_for(hours(1)); });
  wait.end();
  waiting.join();
}

}  // namespace
}  // namespace deriva::test
