// Prints the graph of a small store for Graphviz: leaves, results, what is missing, and names with everything in them.
// usage: dot_sample STORE_DIRECTORY

#include <cstdio>
#include <vector>

#include <deriva/observe/explain.hpp>
#include <deriva/store/store.hpp>

int main(int argc, char** argv) {
  using namespace deriva;
  if (argc != 2) return 2;
  Store store = Store::open(argv[1]).value();
  const Address leaf = store.put_leaf(as_bytes("leaf")).value();
  const Address done = store.put_recipe({{"done", "1"}, {leaf}, {}}).value();
  const ComputedResult result{done, Blob::copy_of("value"), std::chrono::nanoseconds(1), {}};
  store.put_results({&result, 1}).value();
  std::vector<Address> many = {done, Address::of_leaf(as_bytes("missing"))};
  for (int i = 0; i < 40; ++i) many.push_back(store.put_leaf(as_bytes(std::to_string(i))).value());
  const Address target = store.put_recipe({{"\"quoted\" \\ <b>\n\x01\xff", "{1}|"}, many, {}}).value();
  std::fputs(to_dot(store, target, {.nodes = 20}).value().c_str(), stdout);
}
