#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <stdlib.h>  // mkdtemp is POSIX, not std

#include <deriva/store/store.hpp>

#include "support/catch.hpp"

namespace deriva::test {

/// No test here is about a loss of power.
inline Store open_relaxed(const std::filesystem::path& directory) {
  StoreOptions options;
  options.environment.durability = Durability::relaxed;
  return Store::open(directory, options).value();
}

/// A store in a directory of its own, which is removed at the end.
class StoreFixture {
 public:
  StoreFixture() {
    std::string pattern = (std::filesystem::temp_directory_path() / "deriva-store-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    store.emplace(open());
  }
  StoreFixture(const StoreFixture&) = delete;
  StoreFixture& operator=(const StoreFixture&) = delete;
  ~StoreFixture() {
    store.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }

  Store open() const { return open_relaxed(directory); }
  void reopen() {
    store.reset();
    store.emplace(open());
  }
  /// The environment beneath, for what only an accident does to a store.
  Environment environment() const { return Environment::open(directory, {.durability = Durability::relaxed}).value(); }

  Lookup::Answer look_up(const Address& address) const {
    Lookup::Answer answer;
    auto visit = [&](std::size_t, Lookup::Answer one) { answer = std::move(one); };
    store->look_up({&address, 1}, visit).value();
    return answer;
  }

  std::filesystem::path directory;
  std::optional<Store> store;
};

inline Recipe recipe_of(std::string name, std::vector<Address> inputs = {}, Params params = {}) {
  return {{std::move(name), "1"}, std::move(inputs), std::move(params)};
}
inline Address named(std::string_view text) { return Address::of_leaf(as_bytes(text)); }
inline ComputedResult computed(const Address& address, std::string_view value) {
  return {address, Blob::copy_of(value), std::chrono::nanoseconds(42),
          std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(1'700'000'000'000'000'001))};
}

}  // namespace deriva::test
