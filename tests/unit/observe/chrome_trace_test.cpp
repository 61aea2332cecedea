#include <deriva/observe/chrome_trace.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "observe_fixture.hpp"
#include "parse_json.hpp"

namespace deriva {
namespace {

using test::labelled;
using test::Script;

/// A file that is removed at the end.
class TraceFile {
 public:
  TraceFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "deriva-trace-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;
  ~TraceFile() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::filesystem::path path() const { return directory_ / "trace.json"; }
  boost::json::array events() const {
    std::ifstream file(path());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    return test::parse_json(text).at("traceEvents").as_array();
  }

 private:
  std::filesystem::path directory_;
};

std::vector<boost::json::object> of_phase(const boost::json::array& events, std::string_view phase) {
  std::vector<boost::json::object> found;
  for (const auto& event : events) {
    if (std::string_view(event.at("ph").as_string()) == phase) found.push_back(event.as_object());
  }
  return found;
}
double number(const boost::json::value& value) { return value.to_number<double>(); }
/// To the nanosecond; the trace is in microseconds.
bool same_time(double a, double b) { return std::abs(a - b) < 0.0005; }

TEST_CASE("chrome trace: functions are slices, with arrows from where their inputs were computed") {
  const TraceFile file;
  Script script;
  const auto inputs = [](const Address& address) {
    return address == labelled("c") ? std::vector<Address>{labelled("a"), labelled("b"), labelled("leaf")}
                                    : std::vector<Address>();
  };
  auto trace = ChromeTrace::open(file.path(), {.inputs = inputs}).value();
  const ObserverId id = script.hub.attach(trace);
  script.at(0, event::RequestStarted{1, labelled("c"), {}});
  script.ran(1, 1, "first/1", labelled("a"), 10, 20);
  script.ran(2, 1, "second/1", labelled("b"), 20, 40);
  script.ran(3, 1, "third/1", labelled("c"), 40, 50);
  script.at(60, event::RequestFinished{1, script.time(0), labelled("c"), 5, 3, event::Ending::succeeded});
  script.hub.detach(id);
  REQUIRE(trace->close());

  const boost::json::array events = file.events();
  const auto slices = of_phase(events, "X");
  REQUIRE(slices.size() == 3);
  CHECK(slices[0].at("name").as_string() == "first/1");
  CHECK(same_time(number(slices[0].at("dur")), 10'000));
  CHECK(same_time(number(slices[2].at("ts")) - number(slices[1].at("ts")), 20'000));
  CHECK(slices[2].at("args").at("reason").as_string() == "never_computed");
  const auto starts = of_phase(events, "s");
  const auto ends = of_phase(events, "f");
  REQUIRE(starts.size() == 2);  // None from the leaf.
  REQUIRE(ends.size() == 2);
  CHECK(same_time(number(starts[0].at("ts")), number(slices[0].at("ts")) + 5'000));
  CHECK(same_time(number(starts[1].at("ts")), number(slices[1].at("ts")) + 10'000));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(ends[i].at("id") == starts[i].at("id"));
    CHECK(same_time(number(ends[i].at("ts")), number(slices[2].at("ts"))));
  }
  CHECK(of_phase(events, "b").size() == 1);
  CHECK(of_phase(events, "e").size() == 1);
  CHECK(of_phase(events, "b")[0].at("id") == of_phase(events, "e")[0].at("id"));
}

TEST_CASE("chrome trace: slices of a track nest; what overlaps gets a track of its own") {
  const TraceFile file;
  Script script;
  auto trace = ChromeTrace::open(file.path()).value();
  const ObserverId id = script.hub.attach(trace);
  script.ran(1, 1, "a/1", labelled("a"), 0, 10);
  script.ran(2, 1, "b/1", labelled("b"), 5, 15);   // overlaps a
  script.ran(3, 1, "c/1", labelled("c"), 10, 20);  // after a
  script.at(26, event::Committed{script.time(24), 1, {}});
  script.at(28, event::ResultsStored{1, script.time(22), 1, 1, event::Ending::succeeded});  // encloses the commit
  script.hub.detach(id);
  REQUIRE(trace->close());
  const auto slices = of_phase(file.events(), "X");
  REQUIRE(slices.size() == 5);
  CHECK(slices[0].at("tid") != slices[1].at("tid"));
  CHECK(slices[0].at("tid") == slices[2].at("tid"));
  CHECK(slices[3].at("tid") == slices[4].at("tid"));
  CHECK(of_phase(file.events(), "M").size() == 3);  // The process and two tracks.
}

TEST_CASE("chrome trace: the memory of cached values is a counter, a violation a mark") {
  const TraceFile file;
  Script script;
  auto trace = ChromeTrace::open(file.path()).value();
  const ObserverId id = script.hub.attach(trace);
  script.at(0, event::CacheInserted{labelled("a"), 100, 0, false});
  script.at(1, event::CacheInserted{labelled("a"), 30, 100, true});
  script.at(2, event::CacheEvicted{labelled("a"), 30});
  script.at(3, event::Verified{1, 1, labelled("a"), event::NameId::none, event::Verdict::equal});
  script.at(4, event::Verified{1, 1, labelled("a"), event::NameId::none, event::Verdict::different});
  script.hub.detach(id);
  REQUIRE(trace->close());
  const auto counts = of_phase(file.events(), "C");
  REQUIRE(counts.size() == 3);
  CHECK(counts[0].at("args").at("bytes").as_int64() == 100);
  CHECK(counts[1].at("args").at("bytes").as_int64() == 30);
  CHECK(counts[2].at("args").at("bytes").as_int64() == 0);
  CHECK(of_phase(file.events(), "i").size() == 1);
}

TEST_CASE("chrome trace: a file that cannot be created is an error") {
  CHECK(ChromeTrace::open("/no/such/directory/trace.json").error().code() == Errc::not_found);
}

TEST_CASE("chrome trace: a disk that is full detaches the trace, and is told") {
  if (!std::filesystem::exists("/dev/full")) return;
  Script script;
  auto trace = ChromeTrace::open("/dev/full").value();
  script.hub.attach(trace);
  script.ran(1, 1, "a/1", labelled("a"), 0, 10);
  script.hub.flush();
  REQUIRE(script.hub.failures().size() == 1);
  CHECK_THAT(script.hub.failures()[0].what, test::contains("disk_full"));
}

TEST_CASE("chrome trace: DERIVA_TRACE names the file, and without it nothing is attached") {
  const TraceFile file;
  {
    ObserverHub hub;
    ::unsetenv("DERIVA_TRACE");
    REQUIRE(trace_from_environment(hub));
    CHECK_FALSE(hub.observed());
    ::setenv("DERIVA_TRACE", file.path().c_str(), 1);
    REQUIRE(trace_from_environment(hub));
    ::unsetenv("DERIVA_TRACE");
    CHECK(hub.observed());
    const event::Time now = event::Clock::now();
    hub.emit(event::FunctionFinished{1, 1, now, {}, 1, 1, hub.name_id("f/1"), {}, {}});
  }
  CHECK(of_phase(file.events(), "X").size() == 1);  // Complete, once the hub is gone.
}

}  // namespace
}  // namespace deriva
