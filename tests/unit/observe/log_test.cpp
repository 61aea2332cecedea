#include <deriva/observe/log.hpp>

#include <regex>

#include "observe_fixture.hpp"
#include "parse_json.hpp"

namespace deriva {
namespace {

using test::labelled;
using test::Script;

std::vector<std::string> logged(Script& script, LogOptions options, const std::function<void()>& run) {
  std::vector<std::string> lines;
  const ObserverId id = script.hub.attach(
      std::make_shared<Log>([&](std::string_view line) { lines.emplace_back(line); }, std::move(options)));
  run();
  script.hub.detach(id);
  return lines;
}

TEST_CASE("log: a line has the time of day, the thread, the event and what it says") {
  Script script;
  const auto lines = logged(script, {}, [&] { script.ran(7, 3, "resize/1", labelled("a"), 0, 250); });
  REQUIRE(lines.size() == 1);  // The flight and the function's beginning are for other sinks.
  const std::regex pattern(
      R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z 0 function_finished flight=7 request=3 address=[0-9a-f]{64} )"
      R"(function=resize/1 reason=never_computed duration=0\.25 input_bytes=100 output_bytes=1000 ending=succeeded)");
  INFO(lines[0]);
  CHECK(std::regex_match(lines[0], pattern));
}

TEST_CASE("log: JSON lines are JSON, whatever a function is called") {
  Script script;
  const std::string evil = "a\"b\\c\n</script>\x01\xff/1";
  const auto of_flights = [](const Event& event) { return event.as<event::BatchStarted>() == nullptr; };
  const auto lines = logged(script, {.format = LogFormat::json, .filter = of_flights},
                            [&] { script.ran(7, 3, evil, labelled("a"), 0, 250, event::Reason::input_changed); });
  REQUIRE(lines.size() == 4);
  for (const std::string& line : lines) {
    CHECK(line.find('\n') == std::string::npos);
    CHECK(test::parse_json(line).at("flight").as_int64() == 7);
  }
  const boost::json::value finished = test::parse_json(lines[2]);
  CHECK(finished.at("event").as_string() == "function_finished");
  CHECK(finished.at("function").as_string() == "a\"b\\c\n</script>\x01\xEF\xBF\xBD/1");
  CHECK(finished.at("duration").as_double() == 0.25);
}

TEST_CASE("log: every event can be written") {
  Script script;
  const auto lines = logged(script, {.format = LogFormat::json, .filter = [](const Event&) { return true; }}, [&] {
    const event::NameId f = script.hub.name_id("f/1");
    const auto now = script.time(0);
    script.at(0, event::RequestStarted{1, labelled("a"),
                                       *TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-"
                                                            "00f067aa0ba902b7-01")});
    script.at(1, event::PlanMade{1, 2, 3});
    script.at(2, event::FlightJoined{1, 1, labelled("a")});
    script.at(3, event::FunctionStarted{1, 1, f, labelled("a"), {event::Reason::input_changed, f, 2, labelled("b")}});
    script.at(4, event::CacheHit{1, now, labelled("a"), 5, event::Tier::memory});
    script.at(5, event::CacheMiss{1, now, labelled("a"), event::Tier::store});
    script.at(6, event::CacheInserted{labelled("a"), 1, 0, false});
    script.at(7, event::CacheEvicted{labelled("a"), 1});
    script.at(8, event::DagInserted{now, 1});
    script.at(9, event::DagRemoved{now, 1});
    script.at(10, event::ResultsStored{1, now, 1, 1, event::Ending::succeeded});
    script.at(11, event::Committed{now, 1, std::chrono::milliseconds(1)});
    script.at(12, event::MapGrown{1, 2});
    script.at(13, event::ReaderExpired{9});
    script.at(14, event::Verified{1, 1, labelled("a"), f, event::Verdict::different});
    script.at(15, event::RpcStarted{1, f});
    script.at(16, event::RpcFinished{1, now, f, f});
    script.at(17, event::ObserverFailed{4});
    script.at(18, event::CutOff{1, 1, labelled("a"), labelled("b"), script.hub.name_id("f/1")});
    script.at(18, event::RequestFinished{1, now, labelled("a"), 5, 1, event::Ending::cancelled});
    script.at(19, event::FlightStored{1, 1, now, labelled("a"), 5, event::Ending::succeeded});
    script.at(20, event::BatchStarted{3});
  });
  REQUIRE(lines.size() == 22);
  for (const std::string& line : lines) CHECK(test::parse_json(line).as_object().size() > 3);
  CHECK_THAT(lines[0], test::contains(R"("traceparent":"00-4bf9)"));
  CHECK_THAT(lines[3], test::contains(R"("reason":"input_changed","input":2,"previous_function":"f/1","previous":")"));
  CHECK_THAT(lines[18], test::contains(R"("function":"f/1","previous":")"));
  CHECK_THAT(lines[14], test::contains(R"("verdict":"different")"));
  CHECK_THAT(lines[20], test::contains(R"("event":"flight_stored","flight":1)"));
  CHECK_THAT(lines[21], test::contains(R"("event":"batch_started","flights":3)"));
}

TEST_CASE("log: events that were dropped leave a line") {
  std::vector<std::string> lines;
  Log log([&](std::string_view line) { lines.emplace_back(line); });
  ObserverHub hub;
  log.on_events({{}, hub, 12});
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], test::contains("events_dropped count=12"));
}

}  // namespace
}  // namespace deriva
