// Failures by class: remembered, tried again, or neither.

#include <chrono>
#include <string>
#include <vector>

#include "compute/error_memo.hpp"
#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

#define DERIVA_EVERY_EXECUTOR OnPool<1>, OnPool<3>, OnThisThread

Error error_of_class(ErrorClass error_class) {
  return Error(Errc::function_failed, "on purpose").with_class(error_class);
}

/// Functions that fail so many times before they give a value.
struct FailingFixture : ComputeFixture {
  explicit FailingFixture(int failures, ErrorClass error_class = ErrorClass::transient) : left(failures) {
    const auto body = [this, error_class]() -> Result<Blob> {
      if (left.fetch_sub(1) > 0) return error_of_class(error_class);
      return Blob::copy_of("at last");
    };
    add("plain", [body](std::span<const Blob>, const Params&) { return body(); });
    registry.add({"blocks", "1"}, [body](std::span<const Blob>, const Params&) { return body(); }, {.blocking = true});
    add_async("waits", [body](std::vector<Blob>, Params, Context&) -> boost::asio::awaitable<Result<Blob>> {
      co_return body();
    });
  }
  std::atomic<int> left;
  Outcome outcome;
  MaterializeOptions counted() {
    MaterializeOptions options;
    options.outcome = &outcome;
    return options;
  }
};

ExecutorOptions with_retries(std::uint32_t retries) {
  ExecutorOptions options;
  options.transient_retries = retries;
  options.retry_delay = std::chrono::milliseconds(0);
  return options;
}

TEST_CASE("error class: is lost when more becomes known of an error") {
  const Error error = error_of_class(ErrorClass::resource).with_address(Address()).with_function({"f", "1"});
  REQUIRE(error.error_class() == ErrorClass::resource);
  REQUIRE(error.with_offset(1).error_class() == ErrorClass::resource);
  REQUIRE(Error(Errc::not_found).error_class() == ErrorClass::unknown);
}

TEST_CASE("error memo: keeps more than it may, or not the last ones, or errors of another class") {
  detail::ErrorMemo memo(2);
  const auto address = [](int i) { return Address::of_leaf(as_bytes(std::to_string(i))); };
  for (int i = 0; i < 3; ++i) memo.keep(address(i), error_of_class(ErrorClass::deterministic));
  memo.keep(address(2), error_of_class(ErrorClass::deterministic));
  REQUIRE(memo.find(address(0)) == nullptr);
  REQUIRE(memo.find(address(1)) != nullptr);
  REQUIRE(memo.find(address(2)) != nullptr);
  for (const ErrorClass other : {ErrorClass::unknown, ErrorClass::transient, ErrorClass::resource}) {
    memo.keep(address(3), error_of_class(other));
  }
  REQUIRE(memo.find(address(3)) == nullptr);
}

TEMPLATE_TEST_CASE("errors: what would only fail again runs again, or what would not does not", "",
                   DERIVA_EVERY_EXECUTOR) {
  const ErrorClass error_class =
      GENERATE(ErrorClass::unknown, ErrorClass::deterministic, ErrorClass::transient, ErrorClass::resource);
  const std::size_t remembered = GENERATE(0U, 10U);
  FailingFixture f(1'000, error_class);
  ExecutorOptions options;
  options.remembered_errors = remembered;
  TestType on(f, options);
  const Address inner = f.recipe("plain", {});
  for (int i = 0; i < 3; ++i) {
    const Result<Blob> failed = on.executor.materialize(f.numbered("id", i, {inner}));
    REQUIRE(text_of(failed) == "!function_failed");
    REQUIRE(*failed.error().address() == inner);
    REQUIRE(failed.error().error_class() == error_class);
  }
  const bool is_remembered = remembered > 0 && error_class == ErrorClass::deterministic;
  REQUIRE(f.runs("plain") == (is_remembered ? 1 : 3));
}

TEST_CASE("errors: what is remembered outlives another version, a forced run or its executor") {
  FailingFixture f(1'000, ErrorClass::deterministic);
  ExecutorOptions options;
  options.remembered_errors = 10;
  const Address address = f.recipe("plain", {});
  {
    OnThisThread on(f, options);
    for (int i = 0; i < 2; ++i) REQUIRE(text_of(on.executor.materialize(address)) == "!function_failed");
    REQUIRE(f.runs("plain") == 1);
    f.registry.add({"plain", "2"}, [](std::span<const Blob>, const Params&) { return Blob::copy_of("mended"); });
    const Address next = f.store->put_recipe({{"plain", "2"}, {}, {}}).value();
    REQUIRE(text_of(on.executor.materialize(next)) == "mended");
    f.left = 0;
    MaterializeOptions forced;
    forced.recompute = Recompute::target;
    REQUIRE(text_of(on.executor.materialize(address, forced)) == "at last");
  }
  REQUIRE(text_of(OnThisThread(f, options).executor.materialize(address)) == "at last");
}

TEMPLATE_TEST_CASE("retries: a transient failure is told before it was tried often enough, or tried too often", "",
                   DERIVA_EVERY_EXECUTOR) {
  const std::string function = GENERATE("plain", "waits", "blocks");
  const int failures = GENERATE(0, 1, 3, 4);
  FailingFixture f(failures);
  TestType on(f, with_retries(3));
  const Address target = f.recipe("id", {f.recipe(function, {f.leaf("a"), f.recipe("id", {f.leaf("b")})})});
  const Result<Blob> value = on.executor.materialize(target, f.counted());
  REQUIRE(text_of(value) == (failures > 3 ? "!function_failed" : "at last"));
  REQUIRE(f.outcome.retried == static_cast<std::uint64_t>(std::min(failures, 3)));
  REQUIRE(f.outcome.failed == (failures > 3 ? 1U : 0U));
  REQUIRE(f.outcome.running == 0);
  REQUIRE(f.left == (failures > 3 ? 0 : -1));
}

TEST_CASE("retries: failures of another class are tried again") {
  const ErrorClass error_class = GENERATE(ErrorClass::unknown, ErrorClass::deterministic, ErrorClass::resource);
  FailingFixture f(1, error_class);
  OnThisThread on(f, with_retries(3));
  REQUIRE(text_of(on.executor.materialize(f.recipe("plain", {}))) == "!function_failed");
  REQUIRE(f.runs("plain") == 1);
}

TEMPLATE_TEST_CASE("retries: a transient failure of one execution is taken for a violation", "",
                   DERIVA_EVERY_EXECUTOR) {
  FailingFixture f(1);
  TestType on(f, with_retries(1));
  MaterializeOptions options = f.counted();
  options.verify = Verify::always();
  REQUIRE(text_of(on.executor.materialize(f.recipe("plain", {}), options)) == "at last");
  REQUIRE(f.runs("plain") == 4);
  REQUIRE(f.outcome.verified == 1);
}

TEMPLATE_TEST_CASE("retries: each waits no longer than the one before it", "", DERIVA_EVERY_EXECUTOR) {
  FailingFixture f(3);
  ExecutorOptions options = with_retries(3);
  options.retry_delay = std::chrono::milliseconds(2);
  TestType on(f, options);
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(text_of(on.executor.materialize(f.recipe("plain", {}))) == "at last");
  REQUIRE(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(2 + 4 + 8));
}

TEST_CASE("retries: a request that leaves meanwhile is held, or an executor that goes waits for them") {
  FailingFixture f(1'000);
  ExecutorOptions options = with_retries(1);
  options.retry_delay = std::chrono::hours(1);
  const Address target = f.recipe("plain", {});
  MaterializeOptions request;
  request.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
  OnPool<2> on(f, options);
  REQUIRE(text_of(on.executor.materialize(target, request)) == "!deadline_exceeded");
  REQUIRE(f.runs("plain") == 1);
}

TEMPLATE_TEST_CASE("executor: an input that is gone fails its function without its address", "",
                   DERIVA_EVERY_EXECUTOR) {
  ComputeFixture f;
  const Address input = f.leaf("gone");
  const Address target = f.recipe("id", {f.recipe("first", {}), input});
  f.add("first", [&](std::span<const Blob>, const Params&) {
    f.lose(Digest::of(as_bytes("gone")));
    return Blob();
  });
  ExecutorOptions options;
  options.store_results = GENERATE(true, false);
  TestType on(f, options);
  REQUIRE(on.executor.materialize(f.numbered("id", 1, {f.leaf("x")})).has_value());  // It is known to be short.
  const Result<Blob> value = on.executor.materialize(target);
  REQUIRE(text_of(value) == "!not_found");
  REQUIRE(*value.error().address() == input);
  REQUIRE(f.runs("first") == 1);
  REQUIRE(f.runs("id") == 1);
}

}  // namespace
}  // namespace deriva::test
