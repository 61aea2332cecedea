#include <deriva/core/event.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "support/catch.hpp"

namespace deriva {
namespace {

template <std::size_t... Index>
std::set<std::string> all_names(std::index_sequence<Index...>) {
  return {std::string(name_of(Event::Body(std::in_place_index<Index>)))...};
}

TEST_CASE("event: every body has a name of its own") {
  constexpr std::size_t count = std::variant_size_v<Event::Body>;
  const std::set<std::string> names = all_names(std::make_index_sequence<count>());
  CHECK(names.size() == count);
  CHECK(names.count("") == 0);
  CHECK(name_of(event::RequestStarted{}) == "request_started");
  CHECK(name_of(event::FunctionFinished{}) == "function_finished");
  CHECK(name_of(event::CutOff{}) == "cut_off");
  CHECK(name_of(event::CacheHit{}) == "cache_hit");
  CHECK(name_of(event::CacheEvicted{}) == "cache_evicted");
  CHECK(name_of(event::Committed{}) == "committed");
  CHECK(name_of(event::Verified{}) == "verified");
  CHECK(name_of(event::ObserverFailed{}) == "observer_failed");
}

TEST_CASE("event: every reason has a name of its own, and there are as many as counted") {
  std::set<std::string> names;
  for (std::size_t i = 0; i < event::reasons; ++i) names.emplace(to_string(static_cast<event::Reason>(i)));
  CHECK(names.size() == event::reasons);
  CHECK(names.count("unknown") == 0);
  CHECK(to_string(static_cast<event::Reason>(event::reasons)) == "unknown");
}

TEST_CASE("event: one is not larger than two cache lines and a half") { CHECK(sizeof(Event) <= 160); }

}  // namespace
}  // namespace deriva
