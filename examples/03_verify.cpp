// A function whose value is not determined by its inputs is found out, before anybody relies on it.

#include <atomic>
#include <iostream>
#include <span>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include <deriva/deriva.hpp>

namespace {

using namespace deriva;

std::atomic<int> serial_number{0};

// The same inputs, another value each time. Less obvious cases: the time, an address in memory, the order of a hash
// table, a sum of floating-point numbers whose order depends on threads.
Blob numbered(std::span<const Blob> inputs, const Params&) {
  return Blob::adopt("no. " + std::to_string(++serial_number) + ": " + std::string(as_text(inputs[0])));
}

Blob reversed(std::span<const Blob> inputs, const Params&) {
  const std::string_view text = as_text(inputs[0]);
  return Blob::adopt(std::string(text.rbegin(), text.rend()));
}

void print_value(Executor<FunctionRegistry>& executor, const Address& address, Verify verify) {
  Outcome outcome;
  MaterializeOptions options;
  options.verify = verify;
  options.outcome = &outcome;
  const Result<Blob> value = executor.materialize(address, options);
  if (value) {
    std::cout << as_text(*value) << " (" << outcome.verified << " of " << outcome.computed << " verified)\n";
  } else {
    std::cout << value.error().code() << ": " << *value.error().function() << '\n';
  }
}

}  // namespace

int main() {
  FunctionRegistry functions;
  functions.add({"numbered", "1"}, numbered);
  functions.add({"reversed", "1"}, reversed);

  Store store = Store::open("03_verify.store").value();
  const Address leaf = store.put_leaf(as_bytes("stressed")).value();
  const Address good = store.put_recipe({{"reversed", "1"}, {leaf}, {}}).value();
  const Address bad = store.put_recipe({{"numbered", "1"}, {good}, {}}).value();

  boost::asio::thread_pool threads;
  const ExecutorOptions options{.observers = observers_from_environment(store).value()};
  Executor executor(threads.get_executor(), store, functions, options);
  print_value(executor, good, Verify::always());
  print_value(executor, bad, Verify::always());  // Both runs are compared. Nothing was stored:
  std::cout << (store.value(bad).value() ? "stored" : "not stored") << '\n';
}

// Prints:
//   desserts (1 of 1 verified)
//   not_deterministic: numbered/1
//   not stored
//
// Prints, the second time:
//   desserts (0 of 0 verified)
//   not_deterministic: numbered/1
//   not stored
