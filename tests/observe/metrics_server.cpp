// A host that serves its metrics: 5 requests of which 1 fails, 4 functions, 3 hits. Prints its port and a free one, and
// ends with its standard input.

#include <cstdio>
#include <iostream>
#include <string>

#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/metrics.hpp>
#include <deriva/observe/open_metrics.hpp>

#include "http_server.hpp"

namespace deriva {
namespace {

void work(ObserverHub& hub) {
  const event::NameId resize = hub.name_id("resize/1");
  const event::NameId get = hub.name_id("Get");
  const event::NameId ok = hub.name_id("ok");
  const event::Time start = event::Clock::now();
  const event::Time end = start + std::chrono::milliseconds(3);
  const Address address = Address::of_leaf(as_bytes("a value"));
  for (std::uint64_t i = 1; i <= 5; ++i) {
    hub.emit_at(start, event::RpcStarted{i, get});
    hub.emit_at(start, event::RequestStarted{i, address, {}});
    hub.emit_at(start, event::CacheMiss{i, start, address, event::Tier::memory});
    hub.emit_at(start, event::PlanMade{i, 1, 0, 1});
    const auto ending = i == 5 ? event::Ending::failed : event::Ending::succeeded;
    if (i != 1) {
      hub.emit_at(end,
                  event::FunctionFinished{i, i, start, address, 10, 20, resize, event::Reason::never_computed, ending});
    }
    hub.emit_at(end, event::RequestFinished{i, start, address, 20, i == 1 ? 0U : 1U, ending});
    hub.emit_at(end, event::RpcFinished{i, start, get, ok});
  }
  for (std::uint64_t i = 1; i <= 3; ++i) hub.emit_at(end, event::CacheHit{i, start, address, 20, event::Tier::memory});
  hub.emit_at(end, event::Verified{1, 1, address, resize, event::Verdict::equal});
  hub.emit_at(end, event::Committed{start, 4, std::chrono::milliseconds(2)});
  hub.emit_at(end, event::DagInserted{start, 4});
}

}  // namespace
}  // namespace deriva

int main() {
  deriva::ObserverHub hub;
  const auto metrics = deriva::Metrics::attach(hub, {.storage = [] { return deriva::StorageFacts{4, 9, 180}; }});
  deriva::work(hub);
  const deriva::test::HttpServer server([&](const deriva::test::HttpServer::Request& request) {
    namespace http = boost::beast::http;
    deriva::test::HttpServer::Response response;
    if (request.target() != "/metrics") {
      response.result(http::status::not_found);
      return response;
    }
    const auto format = deriva::metrics_format(std::string(request[http::field::accept]));
    response.set(http::field::content_type, std::string(deriva::content_type(format)));
    response.body() = deriva::to_text(metrics->snapshot(), format);
    return response;
  });
  std::uint16_t unused = 0;
  {
    boost::asio::io_context io;
    const boost::asio::ip::tcp::acceptor probe(io, {boost::asio::ip::address_v4::loopback(), 0});
    unused = probe.local_endpoint().port();
  }
  std::printf("%u %u\n", static_cast<unsigned>(server.port()), static_cast<unsigned>(unused));
  std::fflush(stdout);
  while (std::cin.get() != std::istream::traits_type::eof()) {
  }
}
