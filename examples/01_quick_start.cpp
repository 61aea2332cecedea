// Leaves, recipes, and their values: what is in a text, word by word.

#include <algorithm>
#include <iostream>
#include <iterator>
#include <set>
#include <span>
#include <sstream>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include <deriva/deriva.hpp>

namespace {

using namespace deriva;

// A function sees the values of its inputs and the params of its recipe, and nothing else: its value depends on
// nothing else.
Blob words(std::span<const Blob> inputs, const Params& params) {
  const auto shortest = static_cast<std::size_t>(std::get<std::int64_t>(params.at("shortest")));
  std::istringstream text{std::string(as_text(inputs[0]))};
  const std::set<std::string> all{std::istream_iterator<std::string>(text), {}};
  std::string lines;
  for (const std::string& word : all) {
    if (word.size() >= shortest) lines += word + '\n';
  }
  return Blob::adopt(std::move(lines));
}

// A function may fail. Nothing is stored then, and the request gets the error.
Result<Blob> common_lines(std::span<const Blob> inputs, const Params&) {
  if (inputs.size() != 2) return Error(Errc::invalid_argument, "common-lines compares two texts");
  std::istringstream first{std::string(as_text(inputs[0]))};
  std::istringstream second{std::string(as_text(inputs[1]))};
  using Lines = std::istream_iterator<std::string>;
  std::ostringstream common;
  std::set_intersection(Lines(first), {}, Lines(second), {}, std::ostream_iterator<std::string>(common, "\n"));
  return Blob::adopt(std::move(common).str());
}

void print_value(Executor<FunctionRegistry>& executor, const Address& address) {
  Outcome outcome;
  MaterializeOptions options;
  options.outcome = &outcome;
  if (const Result<Blob> value = executor.materialize(address, options)) {
    std::cout << as_text(*value) << "computed " << outcome.computed << ", reused " << outcome.reused << '\n';
  } else {
    std::cout << value.error().code() << '\n';
  }
}

}  // namespace

int main() {
  FunctionRegistry functions;
  functions.add({"words", "1"}, words);
  functions.add({"common-lines", "1"}, common_lines);

  Store store = Store::open("01_quick_start.store").value();
  const Address rhyme = store.put_leaf(as_bytes("how much wood would a woodchuck chuck")).value();
  const Address reason = store.put_leaf(as_bytes("as much wood as a woodchuck could")).value();

  // A recipe's address follows from what it says: describing the same value again gives the same address.
  const Params long_ones{{"shortest", std::int64_t{4}}};
  const Address rhyme_words = store.put_recipe({{"words", "1"}, {rhyme}, long_ones}).value();
  const Address reason_words = store.put_recipe({{"words", "1"}, {reason}, long_ones}).value();
  const Address common = store.put_recipe({{"common-lines", "1"}, {rhyme_words, reason_words}, {}}).value();

  boost::asio::thread_pool threads;
  // DERIVA_TRACE=file: a timeline of what happens.
  const ExecutorOptions options{.observers = observers_from_environment(store).value()};
  Executor executor(threads.get_executor(), store, functions, options);
  print_value(executor, common);
  print_value(executor, common);  // It is stored now, and was kept in memory, too.

  // An input may be anything that has an address, of which nobody knows yet.
  const Address unknown = Address::of_leaf(as_bytes("a text that nobody has put into the store"));
  print_value(executor, store.put_recipe({{"words", "1"}, {unknown}, long_ones}).value());
}

// Prints:
//   much
//   wood
//   woodchuck
//   computed 3, reused 2
//   much
//   wood
//   woodchuck
//   computed 0, reused 1
//   not_found
//
// Prints, the second time:
//   much
//   wood
//   woodchuck
//   computed 0, reused 1
//   much
//   wood
//   woodchuck
//   computed 0, reused 1
//   not_found
