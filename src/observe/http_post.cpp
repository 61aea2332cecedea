#include "observe/http_post.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace deriva::detail {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

/// One exchange: resolve, connect, write, read. Only asynchronous operations have a timeout.
class Exchange {
 public:
  Exchange(const HttpTarget& target, const std::string& body) : target_(target), resolver_(io_), stream_(io_) {
    request_.method(http::verb::post);
    request_.target(target.path);
    request_.version(11);
    request_.set(http::field::host, target.host);
    request_.set(http::field::content_type, "application/json");
    request_.keep_alive(false);
    request_.body() = body;
    request_.prepare_payload();
  }

  std::string run() {
    resolver_.async_resolve(target_.host, std::to_string(target_.port), [this](auto error, const auto& found) {
      if (check("resolving", error)) connect(found);
    });
    io_.run_for(target_.timeout);
    if (!finished_) return "no answer in time";
    return problem_;
  }

 private:
  void connect(const asio::ip::tcp::resolver::results_type& found) {
    stream_.async_connect(found, [this](auto error, const auto&) {
      if (check("connecting", error)) write();
    });
  }
  void write() {
    http::async_write(stream_, request_, [this](auto error, std::size_t) {
      if (check("sending", error)) read();
    });
  }
  void read() {
    http::async_read(stream_, buffer_, response_, [this](auto error, std::size_t) {
      if (!check("receiving", error)) return;
      finished_ = true;
      if (http::to_status_class(response_.result()) != http::status_class::successful) {
        problem_ = "the answer is " + std::to_string(response_.result_int());
      }
    });
  }
  bool check(const char* what, const boost::system::error_code& error) {
    if (!error) return true;
    problem_ = std::string(what) + ": " + error.message();
    finished_ = true;
    return false;
  }

  const HttpTarget& target_;
  asio::io_context io_;
  asio::ip::tcp::resolver resolver_;
  beast::tcp_stream stream_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
  beast::flat_buffer buffer_;
  std::string problem_;
  bool finished_ = false;
};

}  // namespace

std::string http_post_json(const HttpTarget& target, const std::string& body) {
  try {
    return Exchange(target, body).run();
  } catch (const std::exception& exception) {
    return exception.what();
  }
}

}  // namespace deriva::detail
