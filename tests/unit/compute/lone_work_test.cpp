#include "compute/lone_work.hpp"

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::LoneWork;

TEST_CASE("lone work: what has not got on since the last look is not left alone") {
  LoneWork work;
  const LoneWork::Ticket ticket = work.begin();
  work.look();
  REQUIRE(work.any());  // It has only begun.
  work.look();
  REQUIRE_FALSE(work.any());
  work.end(ticket);
  REQUIRE_FALSE(work.any());
}

TEST_CASE("lone work: what follows one another is left alone, however often one looks") {
  LoneWork work;
  for (int i = 0; i < 10; ++i) {
    const LoneWork::Ticket ticket = work.begin();
    work.look();
    REQUIRE(work.any());
    work.end(ticket);
  }
  REQUIRE_FALSE(work.any());
}

TEST_CASE("lone work: the end of what was given up is not that of what began since") {
  LoneWork work;
  const LoneWork::Ticket stuck = work.begin();
  work.look();
  work.look();
  const LoneWork::Ticket next = work.begin();
  work.end(stuck);
  REQUIRE(work.any());
  work.end(next);
  REQUIRE_FALSE(work.any());
}

}  // namespace
}  // namespace deriva::test
