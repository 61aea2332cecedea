#include <deriva/compute/context.hpp>

#include <boost/asio/io_context.hpp>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

TEST_CASE("context: gives what it was made of, and hears of a stop") {
  boost::asio::io_context io;
  std::stop_source stop;
  const Address address = Address::of_leaf(as_bytes("a"));
  const Context context(io.get_executor(), address, stop.get_token());
  REQUIRE(context.get_executor() == io.get_executor());
  REQUIRE(context.address() == address);
  REQUIRE_FALSE(context.stop_token().stop_requested());
  stop.request_stop();
  REQUIRE(context.stop_token().stop_requested());
}

}  // namespace
}  // namespace deriva::test
