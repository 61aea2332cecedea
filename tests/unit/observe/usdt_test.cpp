#include <deriva/observe/usdt.hpp>

#include <fstream>
#include <iterator>

#include "observe_fixture.hpp"

namespace deriva {
namespace {

TEST_CASE("usdt: the probes are in the program if they were asked for, and firing them harms nothing") {
  test::Script script;
  const Result<void> attached = attach_usdt_probes(script.hub);
#ifdef DERIVA_USDT
  REQUIRE(attached);
  script.ran(1, 1, "f/1", test::labelled("a"), 0, 1);
  script.at(1, event::CacheHit{1, script.time(0), test::labelled("a"), 1, event::Tier::memory});
  script.at(1, event::CacheMiss{1, script.time(0), test::labelled("a"), event::Tier::store});
  script.at(1, event::Committed{script.time(0), 1, {}});
  script.at(1, event::RequestFinished{1, script.time(0), test::labelled("a"), 1, 1, event::Ending::succeeded});
  // Each is a note in the section .note.stapsdt: provider, name, arguments, as text.
  std::ifstream self("/proc/self/exe", std::ios::binary);
  const std::string program(std::istreambuf_iterator<char>(self), {});
  for (const char* name :
       {"function_started", "function_finished", "request_finished", "cache_hit", "cache_miss", "committed"}) {
    INFO(name);
    CHECK(program.find(std::string("deriva") + '\0' + name + '\0') != std::string::npos);
  }
#else
  CHECK(attached.error().code() == Errc::unsupported);
#endif
}

}  // namespace
}  // namespace deriva
