#include <deriva/core/error.hpp>

#include <cstdint>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include <boost/throw_exception.hpp>

#include <deriva/core/address.hpp>
#include <deriva/core/recipe.hpp>

#include "support/catch.hpp"

using deriva::Address;
using deriva::as_bytes;
using deriva::Errc;
using deriva::Error;
using deriva::Exception;
using deriva::FunctionId;
using deriva::Result;
using deriva::test::contains;

namespace {

const std::vector<Errc> all_codes = [] {
  std::vector<Errc> codes;
  for (int i = 1; i <= static_cast<int>(Errc::unsupported); ++i) codes.push_back(static_cast<Errc>(i));
  return codes;
}();

}  // namespace

static_assert(std::is_nothrow_copy_constructible_v<Error>);
static_assert(std::is_nothrow_copy_constructible_v<Exception>);

TEST_CASE("the stable values of codes move") {
  REQUIRE(static_cast<int>(Errc::not_found) == 1);
  REQUIRE(static_cast<int>(Errc::function_failed) == 3);
  REQUIRE(static_cast<int>(Errc::malformed) == 10);
  REQUIRE(static_cast<int>(Errc::unsupported) == 17);
}

TEST_CASE("a code lacks a name or a sentence of its own") {
  std::set<std::string> seen;
  for (const Errc code : all_codes) {
    seen.insert(std::string(to_string(code)));
    seen.insert(Error(code).message());
    REQUIRE(make_error_code(code).message() == Error(code).message());
  }
  REQUIRE(seen.size() == 2 * all_codes.size());
  REQUIRE(seen.count("unknown") == 0);
  REQUIRE(to_string(Errc::not_found) == "not_found");
  REQUIRE(to_string(static_cast<Errc>(200)) == "unknown");
  REQUIRE(Error(static_cast<Errc>(200)).message() == "an unknown error");
}

TEST_CASE("a code does not survive as an error_code") {
  const boost::system::error_code code = Errc::cancelled;
  REQUIRE(code == make_error_code(Errc::cancelled));
  REQUIRE(code != make_error_code(Errc::cycle));
  REQUIRE(code.failed());
  REQUIRE(code.value() == static_cast<int>(Errc::cancelled));
  REQUIRE(std::string(code.category().name()) == "deriva");
  REQUIRE(&code.category() == &deriva::error_category());
  const std::error_code standard = code;
  REQUIRE(standard.message() == Error(Errc::cancelled).message());
  REQUIRE(deriva::error_category().message(-1) == "an unknown error");
  REQUIRE(deriva::error_category().message(256) == "an unknown error");
}

TEST_CASE("a message hides what is known") {
  const Address address = Address::of_leaf(as_bytes("abc"));
  const FunctionId function{"concat", "1"};
  const Error boom(Errc::function_failed, "boom");
  REQUIRE(boom.message() == "boom");
  REQUIRE(boom.with_function(function).with_address(address).message() ==
          "function concat/1 failed: boom (recipe " + address.to_string() + ")");
  REQUIRE(Error(Errc::function_failed).with_function(function).message() == "function concat/1 failed");
  REQUIRE(Error(Errc::not_found, "no such recipe").with_address(address).message() ==
          "no such recipe (address " + address.to_string() + ")");
  REQUIRE(Error(Errc::malformed, "a NaN").with_offset(12).message() == "a NaN (offset 12)");
  REQUIRE(Error(Errc::function_not_found, "no such function").with_address(address).with_function(function).message() ==
          "no such function (function concat/1, recipe " + address.to_string() + ")");
  const std::string noted = "function concat/1 failed: boom (recipe " + address.to_string() + "); and so on.";
  REQUIRE(boom.with_note("; and so on.").with_function(function).with_address(address).message() == noted);
  REQUIRE(boom.with_function(function).with_address(address).with_note("; and so on.").message() == noted);
}

TEST_CASE("with_* changes the error it is called on, or forgets what was known") {
  const Error plain(Errc::not_found, "gone");
  const Error copy = plain;  // NOLINT(performance-unnecessary-copy-initialization)
  const Error known = plain.with_offset(3).with_function({"f", "2"}).with_address(Address());
  REQUIRE(plain.address() == nullptr);
  REQUIRE(plain.function() == nullptr);
  REQUIRE_FALSE(plain.offset().has_value());
  REQUIRE(&plain.message() == &copy.message());
  REQUIRE(known.code() == Errc::not_found);
  REQUIRE(*known.address() == Address());
  REQUIRE(*known.function() == FunctionId{"f", "2"});
  REQUIRE(known.offset() == 3);
}

TEST_CASE("the path of a cycle is lost, or read as keys of another size") {
  const std::vector<std::uint64_t> numbers{1, 2, 1};
  const Error cycle = Error(Errc::cycle).with_path(std::span<const std::uint64_t>(numbers));
  REQUIRE(cycle.path<std::uint64_t>() == numbers);
  REQUIRE(cycle.path<Address>().empty());
  REQUIRE(Error(Errc::cycle).path<Address>().empty());

  const Address a = Address::of_leaf(as_bytes("a"));
  const Address b = Address::of_leaf(as_bytes("b"));
  const std::vector<Address> addresses{a, b, a};
  const Error named = Error(Errc::cycle).with_path(std::span<const Address>(addresses));
  REQUIRE(named.path<Address>() == addresses);
  REQUIRE(named.path<std::uint64_t>().empty());
  REQUIRE_THAT(named.message(), contains(a.to_string() + " -> " + b.to_string() + " -> " + a.to_string()));

  const std::vector<Address> many(1000, a);
  const Error large = Error(Errc::cycle).with_path(std::span<const Address>(many));
  REQUIRE(large.path<Address>().size() == 1000);
  REQUIRE(large.message().size() < 2000);
  REQUIRE_THAT(large.message(), contains("1000 in all"));
}

TEST_CASE("a moved-from or absent error cannot be looked at") {
  Error error(Errc::locked, "by another process");
  const Error taken = std::move(error);
  REQUIRE(taken.message() == "by another process");
  REQUIRE(error.code() == Errc::locked);  // NOLINT(bugprone-use-after-move): documented.
  REQUIRE(error.message() == Error(Errc::locked).message());
  REQUIRE(Result<int>(1).error().message() == "no error");
}

TEST_CASE("a result without a value throws something else, or from nowhere") {
  const Result<int> failed = Error(Errc::not_found, "no such recipe").with_address(Address());
  REQUIRE_THROWS_AS(failed.value(), Exception);
  try {
    static_cast<void>(failed.value());
  } catch (const std::exception& thrown) {
    REQUIRE(std::string(thrown.what()) == "not_found: no such recipe (address " + std::string(64, '0') + ")");
    const auto* ours = dynamic_cast<const Exception*>(&thrown);
    REQUIRE(ours != nullptr);
    REQUIRE(ours->error().code() == Errc::not_found);
    REQUIRE(*ours->error().address() == Address());
    REQUIRE(boost::get_throw_location(thrown).line() > 0);
  }
  REQUIRE(Result<int>(7).value() == 7);
}

TEST_CASE("a stream shows only half of an error") {
  std::ostringstream out;
  out << Error(Errc::disk_full, "cannot write data.mdb") << '|' << Errc::cycle;
  REQUIRE(out.str() == "disk_full: cannot write data.mdb|cycle");
}
