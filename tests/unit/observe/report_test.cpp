#include <deriva/observe/report.hpp>

#include <filesystem>

#include "observe_fixture.hpp"
#include "parse_json.hpp"

namespace deriva {
namespace {

using test::labelled;
using test::nearly;
using test::Script;

/// The data that the page's script gets.
boost::json::value data_of(const Report& report) {
  const std::string page = report.html();
  const std::string_view begin = "<script type=\"application/json\" id=\"data\">";
  const std::size_t from = page.find(begin) + begin.size();
  return test::parse_json(std::string_view(page).substr(from, page.find("</script>", from) - from));
}
double number(const boost::json::value& value) { return value.to_number<double>(); }

TEST_CASE("report: counts, durations and bytes are those of the events") {
  Script script;
  const auto report = std::make_shared<Report>(ReportOptions{.title = "a </script> title"});
  script.hub.attach(report);
  script.at(0, event::RequestStarted{1, labelled("a"), {}});
  script.ran(1, 1, "f/1", labelled("a"), 0, 10, event::Reason::never_computed, event::Ending::succeeded, 5, 70);
  script.ran(2, 1, "f/1", labelled("b"), 10, 40, event::Reason::input_changed, event::Ending::failed, 5, 0);
  script.ran(3, 1, "g/1", labelled("c"), 40, 42, event::Reason::input_changed, event::Ending::succeeded, 5, 30);
  script.at(43, event::CacheHit{1, script.time(43), labelled("a"), 1, event::Tier::store});
  script.at(43, event::CacheMiss{1, script.time(43), labelled("a"), event::Tier::memory});
  script.at(44, event::CacheInserted{labelled("a"), 70, 0, false});
  script.at(50, event::Verified{1, 1, labelled("c"), script.hub.name_id("g/1"), event::Verdict::different});
  script.at(100, event::RequestFinished{1, script.time(0), labelled("a"), 0, 3, event::Ending::failed});
  script.hub.flush();

  const boost::json::value data = data_of(*report);
  CHECK(data.at("title").as_string() == "a </script> title");
  CHECK(nearly(number(data.at("seconds")), 0.1));
  CHECK(data.at("requests").at("failed").as_int64() == 1);
  const auto& f = data.at("functions").at(0);
  CHECK(f.at("name").as_string() == "f/1");
  CHECK(f.at("runs").as_int64() == 2);
  CHECK(f.at("failed").as_int64() == 1);
  CHECK(nearly(number(f.at("total")), 0.04));
  CHECK(nearly(number(f.at("max")), 0.03));
  CHECK(f.at("out").as_int64() == 70);
  CHECK(data.at("reasons").at(2).at(0).as_string() == "input_changed");
  CHECK(data.at("reasons").at(2).at(1).as_int64() == 2);
  CHECK(data.at("tiers") == test::parse_json(R"([["memory",0,1],["store",1,0]])"));
  CHECK(data.at("verdicts") == test::parse_json("[0,1,0]"));
  CHECK(data.at("violations").at(0).at("function").as_string() == "g/1");
  CHECK(data.at("runs") == test::parse_json("[0,10000,0,0,0,10000,30000,0,0,1,30000,2000,0,1,0]"));
  CHECK(number(data.at("written").as_array().back()) == 100);
  CHECK(number(data.at("cached").as_array().back()) == 70);
  CHECK(number(data.at("cached").as_array().front()) == 0);
}

TEST_CASE("report: the critical path is the chain of inputs that takes longest, not the one that was last") {
  Script script;
  const std::map<Address, std::vector<Address>> graph = {
      {labelled("d"), {labelled("b"), labelled("c"), labelled("leaf")}},
      {labelled("b"), {labelled("a")}},
      {labelled("c"), {}}};
  const auto inputs = [&](const Address& address) {
    const auto found = graph.find(address);
    return found == graph.end() ? std::vector<Address>() : found->second;
  };
  const auto report = std::make_shared<Report>(ReportOptions{.inputs = inputs});
  script.hub.attach(report);
  script.ran(1, 1, "f/1", labelled("a"), 0, 10);
  script.ran(2, 1, "f/1", labelled("b"), 10, 30);
  script.ran(3, 1, "f/1", labelled("c"), 20, 34);
  script.ran(4, 1, "f/1", labelled("d"), 35, 40);
  script.ran(5, 1, "f/1", labelled("e"), 36, 65);  // Of nothing, and the last one.
  script.hub.flush();
  std::vector<std::string> path;
  const boost::json::value data = data_of(*report);
  for (const auto& one : data.at("critical").as_array()) path.emplace_back(one.at("address").as_string().c_str());
  CHECK(path ==
        std::vector<std::string>{labelled("a").to_string(), labelled("b").to_string(), labelled("d").to_string()});
}

TEST_CASE("report: of more runs than are drawn, all are counted") {
  Script script;
  const auto report = std::make_shared<Report>(ReportOptions{.timeline_runs = 3});
  script.hub.attach(report);
  for (int i = 0; i < 10; ++i) script.ran(1, 1, "f/1", labelled(std::to_string(i)), i, i + 1);
  script.hub.flush();
  CHECK(data_of(*report).at("runs").as_array().size() == 3 * 5);
  CHECK(data_of(*report).at("functions").at(0).at("runs").as_int64() == 10);
}

TEST_CASE("report: begins with what began first, also if it was told later") {
  Script script;
  const auto report = std::make_shared<Report>();
  script.hub.attach(report);
  script.at(50, event::CacheInserted{labelled("a"), 70, 0, false});
  script.ran(1, 1, "f/1", labelled("a"), 10, 60);
  script.hub.flush();
  const boost::json::value data = data_of(*report);
  CHECK(nearly(number(data.at("seconds")), 0.05));
  CHECK(data.at("runs").at(0).as_int64() == 0);
}

TEST_CASE("report: nothing that happened is a page, too; a file that cannot be written is an error") {
  const Report report;
  CHECK(data_of(report).at("events").as_int64() == 0);
  CHECK(report.write("/no/such/directory/report.html").error().code() == Errc::not_found);
  if (std::filesystem::exists("/dev/full")) CHECK(report.write("/dev/full").error().code() == Errc::disk_full);
}

}  // namespace
}  // namespace deriva
