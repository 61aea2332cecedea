// Tiles of a map over HTTP, computed when they are first asked for, and what happens inside for Prometheus.
// usage: service STORE_DIRECTORY [PORT]
//   GET /tile/ZOOM/X/Y   the tile, as a picture (PGM)
//   GET /value/ADDRESS   the bytes of a value
//   GET /metrics         see docs/observability.md; monitoring/ has alerts and a dashboard
// A caller's traceparent is passed on. With DERIVA_TRACE=file it writes a timeline. It ends with its standard input.

#include <atomic>
#include <charconv>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <deriva/deriva.hpp>

#include "tiles.hpp"

namespace service {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using deriva::Address;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

http::status status_of(deriva::Errc code) {
  return code == deriva::Errc::not_found ? http::status::not_found : http::status::internal_server_error;
}

/// The numbers in "/tile/1/0/1".
std::optional<Tile> parse_tile(std::string_view path) {
  Tile tile;
  for (std::uint32_t* number : {&tile.zoom, &tile.x, &tile.y}) {
    const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), *number);
    if (error != std::errc()) return std::nullopt;
    path.remove_prefix(static_cast<std::size_t>(end - path.data()));
    if (!path.empty()) path.remove_prefix(1);
  }
  return path.empty() && tile.exists() ? std::optional(tile) : std::nullopt;
}

class Service {
 public:
  Service(asio::any_io_executor io, deriva::Store& store, std::shared_ptr<deriva::ObserverHub> hub)
      : store_(store),
        hub_(std::move(hub)),
        metrics_(deriva::Metrics::attach(*hub_, {.storage = [&store] { return deriva::storage_facts(store); }})),
        executor_(std::move(io), store, functions_, {.observers = hub_}) {}

  asio::awaitable<void> serve(tcp::acceptor acceptor) {
    for (;;) {
      tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
      asio::co_spawn(acceptor.get_executor(), converse(std::move(socket)), asio::detached);
    }
  }

 private:
  /// One connection. It ends with an exception when the other side has gone.
  asio::awaitable<void> converse(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    for (bool go_on = true; go_on;) {
      Request request;
      co_await http::async_read(socket, buffer, request, asio::use_awaitable);
      Response response;
      co_await answer(request, response);
      response.version(request.version());
      response.keep_alive(go_on = request.keep_alive());
      response.prepare_payload();
      co_await http::async_write(socket, response, asio::use_awaitable);
    }
  }

  asio::awaitable<void> answer(const Request& request, Response& response) {
    const std::string_view path(request.target().data(), request.target().size());
    if (path == "/metrics") co_return tell_metrics(request, response);
    const bool is_tile = path.starts_with("/tile/");
    const deriva::event::Time started = deriva::event::Clock::now();
    const std::uint64_t call = ++calls_;
    const deriva::event::NameId method = hub_->name_id(is_tile ? "tile" : "value");
    hub_->emit_at(started, deriva::event::RpcStarted{call, method});
    const deriva::Result<Address> address = is_tile ? tile_at(path.substr(6)) : value_at(path);
    deriva::Result<deriva::Blob> value = deriva::Error(deriva::Errc::not_found);
    if (address) {
      value = co_await executor_.async_materialize(*address, options_of(request), asio::use_awaitable);
    } else {
      value = address.error();
    }
    const std::string_view status = value ? "ok" : to_string(value.error().code());
    hub_->emit(deriva::event::RpcFinished{call, started, method, hub_->name_id(status)});
    if (value) {
      if (is_tile) response.body() = "P5 64 64 255\n";
      response.body() += deriva::as_text(*value);
    } else {
      response.result(status_of(value.error().code()));
      response.body() = value.error().message() + '\n';
    }
  }

  deriva::Result<Address> tile_at(std::string_view path) {
    if (const std::optional<Tile> tile = parse_tile(path)) return describe(store_, *tile);
    return deriva::Error(deriva::Errc::not_found, "no such tile");
  }
  static deriva::Result<Address> value_at(std::string_view path) {
    constexpr std::string_view prefix = "/value/";
    if (path.starts_with(prefix)) return Address::parse(path.substr(prefix.size()));
    return deriva::Error(deriva::Errc::not_found, "there are /tile/ZOOM/X/Y, /value/ADDRESS and /metrics");
  }

  static deriva::MaterializeOptions options_of(const Request& request) {
    deriva::MaterializeOptions options;
    if (const auto caller = deriva::TraceContext::parse(std::string(request["traceparent"]))) options.trace = *caller;
    return options;
  }

  void tell_metrics(const Request& request, Response& response) const {
    const auto format = deriva::metrics_format(std::string(request[http::field::accept]));
    response.set(http::field::content_type, std::string(deriva::content_type(format)));
    response.body() = deriva::to_text(metrics_->snapshot(), format);
  }

  deriva::Store& store_;
  const std::shared_ptr<deriva::ObserverHub> hub_;
  const std::shared_ptr<deriva::Metrics> metrics_;
  const deriva::FunctionRegistry functions_ = make_functions();
  std::atomic<std::uint64_t> calls_{0};
  deriva::Executor<deriva::FunctionRegistry> executor_;
};

void run(const char* directory, std::uint16_t port) {
  const auto hub = std::make_shared<deriva::ObserverHub>();
  deriva::StoreOptions options;
  options.observers = hub;
  deriva::Store store = deriva::Store::open(directory, options).value();
  deriva::trace_from_environment(*hub, deriva::inputs_from(store)).value();
  asio::thread_pool threads;
  Service service(threads.get_executor(), store, hub);
  tcp::acceptor acceptor(threads, {asio::ip::address_v4::loopback(), port});
  std::cout << acceptor.local_endpoint().port() << std::endl;
  asio::co_spawn(threads, service.serve(std::move(acceptor)), asio::detached);
  while (std::cin.get() != std::istream::traits_type::eof()) {
  }
  threads.stop();
  threads.join();
  hub->flush();  // While the store is there, of which the timeline asks what the inputs were.
}

}  // namespace
}  // namespace service

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: service STORE_DIRECTORY [PORT]\n";
    return 2;
  }
  std::uint16_t port = 9464;
  if (argc == 3) {
    const std::string_view text = argv[2];
    std::from_chars(text.data(), text.data() + text.size(), port);
  }
  try {
    service::run(argv[1], port);
  } catch (const std::exception& exception) {
    std::cerr << "service: " << exception.what() << '\n';
    return 1;
  }
}
