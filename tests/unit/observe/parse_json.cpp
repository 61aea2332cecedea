#include "parse_json.hpp"

#include <boost/json/src.hpp>  // Boost.JSON, compiled here and nowhere else.

#include "support/catch.hpp"

namespace deriva::test {

boost::json::value parse_json(std::string_view text) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  INFO(error.message() << " in " << text.substr(0, 2'000));
  REQUIRE_FALSE(error);
  return value;
}

}  // namespace deriva::test
