#include <deriva/dag/persistent_dag.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <new>
#include <random>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/from_environment.hpp"
#include "unit/dag/persistent_fixture.hpp"

// Processes that end at any moment, and several at once. They are forked before this one opens anything: a fork of an
// open environment cannot use it.

namespace {

using deriva::DagSnapshot;
using deriva::Durability;
using deriva::Environment;
using deriva::Result;
using deriva::test::code_of;
using deriva::test::from_environment;
using deriva::test::GraphDirectory;
using deriva::test::Key8;
using deriva::test::make_key;
using deriva::test::start;
using Dag = deriva::PersistentDag<Key8>;
using Entry = std::pair<Key8, std::vector<Key8>>;

/// The n-th entry: the same in every process.
Entry entry(std::uint64_t n) {
  std::mt19937_64 random(n);
  std::vector<Key8> inputs;
  if (n > 0) inputs.push_back(make_key<Key8>(n - 1 - random() % std::min<std::uint64_t>(n, 300)));
  if (n % 3 == 0) inputs.push_back(make_key<Key8>(1'000'000 + n % 5));
  if (n > 0 && n % 4 == 0) inputs.push_back(make_key<Key8>(random() % n));
  return {make_key<Key8>(n), inputs};
}

std::vector<Entry> entries(std::uint64_t begin, std::uint64_t end) {
  std::vector<Entry> list;
  for (std::uint64_t n = begin; n < end; ++n) list.push_back(entry(n));
  return list;
}

Dag open_small(Environment& environment) {
  deriva::PersistentDagOptions options;
  options.tail_nodes = 256;
  options.journal_after = 1;
  return Dag::open(environment, options).value();
}

/// A number that parent and children see.
class Shared {
 public:
  Shared()
      : at_(::mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                   0)) {
    REQUIRE(at_ != MAP_FAILED);
    new (at_) std::atomic<std::uint64_t>(0);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(at_, sizeof(std::atomic<std::uint64_t>)); }
  std::atomic<std::uint64_t>& operator*() const { return *static_cast<std::atomic<std::uint64_t>*>(at_); }

 private:
  void* at_;
};

/// Inserts for ever, and says how far it is sure to have come. Every other seed makes use of the journal.
int insert_for_ever(const GraphDirectory& directory, std::uint64_t seed, std::atomic<std::uint64_t>& acknowledged) {
  Environment environment =
      deriva::test::open_environment(directory, seed % 2 == 0 ? Durability::relaxed : Durability::sync);
  Dag dag = open_small(environment);
  std::mt19937_64 random(seed);
  for (std::uint64_t n = dag.size();;) {
    const std::uint64_t end = n + 1 + random() % (random() % 8 == 0 ? 600 : 25);
    if (!dag.insert_many(entries(n, end))) return 2;
    n = end;
    acknowledged = n;
    if (random() % 40 == 0 && !dag.compact()) return 3;
    if (random() % 60 == 0 && !dag.rebuild_indexes()) return 4;
  }
}

std::string wrong_after(const GraphDirectory& directory, std::uint64_t acknowledged) {
  Environment environment = deriva::test::open_environment(directory);
  const Dag dag = open_small(environment);
  if (const auto checked = dag.check(); !checked) return checked.error().message();
  const std::uint64_t size = dag.size();
  if (size < acknowledged) return "acknowledged entries are lost";
  const auto same = dag.snapshot([&](const DagSnapshot<Key8>& at) -> Result<bool> {
    for (std::uint64_t n = 0; n < size; ++n) {
      const auto [key, inputs] = entry(n);
      if (at.inputs(key).value() != inputs) return false;
    }
    return true;
  });
  return same && *same ? "" : "an entry has other inputs";
}

}  // namespace

TEST_CASE("a killed writer leaves a graph that is wrong or lost", "[dag][crash]") {
  const std::uint64_t cycles = from_environment("DERIVA_KILL_CYCLES", 20);
  std::mt19937_64 random(1);
  for (std::uint64_t cycle = 0; cycle < cycles;) {
    const GraphDirectory directory;
    const Shared acknowledged;
    for (int times = 0; times < 6 && cycle < cycles; ++times, ++cycle) {
      const pid_t child = start([&] { return insert_for_ever(directory, random() + cycle, *acknowledged); });
      // Not sooner than after some commits, so that a slow machine does not only test opening.
      const std::uint64_t wanted = *acknowledged + random() % 3'000;
      int status = 0;
      while (*acknowledged < wanted && ::waitpid(child, &status, WNOHANG) == 0) ::usleep(200);
      ::usleep(static_cast<useconds_t>(random() % 2'000));
      REQUIRE(::kill(child, SIGKILL) == 0);
      ::waitpid(child, &status, 0);
      CAPTURE(cycle);
      REQUIRE(WIFSIGNALED(status));
      REQUIRE(wrong_after(directory, *acknowledged) == "");
    }
  }
}

TEST_CASE("a restoration that was killed begins again, or ends with another graph", "[dag][crash]") {
  const std::uint64_t count = 20'000;
  const std::vector<Entry> all = entries(0, count);
  const GraphDirectory directory;
  const Shared taken;
  std::mt19937_64 random(2);
  std::uint64_t before = 0;
  int resumed = 0;
  int starts = 0;
  for (bool finished = false; !finished; ++starts) {
    REQUIRE(starts < 200);
    const std::uint64_t wanted = 1 + random() % 5'000;
    *taken = 0;
    const pid_t child = start([&] {
      Environment environment = deriva::test::open_environment(directory);
      const auto taking = [&](const Entry& one) -> const Entry& {
        if (++*taken > wanted + 2'000) ::pause();  // as far as it may get before it is killed
        return one;
      };
      const auto restored = open_small(environment).restore(all | std::views::transform(taking), 200);
      return restored && *restored == count ? 0 : 2;
    });
    int status = 0;
    while (*taken < wanted && !finished) {
      ::usleep(50);
      finished = ::waitpid(child, &status, WNOHANG) == child;
    }
    if (!finished) {
      REQUIRE(::kill(child, SIGKILL) == 0);
      REQUIRE(::waitpid(child, &status, 0) == child);
      finished = WIFEXITED(status);
    }
    REQUIRE((!finished || (WIFEXITED(status) && WEXITSTATUS(status) == 0)));
    Environment environment = deriva::test::open_environment(directory);
    const std::uint64_t size = open_small(environment).size();
    REQUIRE(size >= before);
    REQUIRE(size % 200 == 0);
    resumed += !finished && before > 0 && size > before ? 1 : 0;
    before = size;
  }
  REQUIRE(resumed > 0);
  REQUIRE(before == count);
  REQUIRE(wrong_after(directory, count) == "");
}

/// What a child ends with; its parent learns the number alone.
int failed_to(const char* what, const deriva::Error& why) {
  std::cerr << "process " << ::getpid() << " failed to " << what << ": " << why.message() << '\n';
  return 2;
}

TEST_CASE("2 writers and 4 readers in processes of their own disagree", "[dag][crash]") {
  const Durability durability = GENERATE(Durability::relaxed, Durability::sync);  // with a journal
  const auto period = std::chrono::milliseconds(1'000 * from_environment("DERIVA_SOAK_SECONDS", 1));
  const GraphDirectory directory;
  const Shared inserted;
  const Shared stop;
  std::vector<pid_t> children;
  for (std::uint64_t n = 0; n < 2; ++n) {
    children.push_back(start([&, n] {
      Environment environment = deriva::test::open_environment(directory, durability);
      Dag dag = open_small(environment);
      std::mt19937_64 random(n);
      while (*stop == 0) {
        std::vector<Entry> list;
        const std::uint64_t size = 1 + random() % (random() % 4 == 0 ? 100 : 10);
        for (std::uint64_t i = 0; i < size; ++i) {
          const std::uint64_t key = 2 * (*inserted)++ + n;
          std::vector<Key8> inputs = {make_key<Key8>(5'000'000)};
          if (key > 10) inputs.push_back(make_key<Key8>(key - 1 - random() % 10));
          list.emplace_back(make_key<Key8>(key), std::move(inputs));
        }
        if (const auto done = dag.insert_many(list); !done) return failed_to("insert", done.error());
        if (random() % 8 == 0) {
          if (const auto done = dag.force_remove(list[0].first); !done) return failed_to("remove", done.error());
        }
        if (random() % 100 == 0) {
          if (const auto done = dag.compact(); !done) return failed_to("compact", done.error());
        }
      }
      return 0;
    }));
  }
  for (std::uint64_t n = 0; n < 4; ++n) {
    children.push_back(start([&, n] {
      Environment environment = deriva::test::open_environment(directory);
      const Dag dag = open_small(environment);
      std::mt19937_64 random(n);
      while (*stop == 0) {
        const auto seen = dag.snapshot([&](const DagSnapshot<Key8>& at) -> Result<bool> {
          const Key8 key = make_key<Key8>(random() % (2 * *inserted + 1));
          bool good = true;
          (void)at.for_each_input(key, [&](Key8 input) {
            bool back = false;
            (void)at.for_each_dependent(input, [&](Key8 other) { return back = other == key, !back; });
            return good = back;
          });
          (void)at.for_each_dependent(key, [&](Key8 dependent) {
            bool forward = false;
            (void)at.for_each_input(dependent, [&](Key8 input) { return forward = input == key, !forward; });
            return good = good && forward;
          });
          return good;
        });
        if (!seen) return failed_to("read", seen.error());
        if (!*seen) return 3;
      }
      return 0;
    }));
  }
  ::usleep(static_cast<useconds_t>(std::chrono::microseconds(period).count()));
  *stop = 1;
  std::vector<int> codes;
  for (const pid_t child : children) codes.push_back(code_of(child));
  REQUIRE(codes == std::vector<int>(children.size(), 0));
  Environment environment = deriva::test::open_environment(directory);
  REQUIRE(open_small(environment).check());
}
