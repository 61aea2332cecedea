// The index of computations: a value is found by what went into it, however that was made.
#include <string>
#include <vector>

#include <deriva/storage/table.hpp>

#include "store/cutoff_table.hpp"
#include "store/result_writer.hpp"
#include "store/store_reader.hpp"
#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

using detail::CutoffKey;
using detail::ReusedResult;
using detail::StoreReader;

const CutoffKey key = detail::cutoff_key(1, as_bytes("params"), std::vector{Digest::of(as_bytes("input"))});
const std::string large(1'000, 'l');

ComputedResult with_key(const Address& address, std::string_view value, const CutoffKey& cutoff = key) {
  ComputedResult result = computed(address, value);
  result.context.cutoff = cutoff;
  return result;
}

Result<void> put(StoreFixture& f, const std::vector<ComputedResult>& results, const std::vector<ReusedResult>& reused) {
  return detail::put_results(*f.store, results, reused);
}

/// The digest of the value that is found, if any.
std::optional<Digest> find(const StoreFixture& f, const CutoffKey& cutoff = key) {
  std::optional<Digest> digest;
  REQUIRE(detail::read(*f.store, [&](StoreReader& reader) {
            if (const auto found = reader.find_cutoff(cutoff).value()) digest = found->digest();
          }).has_value());
  return digest;
}

void evict(const StoreFixture& f, const std::string& value) {
  Environment environment = f.environment();
  const auto blobs = Table<Digest, BytesView>::open(environment, "blobs").value();
  auto erase = [&](WriteTransaction& t) { return blobs.erase(t, Digest::of(as_bytes(value))); };
  REQUIRE(environment.write(erase).value());
}

TEST_CASE("cutoff: computations that differ in anything have the same key") {
  const std::vector<Digest> none;
  const std::vector<Digest> a{Digest::of(as_bytes("a"))};
  const std::vector<Digest> ab{a[0], Digest::of(as_bytes("b"))};
  const std::vector<Digest> ba{ab[1], a[0]};
  const std::vector<Digest> aa{a[0], a[0]};
  const BytesView digest_as_params = a[0].bytes;
  const std::vector<CutoffKey> keys{detail::cutoff_key(1, {}, none),
                                    detail::cutoff_key(2, {}, none),
                                    detail::cutoff_key(1, as_bytes("p"), none),
                                    detail::cutoff_key(1, {}, a),
                                    detail::cutoff_key(1, {}, aa),
                                    detail::cutoff_key(1, {}, ab),
                                    detail::cutoff_key(1, {}, ba),
                                    detail::cutoff_key(1, digest_as_params, none),
                                    detail::cutoff_key(1, as_bytes("q"), a)};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) REQUIRE_FALSE(keys[i] == keys[j]);
  }
  REQUIRE(detail::cutoff_key(1, {}, ab) == detail::cutoff_key(1, {}, ab));
}

TEST_CASE("cutoff: a value that was computed for one recipe is not found for another, or its record is lost") {
  StoreFixture f;
  const std::string value = GENERATE(std::string(), std::string("small"), large);
  const Address first = f.store->put_recipe(recipe_of("f", {named("a")})).value();
  const Address second = f.store->put_recipe(recipe_of("f", {named("b")})).value();
  REQUIRE_FALSE(find(f));
  REQUIRE(put(f, {with_key(first, value)}, {}).has_value());
  REQUIRE(find(f) == Digest::of(as_bytes(value)));
  REQUIRE_FALSE(find(f, detail::cutoff_key(2, {}, {})));
  const std::uint64_t values = f.store->stats().value().values;
  REQUIRE(put(f, {}, {{second, key}}).has_value());
  f.reopen();
  REQUIRE(f.store->stats().value().values == values);
  REQUIRE(as_text(*f.store->value(second).value()) == value);
  REQUIRE(f.store->result(second).value() == f.store->result(first).value());
}

TEST_CASE("cutoff: a result that is computed and reused in one transaction is recorded for one recipe only") {
  StoreFixture f;
  REQUIRE(put(f, {with_key(named("1"), large)}, {{named("2"), key}, {named("3"), key}}).has_value());
  for (const char* name : {"1", "2", "3"}) REQUIRE(as_text(*f.store->value(named(name)).value()) == large);
}

TEST_CASE("cutoff: a value that is gone is found, or is not found again when it is back") {
  StoreFixture f;
  REQUIRE(put(f, {with_key(named("1"), large)}, {}).has_value());
  evict(f, large);
  REQUIRE_FALSE(find(f));
  REQUIRE(put(f, {}, {{named("2"), key}}).has_value());
  REQUIRE_FALSE(f.store->result(named("2")).value());
  REQUIRE(put(f, {with_key(named("2"), large)}, {}).has_value());
  REQUIRE(find(f) == Digest::of(as_bytes(large)));
  REQUIRE(as_text(*f.store->value(named("1")).value()) == large);
}

TEST_CASE("cutoff: the order in which results arrive makes a difference") {
  StoreFixture f;
  const bool computed_first = GENERATE(true, false);
  const ComputedResult plain = computed(named("2"), large);
  // The recipe has a result of its own, with the value that is found later, or the other way round.
  if (!computed_first) REQUIRE(put(f, {plain}, {}).has_value());
  REQUIRE(put(f, {with_key(named("1"), large)}, {{named("2"), key}}).has_value());
  if (computed_first) REQUIRE(put(f, {plain}, {}).has_value());
  REQUIRE(as_text(*f.store->value(named("2")).value()) == large);
  REQUIRE(f.store->stats().value().results == 2);
}

TEST_CASE("cutoff: another value of the same computation replaces the first, or a recipe's own") {
  StoreFixture f;
  REQUIRE(put(f, {with_key(named("1"), "first")}, {}).has_value());
  REQUIRE(put(f, {with_key(named("2"), "second")}, {}).has_value());
  REQUIRE(find(f) == Digest::of(as_bytes("first")));
  REQUIRE(as_text(*f.store->value(named("2")).value()) == "second");
  const Result<void> refused = put(f, {}, {{named("3"), key}, {named("2"), key}});
  REQUIRE(refused.error().code() == Errc::not_deterministic);
  REQUIRE(*refused.error().address() == named("2"));
  REQUIRE_FALSE(f.store->result(named("3")).value());
}

TEST_CASE("result writer: a wrong guess of where a recipe is gives the result to another one") {
  StoreFixture f;
  const Address a = f.store->put_recipe(recipe_of("a")).value();
  const Address b = f.store->put_recipe(recipe_of("b")).value();
  std::vector<ComputedResult> results{computed(a, "of a"), computed(b, "of b"), computed(named("unknown"), "of none")};
  results[0].context.node = 1;  // that of the other
  results[1].context.node = 1;  // right
  results[2].context.node = 1'000;
  REQUIRE(f.store->put_results(results).has_value());
  REQUIRE(as_text(*f.store->value(a).value()) == "of a");
  REQUIRE(as_text(*f.store->value(b).value()) == "of b");
  REQUIRE(as_text(*f.store->value(named("unknown")).value()) == "of none");
}

}  // namespace
}  // namespace deriva::test
