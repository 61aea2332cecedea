#include <deriva/observe/otlp.hpp>

#include <latch>
#include <mutex>

#include "observe/http_server.hpp"
#include "observe_fixture.hpp"
#include "parse_json.hpp"

namespace deriva {
namespace {

namespace http = boost::beast::http;
using test::HttpServer;
using test::labelled;
using test::Script;

/// Keeps what it is sent, and answers with a status.
class Collector {
 public:
  explicit Collector(http::status status = http::status::ok)
      : server([this, status](const HttpServer::Request& request) {
          const std::lock_guard lock(mutex);
          requests.push_back(request);
          HttpServer::Response response;
          response.result(status);
          response.body() = "{}";
          return response;
        }) {}

  boost::json::array spans() {
    const std::lock_guard lock(mutex);
    boost::json::array all;
    for (const HttpServer::Request& request : requests) {
      const boost::json::value body = test::parse_json(request.body());
      const auto& scope = body.at("resourceSpans").at(0).at("scopeSpans").at(0);
      for (const auto& span : scope.at("spans").as_array()) all.push_back(span);
    }
    return all;
  }

  std::mutex mutex;
  std::vector<HttpServer::Request> requests;
  HttpServer server;
};

TEST_CASE("otlp: spans arrive at a collector as OTLP's JSON") {
  Collector collector;
  Script script;
  const auto exporter = std::make_shared<OtlpExporter>(
      OtlpOptions{.port = collector.server.port(), .path = "/v1/traces", .service_name = "a \"host\""});
  script.hub.attach(exporter);
  script.at(0, event::RequestStarted{1, labelled("a"),
                                     *TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-"
                                                          "00f067aa0ba902b7-01")});
  script.ran(5, 1, "f/1", labelled("a"), 2, 8, event::Reason::evicted, event::Ending::failed);
  script.at(9, event::RequestFinished{1, script.time(0), labelled("a"), 0, 1, event::Ending::failed});
  script.hub.flush();
  exporter->flush();

  REQUIRE_FALSE(collector.requests.empty());
  CHECK(collector.requests[0].target() == "/v1/traces");
  CHECK(collector.requests[0].method() == http::verb::post);
  CHECK(collector.requests[0][http::field::content_type] == "application/json");
  const boost::json::value body = test::parse_json(collector.requests[0].body());
  const auto& service = body.at("resourceSpans").at(0).at("resource").at("attributes").at(0);
  CHECK(service.at("key").as_string() == "service.name");
  CHECK(service.at("value").at("stringValue").as_string() == "a \"host\"");

  const boost::json::array spans = collector.spans();
  REQUIRE(spans.size() == 3);
  const auto& compute = spans[0];
  const auto& flight = spans[1];
  const auto& request = spans[2];
  CHECK(compute.at("name").as_string() == "compute");
  CHECK(flight.at("name").as_string() == "materialize");
  CHECK(request.at("name").as_string() == "request");
  CHECK(request.at("traceId").as_string() == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(request.at("parentSpanId").as_string() == "00f067aa0ba902b7");
  CHECK(flight.at("parentSpanId") == request.at("spanId"));
  CHECK(compute.at("parentSpanId") == flight.at("spanId"));
  CHECK(compute.at("spanId").as_string().size() == 16);
  const auto nanoseconds = [&](const char* key) {
    return std::stoll(std::string(compute.at(key).as_string().c_str()));
  };
  CHECK(nanoseconds("endTimeUnixNano") - nanoseconds("startTimeUnixNano") == 6'000'000);
  CHECK(nanoseconds("startTimeUnixNano") > 1'600'000'000'000'000'000);
  CHECK(compute.at("status").at("code").as_int64() == 2);
  bool reason = false;
  for (const auto& attribute : compute.at("attributes").as_array()) {
    reason = reason || (attribute.at("key").as_string() == "deriva.reason" &&
                        attribute.at("value").at("stringValue").as_string() == "evicted");
  }
  CHECK(reason);
  CHECK(exporter->stats().exported == 3);
}

TEST_CASE("otlp: many spans are sent in batches, and each once") {
  Collector collector;
  Script script;
  const auto exporter =
      std::make_shared<OtlpExporter>(OtlpOptions{.port = collector.server.port(), .batch_spans = 100});
  script.hub.attach(exporter);
  for (int i = 0; i < 1'000; ++i) {
    script.at(i, event::FlightFinished{event::FlightNumber(i), 1, script.time(i), labelled("a"), {}});
  }
  script.hub.flush();
  exporter->flush();
  CHECK(exporter->stats().exported == 1'000);
  CHECK(collector.requests.size() >= 10);
  std::map<std::string, int> ids;
  for (const auto& span : collector.spans()) ++ids[std::string(span.at("spanId").as_string().c_str())];
  CHECK(ids.size() == 1'000);
}

TEST_CASE("otlp: a collector that refuses, or is not there, costs spans and nothing else") {
  Collector collector(http::status::service_unavailable);
  std::uint16_t port = collector.server.port();
  std::string expected = "the answer is 503";
  SECTION("refuses") {}
  SECTION("is not there") {
    port = 1;
    expected = "connecting: ";
  }
  Script script;
  const auto exporter = std::make_shared<OtlpExporter>(OtlpOptions{.port = port});
  script.hub.attach(exporter);
  script.ran(5, 1, "f/1", labelled("a"), 2, 8);
  script.hub.flush();
  exporter->flush();
  CHECK(exporter->stats().refused == 2);
  CHECK(exporter->stats().exported == 0);
  CHECK_THAT(exporter->stats().last_error, test::contains(expected));
  CHECK(script.hub.failures().empty());
}

TEST_CASE("otlp: a collector that does not answer holds up nobody; spans beyond the queue are dropped and counted") {
  std::latch asked{1};
  std::latch answer{1};
  HttpServer server([&](const HttpServer::Request&) {
    static_cast<void>(asked.try_wait() || (asked.count_down(), true));
    answer.wait();
    return HttpServer::Response();
  });
  Script script;
  const auto exporter = std::make_shared<OtlpExporter>(
      OtlpOptions{.port = server.port(), .queue_spans = 10, .timeout = std::chrono::hours(1)});
  script.hub.attach(exporter);
  const auto spans = [&](int count) {
    for (int i = 0; i < count; ++i) {
      script.at(i, event::FlightFinished{event::FlightNumber(i), 1, script.time(i), labelled("a"), {}});
    }
    script.hub.flush();  // Returns while the collector does not.
  };
  spans(1);
  asked.wait();
  spans(25);
  CHECK(exporter->stats().dropped == 15);
  answer.count_down();
  exporter->flush();
  CHECK(exporter->stats().exported == 11);
}

}  // namespace
}  // namespace deriva
