#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/store/store.hpp>

#include "scan.hpp"
#include "stat_cache.hpp"
#include "workers.hpp"

namespace merkle {

/// The leaves of the files of a scan.
struct Leaves {
  std::vector<deriva::Address> addresses;  ///< One for each of `Scan::files`.
  std::vector<bool> are_stored;            ///< Known to be in the store, because this run put them there.
};

/// Turns files into leaves, on all threads: reads them in batches of a few MiB, and puts each batch into the store in
/// one transaction.
class LeafReader {
 public:
  /// `on_read`, called on the threads, tells how many more files were read.
  LeafReader(deriva::Store& store, std::string root, Workers& workers, std::function<void(std::size_t)> on_read)
      : store_(store), root_(std::move(root)), workers_(workers), on_read_(std::move(on_read)) {}

  /// The leaf of every file. Reads, and stores, those that the cache does not know. A stamp in `scan` is brought up to
  /// date when the file has changed since. Errors: throws `Problems`, also for a file that changes while it is read.
  [[nodiscard]] Leaves read(Scan& scan, const StatCache& cache) const;

  /// Stores the leaves of these files again: they are in `leaves`, and not in the store. Errors: as `read`.
  void restore(Scan& scan, std::span<const std::size_t> files, Leaves& leaves) const;

 private:
  void put(Scan& scan, std::span<const std::size_t> files, std::vector<deriva::Address>& addresses) const;

  deriva::Store& store_;
  std::string root_;
  Workers& workers_;
  std::function<void(std::size_t)> on_read_;
};

}  // namespace merkle
