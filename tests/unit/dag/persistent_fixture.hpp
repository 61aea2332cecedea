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

/// No test here is about a loss of power: what is durable at once is so because only that goes to the journal.
inline Environment open_environment(const GraphDirectory& directory, Durability durability = Durability::relaxed) {
  EnvironmentOptions options;
  options.durability = durability;
  return Environment::open(directory.path(), options).value();
}

/// A graph in a directory of its own, which can be closed and opened again.
template <DagKey K, std::size_t lru_entries = 1'000, Durability durability = Durability::relaxed>
struct PersistentFixture : KeyFixture<K> {
  using Dag = PersistentDag<K>;

  GraphDirectory directory;
  std::optional<Environment> environment = open_environment(directory, durability);
  Dag dag = open();

  Dag open() {
    PersistentDagOptions options;
    options.lru_entries = lru_entries;
    options.journal_after = 0;
    return Dag::open(*environment, std::move(options)).value();
  }
  void reopen() {
    {
      const Dag closed = std::move(dag);  // with its hold on the environment
      environment.reset();
    }
    environment.emplace(open_environment(directory, durability));
    dag = open();
  }
};

/// One whose second small change in a row goes to the journal, and those after it.
template <DagKey K>
using JournaledFixture = PersistentFixture<K, 0, Durability::sync>;

}  // namespace deriva::test
