#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <deriva/core/address.hpp>

namespace bench {

/// What was asked of a cache, one after the other: each time the value is not there it has to be computed.
struct Trace {
  struct Item {
    deriva::Address address;
    std::size_t size;
    std::uint64_t compute_ns;
  };
  std::string name;
  std::vector<Item> items;
  std::vector<std::uint32_t> accesses;  ///< Numbers of items.
  std::size_t capacity = 0;             ///< Of the cache, in bytes.
};

/// Popularity by Zipf's law, sizes and costs of values that differ by orders of magnitude and independently.
[[nodiscard]] Trace zipf_trace();
/// The same popularity, but all values alike: what is left is how often and how lately they were used.
[[nodiscard]] Trace uniform_trace();
/// As `uniform`, and other values become the popular ones from time to time.
[[nodiscard]] Trace shift_trace();
/// A small set that is used all the time, and between its uses values that are seen once, in long runs.
[[nodiscard]] Trace scan_trace();
/// The same values in the same order, again and again, twice as many as fit.
[[nodiscard]] Trace loop_trace();
/// Recorded: the Merkle tree of a directory is computed, and again after each of many small changes to its files; a
/// computation asks for its inputs. Costs are what hashing the files and directories took.
[[nodiscard]] Trace merkle_trace(const std::filesystem::path& tree, const std::filesystem::path& scratch);

}  // namespace bench
