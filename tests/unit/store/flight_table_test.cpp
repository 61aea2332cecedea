#include <chrono>
#include <memory>
#include <optional>

#include <deriva/core/address.hpp>
#include <deriva/core/recipe.hpp>

#include "store/flight_table.hpp"
#include "support/catch.hpp"

namespace deriva::test {
namespace {

using namespace std::chrono_literals;
using detail::FlightTable;

struct Owner final : FlightTable::Owner, std::enable_shared_from_this<Owner> {
  Owner(FlightTable& flights, std::optional<Address> computes) : table(flights), under_way(computes) {}
  void declare_flights() override {
    ++declared;
    if (under_way) static_cast<void>(table.begin(*under_way, shared_from_this()));
  }
  FlightTable& table;
  std::optional<Address> under_way;
  int declared = 0;
};

struct FlightFixture {
  std::shared_ptr<Owner> enlist(std::optional<Address> computes = std::nullopt) {
    auto owner = std::make_shared<Owner>(table, computes);
    table.enlist(owner);
    return owner;
  }
  FlightTable table;
  Address one = Recipe{{"f", "1"}, {}, {}}.address();
  Address other = Recipe{{"g", "1"}, {}, {}}.address();
};

TEST_CASE("flight table: who is alone is asked for nothing, and what it has under way is known once there are two") {
  FlightFixture f;
  const auto first = f.enlist(f.one);
  REQUIRE_FALSE(f.table.is_shared());
  REQUIRE(f.table.begin(f.other, first) == nullptr);
  REQUIRE(first->declared == 0);
  const auto second = f.enlist();
  REQUIRE(f.table.is_shared());
  REQUIRE(first->declared == 1);
  REQUIRE(f.table.begin(f.one, second) == first);
  REQUIRE(f.table.begin(f.other, second) == nullptr);  // Nobody had told of it.
  const auto third = f.enlist();
  REQUIRE(first->declared == 1);
  REQUIRE(second->declared == 0);
}

TEST_CASE("flight table: a flight is its owner's until the owner ends it, and nobody else can") {
  FlightFixture f;
  const auto first = f.enlist();
  const auto second = f.enlist();
  REQUIRE(f.table.begin(f.one, first) == nullptr);
  REQUIRE(f.table.begin(f.one, first) == nullptr);
  f.table.end(f.one, *second);
  f.table.land(f.one, *second, 1ns);
  REQUIRE(f.table.begin(f.one, second) == first);
  REQUIRE_FALSE(f.table.compute_time(f.one));
  f.table.land(f.one, *first, 7ns);
  REQUIRE(f.table.compute_time(f.one) == 7ns);
  f.table.end(f.one, *first);
  REQUIRE_FALSE(f.table.compute_time(f.one));
  REQUIRE(f.table.begin(f.one, second) == nullptr);
}

TEST_CASE("flight table: who takes over what an owner does not go on with takes it from nobody else") {
  FlightFixture f;
  const auto first = f.enlist();
  const auto second = f.enlist();
  const auto third = f.enlist();
  REQUIRE(f.table.begin(f.one, first) == nullptr);
  f.table.land(f.one, *first, 7ns);
  REQUIRE(f.table.begin(f.one, second, first) == nullptr);
  REQUIRE_FALSE(f.table.compute_time(f.one));
  REQUIRE(f.table.begin(f.one, third, first) == second);
  REQUIRE(f.table.begin(f.one, third, second) == nullptr);
  f.table.end(f.one, *third);
  REQUIRE(f.table.begin(f.one, second, third) == nullptr);
}

TEST_CASE("flight table: what an owner had under way is free once it is gone") {
  FlightFixture f;
  const auto first = f.enlist();
  auto second = f.enlist();
  const auto third = f.enlist();
  static_cast<void>(f.table.begin(f.one, second));
  static_cast<void>(f.table.begin(f.other, first));
  f.table.dismiss(*second);
  REQUIRE(second.use_count() == 1);
  REQUIRE(f.table.begin(f.one, third) == nullptr);
  REQUIRE(f.table.begin(f.other, third) == first);
  REQUIRE(f.table.dismissed() == 1);
  f.table.dismiss(*first);
  REQUIRE(f.table.dismissed() == 2);
  REQUIRE_FALSE(f.table.is_shared());
  REQUIRE(first.use_count() == 1);
  const auto fourth = f.enlist();
  REQUIRE(f.table.begin(f.other, fourth) == nullptr);  // It was not kept beyond the last one who shared it.
}

}  // namespace
}  // namespace deriva::test
