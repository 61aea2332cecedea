#include <deriva/dag/persistent_dag.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <lmdb.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deriva/storage/table.hpp>

#include "support/catch.hpp"
#include "unit/dag/persistent_fixture.hpp"

// Files in which something was overwritten. LMDB has no checksums, so that a damaged tree can end the process: each
// file is opened, checked and read in a process of its own. What is forbidden is one thing only: an answer that is
// wrong.

namespace {

namespace fs = std::filesystem;
using deriva::Address;
using deriva::DagSnapshot;
using deriva::Environment;
using deriva::Result;
using deriva::WriteTransaction;
using deriva::test::GraphDirectory;
using deriva::test::make_key;
using Dag = deriva::PersistentDag<Address>;
using Keys = std::vector<Address>;

constexpr std::size_t page_bytes = 4'096;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

Address k(std::uint64_t n) { return make_key<Address>(n); }

Dag open_small(Environment& environment) {
  deriva::PersistentDagOptions options;
  options.tail_nodes = 256;
  return Dag::open(environment, options).value();
}

/// Something of everything: far and near edges, hubs, a long list, late entries, removed ones, an unmerged tail.
void fill(const GraphDirectory& directory) {
  Environment environment = deriva::test::open_environment(directory);
  Dag dag = open_small(environment);
  std::mt19937_64 random(1);
  for (std::uint64_t n = 0; n < 1'500;) {
    std::vector<std::pair<Address, Keys>> batch;
    for (const std::uint64_t end = n + 1 + random() % 60; n < end; ++n) {
      Keys inputs = {k(1'000'000 + n % 7)};
      for (std::uint64_t i = random() % 3; n > 0 && i > 0; --i) inputs.push_back(k(random() % n));
      if (n % 50 == 0) inputs.push_back(k(n + 1 + random() % 100));
      for (std::uint64_t i = 0; n == 700 && i < 80; ++i) inputs.push_back(k(random() % n));
      batch.emplace_back(k(n), inputs);
    }
    if (const auto added = dag.insert_many(batch); !added) REQUIRE(added.error().code() == deriva::Errc::cycle);
    if (n % 5 == 0) REQUIRE(dag.force_remove(k(random() % n)));
  }
  REQUIRE(dag.check());
  REQUIRE(dag.stats().value().tail > 50);
  REQUIRE(dag.stats().value().late);
  // Damage to the newest of LMDB's two roots brings back the state before the last commit, which a file cannot tell
  // alone. So the last commits here do not concern the graph.
  auto other = deriva::Table<std::uint64_t, std::uint64_t>::open(environment, "other").value();
  for (std::uint64_t n = 0; n < 2; ++n) {
    REQUIRE(environment.write([&](WriteTransaction& transaction) { return other.put(transaction, n, n); }));
  }
}

/// All that a graph has to say.
struct Answers {
  Keys all;
  std::map<std::string, std::pair<std::optional<Keys>, Keys>> neighbours;  // by the key in hexadecimal
  bool operator==(const Answers&) const = default;
};

Result<Answers> ask_all(const Dag& dag) {
  return dag.snapshot([](const DagSnapshot<Address>& at) -> Result<Answers> {
    Answers answers;
    const auto note = [&](const Address& key) { return answers.all.push_back(key), true; };
    if (const auto visited = at.for_each(note); !visited) return visited.error();
    std::vector<std::uint64_t> asked;
    for (std::uint64_t n = 0; n < 1'700; ++n) asked.push_back(n);
    for (std::uint64_t n = 1'000'000; n < 1'000'007; ++n) asked.push_back(n);
    for (const std::uint64_t n : asked) {
      const auto inputs = at.inputs(k(n));
      if (!inputs) return inputs.error();
      const auto dependents = at.direct_dependents(k(n));
      if (!dependents) return dependents.error();
      answers.neighbours[k(n).to_string()] = {*inputs, *dependents};
    }
    return answers;
  });
}

enum Outcome : int { unharmed = 10, refused = 11, wrong = 12, threw = 13, endless = 14 };

Outcome open_and_ask(const GraphDirectory& directory, const Answers& expected) {
  deriva::EnvironmentOptions options;
  options.durability = deriva::Durability::relaxed;
  Result<Environment> environment = Environment::open(directory.path(), options);
  if (!environment) return refused;
  const Result<Dag> dag = Dag::open(*environment);
  if (!dag || !dag->check()) return refused;
  const Result<Answers> answers = ask_all(*dag);
  if (!answers) return refused;
  return *answers == expected ? unharmed : wrong;
}

/// What becomes of a process that opens the graph. A signal is a way of refusing.
Outcome outcome_of(const GraphDirectory& directory, const Answers& expected) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int signal : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV}) ::signal(signal, SIG_DFL);  // not the runner's
    ::close(STDERR_FILENO);                                                                         // LMDB says why
    ::alarm(60);  // for a walk that never ends
    int outcome = threw;
    try {
      outcome = open_and_ask(directory, expected);
    } catch (...) {
    }
    ::_exit(outcome);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? endless : refused;
  return static_cast<Outcome>(WEXITSTATUS(status));
}

using Bytes = std::vector<char>;
using Random = std::mt19937_64;
using Damage = void (*)(Bytes& file, Random& random);

void flip_a_bit(Bytes& file, Random& random) { file[random() % file.size()] ^= static_cast<char>(1U << random() % 8); }
char* some_page(Bytes& file, Random& random) { return &file[random() % (file.size() / page_bytes) * page_bytes]; }
void zero_a_page(Bytes& file, Random& random) { std::fill_n(some_page(file, random), page_bytes, '\0'); }
void scramble_a_page(Bytes& file, Random& random) {
  std::generate_n(some_page(file, random), page_bytes, [&] { return static_cast<char>(random()); });
}
void swap_two_pages(Bytes& file, Random& random) {
  char* const page = some_page(file, random);
  std::swap_ranges(page, page + page_bytes, some_page(file, random));
}
void cut_off(Bytes& file, Random& random) { file.resize(random() % file.size()); }

Bytes read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void damage_and_ask(Damage damage, std::uint64_t least_refused_percent) {
  const GraphDirectory intact;
  fill(intact);
  Answers expected;
  {
    Environment environment = deriva::test::open_environment(intact);
    expected = ask_all(open_small(environment)).value();
  }
  const Bytes file = read_file(intact.path() / "data.mdb");
  const std::uint64_t times = from_environment("DERIVA_DAMAGES", 40);
  const std::uint64_t first = from_environment("DERIVA_DAMAGES_FIRST", 1);
  std::map<int, std::uint64_t> outcomes;
  for (std::uint64_t seed = first; seed < first + times; ++seed) {
    const GraphDirectory directory;
    fs::copy(intact.path(), directory.path(), fs::copy_options::overwrite_existing | fs::copy_options::recursive);
    fs::remove(directory.path() / "lock.mdb");
    Random random(seed);
    Bytes damaged = file;
    damage(damaged, random);
    std::ofstream(directory.path() / "data.mdb", std::ios::binary)
        .write(damaged.data(), static_cast<std::streamsize>(damaged.size()));
    const Outcome outcome = outcome_of(directory, expected);
    ++outcomes[outcome];
    if (outcome == refused || outcome == unharmed) continue;
    const fs::path kept = fs::temp_directory_path() / "deriva-damaged.mdb";
    fs::copy_file(directory.path() / "data.mdb", kept, fs::copy_options::overwrite_existing);
    FAIL("seed " << seed << ": outcome " << outcome << "; the file is kept as " << kept);
  }
  // Damage may hit what nobody reads; if it always did, nothing would have been tested.
  CAPTURE(outcomes[unharmed], outcomes[refused]);
  REQUIRE(outcomes[refused] * 100 >= times * least_refused_percent);
}

}  // namespace

TEST_CASE("a flipped bit makes a graph answer wrongly", "[dag][damage]") { damage_and_ask(flip_a_bit, 20); }
TEST_CASE("a page of zeros makes a graph answer wrongly", "[dag][damage]") { damage_and_ask(zero_a_page, 30); }
TEST_CASE("a page of noise makes a graph answer wrongly", "[dag][damage]") { damage_and_ask(scramble_a_page, 30); }
TEST_CASE("two pages that changed places make a graph answer wrongly", "[dag][damage]") {
  damage_and_ask(swap_two_pages, 30);
}
TEST_CASE("a file that is cut off makes a graph answer wrongly", "[dag][damage]") { damage_and_ask(cut_off, 80); }

TEST_CASE("a graph whose state is gone or cut short is taken for an empty one", "[dag][damage]") {
  const std::size_t left = GENERATE(std::size_t{0}, std::size_t{8});
  const GraphDirectory directory;
  {
    Environment environment = deriva::test::open_environment(directory);
    Dag dag = Dag::open(environment).value();
    for (std::uint32_t n = 1; n <= 300; ++n) REQUIRE(dag.insert(k(n), Keys{k(n - 1)}).value());
  }
  Environment environment = deriva::test::open_environment(directory);
  const Result<void> damaged = environment.write([&](WriteTransaction& transaction) -> Result<void> {
    MDB_dbi unnamed = 0;
    std::string name = "dag.state";
    std::string bytes(left, '\1');
    MDB_val key{name.size(), name.data()};
    MDB_val value{bytes.size(), bytes.data()};
    REQUIRE(mdb_dbi_open(transaction.native(), nullptr, 0, &unnamed) == 0);
    REQUIRE(mdb_del(transaction.native(), unnamed, &key, nullptr) == 0);
    if (left > 0) REQUIRE(mdb_put(transaction.native(), unnamed, &key, &value, 0) == 0);
    return {};
  });
  REQUIRE(damaged.has_value());
  REQUIRE(Dag::open(environment).error().code() == deriva::Errc::corrupted);
}
