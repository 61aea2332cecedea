#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <unordered_map>

#include <deriva/core/address.hpp>
#include <deriva/core/digest.hpp>

#include "scan.hpp"

namespace merkle {

/// Remembers, from run to run, the leaf that a file was, so that a file which was not touched need not be read again.
///
/// A stamp is trusted only if it was older than the run that recorded it, by more than the file system's clock can
/// resolve: a file that was written while that run read it may change again without showing it (git calls such an entry
/// racily clean). Files on other file systems than the directory itself, and on file systems that keep another
/// machine's time, are not remembered. Losing the cache costs time only; a damaged one is taken for an empty one.
class StatCache {
 public:
  /// Reads the cache. `directory` is what is scanned; call this before scanning it.
  [[nodiscard]] static StatCache load(std::filesystem::path file, const std::filesystem::path& directory);

  /// The leaf that the file with this stamp was.
  [[nodiscard]] std::optional<deriva::Address> find(const Stamp& stamp) const;

  /// Replaces the content of the cache on disk by these files, in one step. A failure is ignored.
  void save(const Scan& scan, std::span<const deriva::Address> leaves) const;

 private:
  struct Known {
    Stamp stamp;
    deriva::Address leaf;
  };
  [[nodiscard]] bool is_settled(const Stamp& stamp) const noexcept;

  std::filesystem::path file_;
  std::optional<std::uint64_t> device_;  ///< Of the files that are remembered; none: nothing is.
  std::int64_t begun_ns_ = 0;            ///< When this run began, by the clock that stamps files.
  std::unordered_map<std::uint64_t, Known> by_inode_;
};

}  // namespace merkle
