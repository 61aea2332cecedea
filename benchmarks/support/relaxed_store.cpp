#include "support/relaxed_store.hpp"

namespace bench {

deriva::Store open_relaxed(const std::filesystem::path& directory) {
  std::filesystem::remove_all(directory);
  deriva::StoreOptions options;
  options.environment.durability = deriva::Durability::relaxed;
  return deriva::Store::open(directory, options).value();
}

}  // namespace bench
