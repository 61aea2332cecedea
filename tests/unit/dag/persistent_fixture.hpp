#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <stdlib.h>  // mkdtemp is POSIX, not std

#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/environment.hpp>

#include "unit/dag/dag_fixture.hpp"

namespace deriva::test {

/// A directory of its own, removed at the end.
class GraphDirectory {
 public:
  GraphDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "deriva-dag-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  GraphDirectory(const GraphDirectory&) = delete;
  GraphDirectory& operator=(const GraphDirectory&) = delete;
  ~GraphDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// No test here is about a loss of power.
inline Environment open_environment(const GraphDirectory& directory) {
  EnvironmentOptions options;
  options.durability = Durability::relaxed;
  return Environment::open(directory.path(), options).value();
}

/// A graph in a directory of its own, which can be closed and opened again.
template <DagKey K, std::size_t lru_entries = 1'000>
struct PersistentFixture : KeyFixture<K> {
  using Dag = PersistentDag<K>;

  GraphDirectory directory;
  std::optional<Environment> environment = open_environment(directory);
  Dag dag = open();

  Dag open() {
    PersistentDagOptions options;
    options.lru_entries = lru_entries;
    return Dag::open(*environment, std::move(options)).value();
  }
  void reopen() {
    {
      const Dag closed = std::move(dag);  // with its hold on the environment
      environment.reset();
    }
    environment.emplace(open_environment(directory));
    dag = open();
  }
};

}  // namespace deriva::test
