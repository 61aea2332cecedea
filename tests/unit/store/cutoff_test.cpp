// The index of computations: a value is found by what went into it, however that was made.
#include <string>
#include <vector>

#include <deriva/storage/table.hpp>

#include "store/cutoff_table.hpp"
#include "store/store_reader.hpp"
#include "support/catch.hpp"
#include "unit/store/store_fixture.hpp"

namespace deriva::test {
namespace {

using detail::CutoffKey;
using detail::StoreReader;

const std::string large(1'000, 'l');
const std::string input_value = "what both inputs are";

/// Two recipes of one function, whose inputs were made differently and are equal.
struct CutoffFixture : StoreFixture {
  Address recipe(std::int64_t number, std::vector<Address> inputs = {}, const std::string& function = "f") {
    return store->put_recipe(recipe_of(function, std::move(inputs), {{"number", number}})).value();
  }
  Result<void> put(std::vector<ComputedResult> results) { return store->put_results(results); }

  /// The digest of the value that is found for a recipe with inputs of these values, if any.
  std::optional<Digest> find(const Address& address, const std::vector<std::string>& inputs = {input_value}) const {
    std::vector<Digest> digests;
    for (const std::string& input : inputs) digests.push_back(Digest::of(as_bytes(input)));
    std::optional<Digest> digest;
    const auto look = [&](StoreReader& reader) {
      const auto found = reader.find_cutoff(*reader.find(address), digests).value();
      if (found) digest = found->result.digest();
    };
    REQUIRE(detail::read(*store, look).has_value());
    return digest;
  }
  bool has_entries() const {
    bool some = false;
    REQUIRE(detail::read(*store, [&](StoreReader& reader) { some = reader.has_cutoffs().value(); }).has_value());
    return some;
  }
  void evict(const std::string& value) const {
    Environment environment = this->environment();
    const auto blobs = Table<Digest, BytesView>::open(environment, "blobs").value();
    auto erase = [&](WriteTransaction& t) { return blobs.erase(t, Digest::of(as_bytes(value))); };
    REQUIRE(environment.write(erase).value());
  }

  Address first_input = recipe(1, {}, "g");
  Address second_input = recipe(2, {}, "g");
  Address first = recipe(0, {first_input});
  Address second = recipe(0, {second_input});
};

ComputedResult by_inputs(const Address& address, std::string_view value) {
  ComputedResult result = computed(address, value);
  result.context.by_inputs = true;
  return result;
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

TEST_CASE("cutoff: a value that was computed for one recipe is not found for another with equal inputs") {
  CutoffFixture f;
  const std::string value = GENERATE(std::string(), std::string("small"), large);
  REQUIRE_FALSE(f.find(f.second));
  // The input after what was computed from it, in one transaction.
  REQUIRE(f.put({by_inputs(f.first, value), computed(f.first_input, input_value)}).has_value());
  f.reopen();
  REQUIRE(f.find(f.second) == Digest::of(as_bytes(value)));
  REQUIRE(f.find(f.first) == Digest::of(as_bytes(value)));
}

TEST_CASE("cutoff: a value is found for a recipe with other inputs, params or function") {
  CutoffFixture f;
  REQUIRE(f.put({computed(f.first_input, input_value), by_inputs(f.first, large)}).has_value());
  REQUIRE_FALSE(f.find(f.second, {"something else"}));
  REQUIRE_FALSE(f.find(f.second, {input_value, input_value}));
  REQUIRE_FALSE(f.find(f.recipe(1, {f.second_input})));
  REQUIRE_FALSE(f.find(f.recipe(0, {f.second_input}, "another function")));
}

TEST_CASE("cutoff: a recipe with a leaf is not found from one with a recipe that gives the same bytes") {
  CutoffFixture f;
  const Address leaf = f.store->put_leaf(as_bytes(input_value)).value();
  REQUIRE(f.put({by_inputs(f.recipe(0, {leaf}), large)}).has_value());
  REQUIRE(f.find(f.second) == Digest::of(as_bytes(large)));
}

TEST_CASE("cutoff: a result is indexed though nobody asked, or though an input's value is not recorded") {
  CutoffFixture f;
  REQUIRE(f.put({computed(f.first_input, input_value), computed(f.first, large)}).has_value());
  REQUIRE(f.put({by_inputs(f.second, large), by_inputs(named("no recipe"), large)}).has_value());
  REQUIRE_FALSE(f.has_entries());
}

TEST_CASE("cutoff: a value that is gone is found, or is not found again when it is back") {
  CutoffFixture f;
  REQUIRE(f.put({computed(f.first_input, input_value), by_inputs(f.first, large)}).has_value());
  f.evict(large);
  REQUIRE_FALSE(f.find(f.second));
  REQUIRE(f.put({computed(f.second_input, input_value), by_inputs(f.second, large)}).has_value());
  REQUIRE(f.find(f.first) == Digest::of(as_bytes(large)));
}

TEST_CASE("cutoff: another value of the same computation replaces the first") {
  CutoffFixture f;
  REQUIRE(f.put({computed(f.first_input, input_value), by_inputs(f.first, "first")}).has_value());
  REQUIRE(f.put({computed(f.second_input, input_value), by_inputs(f.second, "second")}).has_value());
  REQUIRE(f.find(f.second) == Digest::of(as_bytes("first")));
  REQUIRE(as_text(*f.store->value(f.second).value()) == "second");
}

TEST_CASE("cutoff: the value of a recipe that diverged is passed on") {
  CutoffFixture f;
  Comparison comparison;
  comparison.address = f.first;
  comparison.other.size = 1;
  REQUIRE(f.put({computed(f.first_input, input_value), by_inputs(f.first, large)}).has_value());
  REQUIRE(f.store->put_results({}, {&comparison, 1}).has_value());
  REQUIRE_FALSE(f.find(f.second));
  REQUIRE(f.store->ledger().clear(f.first).value());
  REQUIRE(f.find(f.second));
}

TEST_CASE("cutoff: a compacted graph finds nothing, or the value of another recipe") {
  CutoffFixture f;
  const Address unneeded = f.recipe(7, {f.first_input});
  REQUIRE(f.put({computed(f.first_input, input_value), by_inputs(f.first, large)}).has_value());
  REQUIRE(f.store->remove(unneeded).value());
  Environment environment = f.environment();
  REQUIRE(PersistentDag<>::open(environment).value().compact().has_value());
  REQUIRE(f.find(f.second) == Digest::of(as_bytes(large)));
}

TEST_CASE("cutoff: the result of a removed recipe is found, or its entry remains") {
  CutoffFixture f;
  REQUIRE(f.put({computed(f.first_input, input_value), by_inputs(f.first, large)}).has_value());
  SECTION("with its inputs") {
    REQUIRE(f.store->remove(f.first).value());
    REQUIRE_FALSE(f.has_entries());
  }
  SECTION("after its inputs: nobody knows the key any more") {
    REQUIRE(f.store->force_remove(f.first_input).value());
    REQUIRE(f.store->remove(f.first).value());
  }
  REQUIRE_FALSE(f.find(f.second));
  REQUIRE(f.put({computed(f.second_input, input_value), by_inputs(f.second, "second")}).has_value());
  REQUIRE(f.find(f.second) == Digest::of(as_bytes("second")));
}

TEST_CASE("cutoff: a result that came back with another value is found under the inputs of the first") {
  CutoffFixture f;
  REQUIRE(f.put({computed(f.first_input, input_value), by_inputs(f.first, large)}).has_value());
  REQUIRE(f.store->force_remove(f.first_input).value());
  REQUIRE(f.store->remove(f.first).value());
  REQUIRE(f.recipe(1, {}, "g") == f.first_input);
  REQUIRE(f.recipe(0, {f.first_input}) == f.first);
  REQUIRE(f.put({computed(f.first_input, "another input"), by_inputs(f.first, "another value")}).has_value());
  REQUIRE_FALSE(f.find(f.second));
  REQUIRE(f.find(f.second, {"another input"}) == Digest::of(as_bytes("another value")));
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
