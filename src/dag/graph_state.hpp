#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <deriva/storage/environment.hpp>

#include "dag/block.hpp"
#include "dag/sealed.hpp"
#include "storage/environment_impl.hpp"
#include "storage/table_access.hpp"

namespace deriva::detail::graph {

/// The one record `dag.state`, as it is stored (docs/graph-format.md).
struct GraphState {
  static constexpr std::uint64_t expected_magic = 0x3130474144565244U;  // "DRVDAG01"
  static constexpr std::uint32_t current_format = 4;

  std::uint64_t magic = expected_magic;
  std::uint32_t format = current_format;
  std::uint32_t key_size = 0;
  std::array<std::uint64_t, 2> seed{};  ///< of `KeyHash`
  std::uint64_t stamp = 0;              ///< random, another one for every change: equal stamps, equal graphs
  std::uint64_t generation = 0;         ///< another one whenever ids change their meaning; see `next_generation`
  std::uint64_t tail_epoch = 0;         ///< changes with everything that happens to the tail except appending
  Id next = 0;                          ///< ids below this are given
  Id merged = 0;                        ///< ids below this are in index and reverse; a multiple of a block
  std::uint32_t table_set = 0;          ///< which of the two sets of tables is in use
  std::uint32_t late = 0;               ///< 1: some edge runs to a higher id
  std::uint64_t recipes = 0;            ///< live nodes with an entry
  std::uint64_t unknown = 0;            ///< live nodes without
  std::uint64_t dead = 0;
  std::uint64_t edges = 0;    ///< of live entries, repetitions included
  std::uint64_t content = 0;  ///< sum of their `EntryDigest`s
  std::uint64_t index_position = 0;
  std::uint64_t index_recent = 0;  ///< values in the set
  std::uint64_t index_main = 0;
  std::uint64_t reverse_position = 0;
  std::uint64_t reverse_recent = 0;
  std::uint64_t reverse_main = 0;
  std::uint64_t restoring = 0;  ///< 1: `restore` has begun and not ended
  std::uint64_t restored = 0;   ///< entries of the range that it has taken
  std::uint64_t changes = 0;    ///< how often the record was written: numbers the states of the graph
  std::uint64_t log = 0;        ///< random, another one whenever the log is written anew: part of every `Seal`
  std::uint64_t checksum = 0;   ///< of what is before it

  BlockShape shape() const noexcept { return BlockShape(key_size); }
  /// Nodes in a block: of all but the last one as many as it can have.
  std::uint32_t nodes_in(std::uint32_t block) const noexcept {
    return std::min(shape().nodes(), next - shape().first_of(block));
  }
  Seal seal(Part part, std::uint32_t number) const noexcept { return {log, part, number}; }
};
static_assert(std::is_trivially_copyable_v<GraphState> && std::has_unique_object_representations_v<GraphState>);
static_assert(sizeof(GraphState) == 200);

/// The tables that hold one generation of a graph.
struct TableSet {
  MDB_dbi nodes;           ///< 2 * block: addresses; 2 * block + 1: inputs
  MDB_dbi lists;           ///< id: inputs that are too long for a block
  MDB_dbi near;            ///< block: dependents within the segment that was merged at the same time
  MDB_dbi index;           ///< set of hash << 32 | id
  MDB_dbi index_recent;    ///< its first level
  MDB_dbi reverse;         ///< set of input << 32 | dependent
  MDB_dbi reverse_recent;  ///< its first level
  MDB_dbi payloads;        ///< `payload_key`: payloads of a block; `long_payload_key`: one that is too long for it
  MDB_dbi records;         ///< id: record
};

struct GraphTables {
  MDB_dbi unnamed;         ///< holds the next three values, which every commit changes
  std::string state;       ///< name of the state record
  std::string open_keys;   ///< of the addresses of the block that is not full
  std::string open_lists;  ///< of its inputs
  std::array<TableSet, 2> sets;

  const TableSet& of(const GraphState& state_record) const noexcept { return sets[state_record.table_set & 1U]; }
};

/// The tables of a graph, for those who open several things in one transaction.
std::vector<Environment::Impl::TableSpec> table_specs(const std::string& prefix);

/// Opens the tables, and creates those that are missing. Errors: `format_mismatch` when there is a graph of format 1.
Result<GraphTables> open_tables(Environment& environment, const std::string& prefix);

/// The state as the transaction sees it, and where it lies. `Failure`: `corrupted`, `format_mismatch`.
struct StoredState {
  GraphState state;
  const void* at;
};
StoredState read_state(MDB_txn* transaction, const GraphTables& tables);
/// Errors: `corrupted` when there is none, but a graph.
bool has_state(MDB_txn* transaction, const GraphTables& tables);
/// The state that these bytes are. `Failure`: as `read_state`.
GraphState check_state(BytesView bytes);
/// As it is to be stored: the change is counted, and the checksum is right.
GraphState finished(GraphState state) noexcept;
void write_state(WriteTransaction& transaction, const GraphTables& tables, const GraphState& state);

/// A block that is full, the last one of the log. `keys`: of all its nodes.
void write_full_block(WriteTransaction& transaction, const GraphTables& tables, const GraphState& state, BytesView keys,
                      std::uint32_t number, const Block& block);

/// The block that is not full: it lies apart, so that a small commit changes nothing of `nodes`. `keys`: of its nodes.
void write_open_block(WriteTransaction& transaction, const GraphTables& tables, const GraphState& state, BytesView keys,
                      std::uint32_t number, const Block& block);

/// 64 random bits for stamps and seeds. One call of the system: a `std::random_device` would cost more
/// than the rest of a small commit.
std::uint64_t random_bits();
/// A larger one, which no other transaction gives, not even one that is undone: the upper half counts, the lower half
/// is random.
std::uint64_t next_generation(std::uint64_t generation);

}  // namespace deriva::detail::graph
