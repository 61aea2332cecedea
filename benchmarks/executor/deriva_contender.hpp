#pragma once

#include <filesystem>
#include <optional>

#include <deriva/compute/executor_options.hpp>
#include <deriva/core/address.hpp>
#include <deriva/store/store.hpp>

#include "executor/contender.hpp"

namespace bench {

/// What becomes of the results.
enum class Keep : std::uint8_t {
  memory,   ///< They are the executor's, and go with it.
  relaxed,  ///< Stored, with Durability::relaxed, when the time stops.
  sync,     ///< Stored and flushed to the disk when the time stops.
};

/// Whether executors can leave results unstored. If not, Keep::memory stores them, too.
[[nodiscard]] bool keeps_in_memory();

/// Our executor on a store that has the graph's recipes; a time is from making the executor to its end. Results that
/// are stored go to a new store every time. 0 threads: SyncExecutor.
class DerivaContender {
 public:
  /// `directory` is used until the end. It is emptied first, unless results stay in memory and another one of this
  /// graph has made it.
  DerivaContender(const WorkGraph& graph, std::filesystem::path directory, Keep keep);

  double operator()(Job& job, std::size_t threads);

 private:
  bool stores() const;
  void open();
  void renew();

  const WorkGraph& graph_;
  const std::filesystem::path directory_;
  const Keep keep_;
  bool used_ = false;
  deriva::Address target_;
  std::optional<deriva::Store> store_;
};

}  // namespace bench
