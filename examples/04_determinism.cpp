// Six functions that are not deterministic, each in one of the usual ways, and how each is found.
// docs/determinism.md explains them and shows what this program prints.

#include <chrono>
#include <cstring>
#include <iostream>
#include <locale>
#include <numeric>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include <deriva/deriva.hpp>

namespace {

using namespace deriva;
using Inputs = std::span<const Blob>;

// Unordered iteration: the order of a hash table is nobody's promise, and many give every table a seed of its own.
struct Seeded {
  std::size_t seed;
  std::size_t operator()(const std::string& word) const { return std::hash<std::string>{}(word) * (2 * seed + 1); }
};
Blob list_words(Inputs inputs, const Params&) {
  static std::size_t tables = 0;
  std::unordered_set<std::string, Seeded> words(8, Seeded{tables++});
  std::istringstream text(std::string(as_text(inputs[0])));
  for (std::string word; text >> word;) words.insert(word);
  std::string list;
  for (const std::string& word : words) list += word + ' ';
  return Blob::adopt(std::move(list));
}

// A clock: when something was made is not part of what it is.
Blob stamp(Inputs inputs, const Params&) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  return Blob::adopt(std::string(as_text(inputs[0])) + " built at " + std::to_string(now));
}

// A locale: the first use of the report module changes how every later number is written.
struct Grouped : std::numpunct<char> {
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};
Blob count_bytes(Inputs inputs, const Params&) {
  std::ostringstream report;
  report << inputs[0].size() * 1'000 << " millibytes";
  std::locale::global(std::locale(std::locale(), new Grouped));
  return Blob::adopt(report.str());
}

// Reassociation: sums of floating-point numbers depend on how they are cut into parts, and this one tunes itself.
Blob sum(Inputs inputs, const Params&) {
  static std::size_t parts = 1;
  std::vector<float> partial(parts++, 0.0F);
  for (std::size_t i = 0; i < inputs[0].size(); ++i) partial[i % partial.size()] += 1.0F / static_cast<float>(i + 1);
  const float total = std::accumulate(partial.begin(), partial.end(), 0.0F);
  std::string bytes(sizeof(total), '\0');
  std::memcpy(bytes.data(), &total, sizeof(total));
  return Blob::adopt(std::move(bytes));
}

// Bytes that nobody wrote: a buffer that is used again still has the end of what was there before.
Blob fill_record(Inputs inputs, const Params&) {
  static char buffer[16] = {};
  const std::string_view text = as_text(inputs[0]).substr(0, 8);
  std::memcpy(buffer, text.data(), text.size());
  Blob record = Blob::copy_of(std::string_view(buffer, sizeof(buffer)));
  std::memcpy(buffer + 8, text.data(), text.size());  // "The next one starts behind."
  return record;
}

// Right nearly always. Two runs agree; five hundred do not.
Blob flip_rarely(Inputs inputs, const Params&) {
  static int calls = 0;
  return ++calls % 300 == 0 ? Blob::copy_of("wrong") : inputs[0];
}

}  // namespace

int main() {
  FunctionRegistry functions;
  functions.add({"list-words", "1"}, list_words);
  functions.add({"stamp", "1"}, stamp);
  functions.add({"count-bytes", "1"}, count_bytes);
  functions.add({"sum", "1"}, sum);
  functions.add({"fill-record", "1"}, fill_record);
  functions.add({"flip-rarely", "1"}, flip_rarely);

  Store store = Store::open("04_determinism.store").value();
  const Address text = store.put_leaf(as_bytes("the quick brown fox jumps over the lazy dog and runs away")).value();
  boost::asio::thread_pool threads(1);
  ExecutorOptions one_at_a_time;  // These functions are not safe to run twice at once, either.
  one_at_a_time.concurrency = 1;
  one_at_a_time.observers = observers_from_environment(store).value();
  {
    Executor executor(threads.get_executor(), store, functions, one_at_a_time);
    MaterializeOptions twice;
    twice.verify = Verify::always();
    for (const char* name : {"list-words", "stamp", "count-bytes", "sum", "fill-record", "flip-rarely"}) {
      const Address recipe = store.put_recipe({{name, "1"}, {text}, {}}).value();
      const Result<Blob> value = executor.materialize(recipe, twice);
      std::cout << name << ": " << (value ? "two runs agree" : to_string(value.error().code())) << '\n';
    }
  }

  AuditOptions often;
  often.executions = 500;
  const AuditReport report = audit(threads.get_executor(), store, functions, often).value();
  for (const AuditFinding& finding : report.findings) {
    std::cout << "audit: " << finding.function.name << ' ' << to_string(finding.outcome) << '\n';
  }
  std::cout << store.ledger().diverged().value().size() << " recipes diverged\n";
}

// Prints:
//   list-words: not_deterministic
//   stamp: not_deterministic
//   count-bytes: not_deterministic
//   sum: not_deterministic
//   fill-record: not_deterministic
//   flip-rarely: two runs agree
//   audit: flip-rarely diverged
//   6 recipes diverged
