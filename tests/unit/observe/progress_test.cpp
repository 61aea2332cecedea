#include <deriva/observe/progress.hpp>

#include "observe_fixture.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva {
namespace {

using namespace std::chrono_literals;
using test::Script;

std::vector<ProgressReport> reported(Script& script, ProgressOptions options, const std::function<void()>& run) {
  std::vector<ProgressReport> reports;
  const ObserverId id = script.hub.attach(std::make_shared<ProgressObserver>(
      [&](const ProgressReport& report) { reports.push_back(report); }, std::move(options)));
  run();
  script.hub.detach(id);
  return reports;
}
Address node(int number) { return Address::of_leaf(as_bytes(std::to_string(number))); }

TEST_CASE("progress: counts follow the events, and the last report says that all is done") {
  Script script;
  const auto reports = reported(script, {.interval = 0ms}, [&] {
    script.at(0, event::RequestStarted{1, node(3), {}});
    script.at(1, event::PlanMade{1, 3, 0});
    script.ran(1, 1, "f/1", node(1), 2, 10);
    script.ran(2, 1, "g/1", node(2), 10, 20, event::Reason::evicted, event::Ending::failed, 1, 0);
    script.at(30, event::RequestFinished{1, script.time(0), node(3), 0, 2, event::Ending::failed});
  });
  REQUIRE(reports.size() == 6);
  CHECK(reports[0].total == 3);
  CHECK(reports[1].running == 1);
  CHECK(reports[1].current == "f/1");
  CHECK(reports[2].done == 1);
  CHECK(reports[2].running == 0);
  CHECK(reports[2].bytes == 1'000);
  CHECK(reports[4].failed == 1);
  CHECK_FALSE(reports[4].finished);
  CHECK(reports[5].finished);
  CHECK(reports[5].done == 2);
  CHECK(reports[5].elapsed == 30ms);
}

TEST_CASE("progress: reports come at most once in an interval, and a new run begins at nothing") {
  Script script;
  const auto reports = reported(script, {.interval = 100ms}, [&] {
    for (int run = 0; run < 2; ++run) {
      const int begin = run * 10'000;
      script.at(begin, event::RequestStarted{1, node(3), {}});
      for (int i = 0; i < 100; ++i) script.ran(1, 1, "f/1", node(i), begin + i * 10, begin + i * 10 + 10);
      script.at(begin + 1'000,
                event::RequestFinished{1, script.time(begin), node(3), 0, 100, event::Ending::succeeded});
    }
  });
  CHECK(reports.size() == 2 * 11);
  CHECK(reports.back().done == 100);
  CHECK(reports.back().total == 100);
}

TEST_CASE("progress: the end of one request of two is not the end") {
  Script script;
  const auto reports = reported(script, {.interval = 0ms}, [&] {
    script.at(0, event::RequestStarted{1, node(1), {}});
    script.at(0, event::RequestStarted{2, node(2), {}});
    script.at(5, event::RequestFinished{1, script.time(0), node(1), 0, 0, event::Ending::succeeded});
    script.at(9, event::RequestFinished{2, script.time(0), node(2), 0, 0, event::Ending::succeeded});
  });
  REQUIRE(reports.size() == 2);
  CHECK_FALSE(reports[0].finished);
  CHECK(reports[1].finished);
}

TEST_CASE("progress: a store's plan has what is missing, inputs first, and the remaining time comes of it") {
  test::StoreFixture fixture;
  Store& store = *fixture.store;
  const Address leaf = store.put_leaf(as_bytes("leaf")).value();
  const Address done = store.put_recipe(test::recipe_of("f", {leaf})).value();
  REQUIRE(store.put_results(std::vector{test::computed(done, "value")}));
  const Address a = store.put_recipe(test::recipe_of("g", {done})).value();
  const Address b = store.put_recipe(test::recipe_of("g", {a, leaf, a})).value();
  const Address target = store.put_recipe(test::recipe_of("h", {b, a, done})).value();

  const std::vector<PlannedWork> plan = plan_from(store)(target);
  REQUIRE(plan.size() == 3);
  CHECK(plan[0].address == a);
  CHECK(plan[1].address == b);
  CHECK(plan[2].address == target);
  CHECK(plan[2].function == "h/1");
  CHECK(plan_from(store)(done).empty());

  Script script;
  const auto reports = reported(script, {.interval = 0ms, .concurrency = 4, .plan = plan_from(store)}, [&] {
    script.ran(9, 9, "h/1", test::named("before"), 0, 30);  // Both functions are known.
    script.ran(9, 9, "g/1", test::named("before too"), 0, 10);
    script.at(100, event::RequestStarted{1, target, {}});
    script.at(100, event::PlanMade{1, 3, 2});
    script.ran(1, 1, "g/1", a, 100, 110);
    script.ran(2, 1, "g/1", b, 110, 120);
    script.ran(3, 1, "h/1", target, 120, 150);
    script.at(150, event::RequestFinished{1, script.time(100), target, 0, 3, event::Ending::succeeded});
  });
  std::vector<std::int64_t> remaining;
  for (const ProgressReport& report : reports) {
    if (report.remaining)
      remaining.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(*report.remaining).count());
  }
  const std::vector<std::int64_t> last(remaining.end() - 8, remaining.end());
  CHECK(last == std::vector<std::int64_t>{50, 50, 40, 40, 30, 30, 0, 0});
}

TEST_CASE("progress: a second execution to verify counts as another recipe, or one that is cut off does not count") {
  Script script;
  const auto reports = reported(
      script,
      {.interval = 0ms,
       .concurrency = 1,
       .plan =
           [](const Address&) {
             return std::vector<PlannedWork>{{node(1), "f/1", {}}, {node(2), "f/1", {node(1)}}};
           }},
      [&] {
        script.at(0, event::RequestStarted{1, node(2), {}});
        script.at(1, event::PlanMade{1, 2, 0});
        const event::NameId f = script.hub.name_id("f/1");
        script.at(2, event::FlightStarted{1, 1, node(1)});
        for (const auto reason : {event::Reason::never_computed, event::Reason::verifying}) {
          script.at(2, event::FunctionStarted{1, 1, f, node(1), {reason, event::NameId::none, 0, {}}});
          script.at(12,
                    event::FunctionFinished{1, 1, script.time(2), node(1), 1, 1, f, reason, event::Ending::succeeded});
        }
        script.at(12, event::FlightFinished{1, 1, script.time(2), node(1), event::Ending::succeeded});
        script.at(13, event::FlightStarted{2, 1, node(2)});
        script.at(14, event::CutOff{2, 1, node(2), node(3), f});
        script.at(14, event::FlightFinished{2, 1, script.time(13), node(2), event::Ending::succeeded});
        script.at(15, event::RequestFinished{1, script.time(0), node(2), 1, 1, event::Ending::succeeded});
      });
  REQUIRE(reports.size() == 6);
  CHECK(reports[3].done == 1);
  CHECK(reports[3].remaining == std::chrono::nanoseconds(10ms));
  CHECK(reports[4].done == 2);
  CHECK(reports[4].remaining == std::chrono::nanoseconds(0));
  CHECK(reports.back().done == 2);
  CHECK(reports.back().total == 2);
}

}  // namespace
}  // namespace deriva
