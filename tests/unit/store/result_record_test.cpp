#include <deriva/store/result_record.hpp>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

TEST_CASE("result record: records are equal when all of them is") {
  const ResultRecord record{Digest::of(as_bytes("a")), 1, std::chrono::nanoseconds(2), {}};
  ResultRecord other = record;
  REQUIRE(other == record);
  SECTION("digest") { other.digest = Digest::of(as_bytes("b")); }
  SECTION("size") { other.size = 2; }
  SECTION("compute time") { other.compute_time += std::chrono::nanoseconds(1); }
  SECTION("when") { other.computed_at += std::chrono::nanoseconds(1); }
  SECTION("nothing else") { return; }
  REQUIRE_FALSE(other == record);
}

}  // namespace
}  // namespace deriva::test
