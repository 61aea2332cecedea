#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <deriva/core/address.hpp>

#include "dag/workload.hpp"

namespace bench {

/// Something that keeps the graph in a directory, or in memory. All members throw when they fail.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  /// Adds new entries in one transaction. Checks that each is new, looks up every input, and keeps both directions;
  /// raw LMDB only puts.
  virtual void insert(std::span<const Entry> entries) = 0;
  /// How many inputs the key has, all of them read.
  virtual std::size_t inputs(const deriva::Address& key) = 0;
  /// Removes entries that nothing depends on, in one transaction.
  virtual void remove(std::span<const deriva::Address> keys) = 0;

  // Not of raw LMDB, which has one direction only
  /// How many dependents the key has, all of them read.
  virtual std::size_t dependents(const deriva::Address& key);
  /// Visits every recipe, dependencies first; returns how many it visited.
  virtual std::size_t topological_order();
  /// Visits all that depends on the key; returns how many it visited.
  virtual std::size_t transitive_dependents(const deriva::Address& key);

  /// Entries whose index is not merged into the disk's yet, if the engine has and knows such.
  virtual std::optional<std::size_t> tail() { return std::nullopt; }
  /// Packs what is stored. False: the engine does not do that.
  virtual bool compact() { return false; }
};

enum class Commits : std::uint8_t {
  durable,  ///< Survive a loss of power.
  relaxed,  ///< Survive a crash of the process.
};

struct DiskUsage {
  double file = 0;
  double live = 0;
};

struct EngineKind {
  std::string name;
  bool on_disk = true;
  bool walks = true;  ///< Has both directions.
  std::function<std::unique_ptr<Engine>(const std::filesystem::path& directory, Commits commits)> open;
  /// Bytes on the disk, when nobody has it open.
  std::function<DiskUsage(const std::filesystem::path& directory)> disk;
};

[[nodiscard]] EngineKind deriva_engine();
[[nodiscard]] EngineKind raw_lmdb_engine();
/// boost::unordered_flat_map with interned ids. In memory: `open` reads the entries that `keep_entries` left.
[[nodiscard]] EngineKind flat_map_engine();
/// std::unordered_map from address to addresses, in both directions; otherwise as `flat_map_engine`.
[[nodiscard]] EngineKind unordered_map_engine();

/// Writes entries to a file for the engines in memory to be rebuilt from.
void keep_entries(const std::filesystem::path& directory, std::span<const Entry> entries);
/// Reads them back in batches; does nothing if there is no such file.
void read_entries(const std::filesystem::path& directory, const std::function<void(std::span<const Entry>)>& visit);

/// Size of all files in a directory.
[[nodiscard]] double bytes_in(const std::filesystem::path& directory);

}  // namespace bench
