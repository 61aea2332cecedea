// Computes 20 values in a store, with the probes attached. usage: usdt_sample STORE_DIRECTORY

#include <memory>
#include <vector>

#include <deriva/compute/function_registry.hpp>
#include <deriva/compute/sync_executor.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/usdt.hpp>
#include <deriva/store/store.hpp>

int main(int argc, char** argv) {
  using namespace deriva;
  if (argc != 2) return 2;
  const auto hub = std::make_shared<ObserverHub>();
  attach_usdt_probes(*hub).value();
  StoreOptions store_options;
  store_options.observers = hub;
  Store store = Store::open(argv[1], store_options).value();
  FunctionRegistry functions;
  functions.add({"resize", "1"}, [](std::span<const Blob>, const Params&) { return Blob::copy_of("small"); });
  functions.add({"join", "2"}, [](std::span<const Blob>, const Params&) { return Blob::copy_of("all"); });
  std::vector<Address> inputs;
  for (std::int64_t i = 0; i < 19; ++i) inputs.push_back(store.put_recipe({{"resize", "1"}, {}, {{"n", i}}}).value());
  const Address target = store.put_recipe({{"join", "2"}, inputs, {}}).value();
  SyncExecutor executor(store, functions, {.observers = hub});
  executor.materialize(target).value();
}
