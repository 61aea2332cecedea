#include <deriva/core/bytes.hpp>

#include <string>
#include <string_view>

#include "support/catch.hpp"

using deriva::as_bytes;
using deriva::as_text;
using deriva::BytesView;

TEST_CASE("text seen as bytes loses NULs or high bytes") {
  const std::string text("a\0\xFFz", 4);
  const BytesView bytes = as_bytes(text);
  REQUIRE(bytes.size() == 4);
  REQUIRE(bytes[1] == std::byte{0});
  REQUIRE(bytes[2] == std::byte{0xFF});
  REQUIRE(as_text(bytes) == text);
}

TEST_CASE("viewing copies") {
  const std::string text = "where it is";
  REQUIRE(static_cast<const void*>(as_bytes(text).data()) == text.data());
  REQUIRE(as_text(as_bytes(text)).data() == text.data());
}

TEST_CASE("no text is not no bytes") {
  REQUIRE(as_bytes(std::string_view()).empty());
  REQUIRE(as_text(BytesView()).empty());
}
