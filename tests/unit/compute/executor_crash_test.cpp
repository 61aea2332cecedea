// A process that ends at any moment leaves no result without its value or its verdict, and nothing to be found that is
// not true.

#include <atomic>
#include <cstdint>
#include <random>
#include <string>

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

/// What a process computes until it is killed; half of it is verified, and all can be found by its inputs.
class Endless {
 public:
  static constexpr std::int64_t lag = 5;  ///< Results that are not written, at most.

  explicit Endless(const StoreDirectory& directory) : store_(open(directory)) {
    registry_.add({"modulo", "1"}, [](std::span<const Blob>, const Params& params) {
      return Blob::copy_of(std::to_string(std::get<std::int64_t>(params.at("number")) % 10));
    });
    registry_.add({"twice", "1"}, [](std::span<const Blob> inputs, const Params&) {
      const std::string text(as_text(inputs[0]));
      return Blob::copy_of(text + text);
    });
    registry_.add({"padded", "1"}, [](std::span<const Blob> inputs, const Params& params) {
      std::string text(as_text(inputs[0]));
      text.resize(static_cast<std::size_t>(std::get<std::int64_t>(params.at("bytes"))), ' ');
      return Blob::adopt(text + std::to_string(std::get<std::int64_t>(params.at("number"))));
    });
  }

  Address lower(std::int64_t number) { return put({{"modulo", "1"}, {}, {{"number", number}}}); }
  Address upper(std::int64_t number) { return put({{"twice", "1"}, {lower(number)}, {}}); }
  /// Values of all sizes, each another one.
  Address padded(std::int64_t number) {
    const std::int64_t bytes = std::int64_t{1} << (number % 18);
    return put({{"padded", "1"}, {upper(number)}, {{"bytes", bytes}, {"number", number}}});
  }

  /// Computes from a number on, `count` times, and says how far it came.
  void compute(std::int64_t from, std::int64_t count, std::atomic<std::int64_t>& done) {
    ExecutorOptions options;
    options.verify = Verify::sampled(0.5);
    options.early_cutoff = std::chrono::nanoseconds(0);
    options.flush_results = lag;
    SyncExecutor executor(store_, registry_, options);
    for (std::int64_t i = from; i < from + count; ++i) {
      const std::string digit = std::to_string(i % 10);
      if (text_of(executor.materialize(upper(i))) != digit + digit) return;
      if (!executor.materialize(padded(i))) return;
      done = i + 1;
    }
  }

  Store& store() { return store_; }

 private:
  static Store open(const StoreDirectory& directory) {
    StoreOptions options;
    options.environment.durability = Durability::relaxed;
    return Store::open(directory.path(), options).value();
  }
  Address put(const Recipe& recipe) { return store_.put_recipe(recipe).value(); }

  Store store_;
  FunctionRegistry registry_;
};

/// A number that parent and child see.
class Shared {
 public:
  Shared() : at_(::mmap(nullptr, sizeof(Number), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(at_ != MAP_FAILED);
    new (at_) Number(0);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(at_, sizeof(Number)); }
  std::atomic<std::int64_t>& operator*() const { return *static_cast<Number*>(at_); }

 private:
  using Number = std::atomic<std::int64_t>;
  void* at_;
};

/// Kills a process that computes, when it has come so far.
void compute_and_die(const StoreDirectory& directory, std::int64_t from, std::int64_t at_least, const Shared& done) {
  *done = from;
  const pid_t child = ::fork();
  if (child == 0) {
    Endless(directory).compute(from, 1'000'000, *done);
    ::_exit(1);
  }
  REQUIRE(child > 0);
  while (*done < from + at_least) ::sched_yield();
  REQUIRE(::kill(child, SIGKILL) == 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

TEST_CASE("crash: a kill loses more than what was not written, or leaves a result without its value") {
  const StoreDirectory directory(std::uintmax_t{256} << 20U);
  const Shared done;
  std::mt19937 random(2);
  std::int64_t from = 0;
  for (int round = 0; round < 20; ++round) {
    compute_and_die(directory, from, static_cast<std::int64_t>(1 + random() % 40), done);
    Endless after(directory);
    for (std::int64_t i = 0; i < *done + 10; ++i) {
      for (const Address& address : {after.lower(i), after.upper(i), after.padded(i)}) {
        const bool has_result = after.store().result(address).value().has_value();
        REQUIRE((has_result || i < from || i + Endless::lag >= *done));  // What was lost before stays lost.
        if (has_result) REQUIRE(after.store().value(address).value());
      }
    }
    from = *done;
  }
  REQUIRE(from > 20);
}

TEST_CASE("crash: a kill between a value and its verdict loses one of them, or a wrong value is found afterwards") {
  const StoreDirectory directory(std::uintmax_t{256} << 20U);
  const Shared done;
  std::mt19937 random(1);
  std::int64_t from = 0;
  for (int round = 0; round < 10; ++round) {
    compute_and_die(directory, from, static_cast<std::int64_t>(1 + random() % 40), done);
    Endless after(directory);
    REQUIRE(after.store().dag().check().has_value());
    // Chosen to be verified or not, as the ledger says of the written ones: both or neither of a pair are there.
    std::int64_t verified = 0;
    for (std::int64_t i = 0; i < *done + 10; ++i) {
      for (const Address& address : {after.lower(i), after.upper(i)}) {
        const bool has_verdict = after.store().ledger().verdict(address).value().has_value();
        if (has_verdict) REQUIRE(after.store().result(address).value());
        verified += static_cast<std::int64_t>(has_verdict);
      }
    }
    REQUIRE((verified > 0 || round == 0));
    from = *done;
    after.compute(from, 20, *done);  // Each value is compared with what it has to be.
    REQUIRE(*done == from + 20);
    from = *done;
  }
}

}  // namespace
}  // namespace deriva::test
