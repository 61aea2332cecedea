#pragma once

#include <string_view>

#include <boost/json/value.hpp>

namespace deriva::test {

/// Fails the test for what is not JSON.
boost::json::value parse_json(std::string_view text);

}  // namespace deriva::test
