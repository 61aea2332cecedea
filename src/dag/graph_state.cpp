#include "dag/graph_state.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "storage/checksum.hpp"
#include "storage/environment_impl.hpp"
#include "storage/posix.hpp"

namespace deriva::detail::graph {

namespace {

constexpr const char* kinds[] = {"nodes.",   "lists.",          "near.",     "index.",  "index_recent.",
                                 "reverse.", "reverse_recent.", "payloads.", "records."};

bool has_table(const ReadTransaction& transaction, const std::string& name) {
  return get(transaction.native(), unnamed_table(transaction.native()), name).has_value();
}

std::uint64_t checksum_of(const GraphState& state) noexcept {
  return checksum(std::as_bytes(std::span(&state, 1)).first(offsetof(GraphState, checksum)), 0);
}

// Format 1 had a table "forward", and no state.
Result<void> refuse_first_format(Environment& environment, const std::string& prefix) {
  return environment.read([&](const ReadTransaction& transaction) {
    return guarded<void>([&]() -> Result<void> {
      if (has_table(transaction, prefix + "state") || !has_table(transaction, prefix + "forward")) return {};
      return Error(Errc::format_mismatch, "the graph has format 1, which was never released");
    });
  });
}

}  // namespace

std::vector<Environment::Impl::TableSpec> table_specs(const std::string& prefix) {
  std::vector<Environment::Impl::TableSpec> specs;
  for (const char* set : {"0", "1"}) {
    for (const char* kind : kinds) specs.push_back({prefix + kind + set, MDB_INTEGERKEY, 0});
  }
  return specs;
}

Result<GraphTables> open_tables(Environment& environment, const std::string& prefix) {
  const std::vector<Environment::Impl::TableSpec> specs = table_specs(prefix);
  const Result<bool> complete = environment.impl().has_tables(specs);
  if (!complete) return complete.error();
  if (!*complete) {
    if (auto usable = refuse_first_format(environment, prefix); !usable) return usable.error();
  }
  const Result<std::vector<MDB_dbi>> opened = environment.impl().tables(specs);
  if (!opened) return opened.error();
  const auto set = [](std::span<const MDB_dbi, std::size(kinds)> handles) {
    return TableSet{handles[0], handles[1], handles[2], handles[3], handles[4],
                    handles[5], handles[6], handles[7], handles[8]};
  };
  const std::span handles(*opened);
  return environment.read([&](const ReadTransaction& transaction) {
    return guarded<GraphTables>([&] {
      return GraphTables{unnamed_table(transaction.native()),
                         prefix + "state",
                         prefix + "open.keys",
                         prefix + "open.lists",
                         {set(handles.first<std::size(kinds)>()), set(handles.last<std::size(kinds)>())}};
    });
  });
}

GraphState check_state(BytesView bytes) {
  GraphState state;
  if (bytes.size() < 16) throw_corrupted("its state is missing");
  std::memcpy(static_cast<void*>(&state), bytes.data(), std::min(bytes.size(), sizeof(GraphState)));
  if (state.magic != GraphState::expected_magic) throw_corrupted("its state is not one");
  if (state.format != GraphState::current_format || bytes.size() != sizeof(GraphState)) {
    throw Failure{Error(Errc::format_mismatch, "the graph has format " + std::to_string(state.format) +
                                                   "; this version reads format " +
                                                   std::to_string(GraphState::current_format))};
  }
  if (state.checksum != checksum_of(state)) throw_corrupted("its state is not what was stored");
  if (state.key_size < 8 || state.key_size > 64) throw_corrupted("its key size is not from 8 to 64");
  if (state.next > max_nodes || state.merged > state.next || state.merged % state.shape().nodes() != 0) {
    throw_corrupted("its counts do not agree");
  }
  return state;
}

StoredState read_state(MDB_txn* transaction, const GraphTables& tables) {
  const BytesView bytes = get(transaction, tables.unnamed, tables.state).value_or(BytesView());
  return {check_state(bytes), bytes.data()};
}

bool has_state(MDB_txn* transaction, const GraphTables& tables) {
  if (get(transaction, tables.unnamed, tables.state)) return true;
  for (const TableSet& set : tables.sets) {
    if (table_size(transaction, set.nodes).entries > 0) throw_corrupted("its state is missing");
  }
  if (get(transaction, tables.unnamed, tables.open_keys)) throw_corrupted("its state is missing");
  return false;
}

GraphState finished(GraphState state) noexcept {
  ++state.changes;
  state.checksum = checksum_of(state);
  return state;
}

void write_state(WriteTransaction& transaction, const GraphTables& tables, const GraphState& state) {
  const GraphState stored = finished(state);
  put(transaction, tables.unnamed, tables.state, std::as_bytes(std::span(&stored, 1)));
}

void write_full_block(WriteTransaction& transaction, const GraphTables& tables, const GraphState& state, BytesView keys,
                      std::uint32_t number, const Block& block) {
  const MDB_dbi nodes = tables.of(state).nodes;
  const std::uint64_t key = 2 * std::uint64_t{number};
  put_sealed(transaction, nodes, key, state.seal(Part::addresses, number), keys, Place::last);
  put_sealed(transaction, nodes, key + 1, state.seal(Part::inputs, number), block.bytes(), Place::last);
}

void write_open_block(WriteTransaction& transaction, const GraphTables& tables, const GraphState& state, BytesView keys,
                      std::uint32_t number, const Block& block) {
  std::vector<std::byte> padded(keys.begin(), keys.end());
  padded.resize(block.shape().address_bytes());
  seal_into(reserve(transaction, tables.unnamed, tables.open_keys, Seal::size + padded.size()),
            state.seal(Part::addresses, number), padded);
  seal_into(reserve(transaction, tables.unnamed, tables.open_lists, Seal::size + block.bytes().size()),
            state.seal(Part::inputs, number), block.bytes());
}

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  const Result<void> done = random_bytes(std::as_writable_bytes(std::span(&bits, 1)));
  if (!done) throw Failure{done.error()};
  return bits;
}

std::uint64_t next_generation(std::uint64_t generation) {
  return ((generation >> 32U) + 1) << 32U | (random_bits() & 0xffffffffU);
}

}  // namespace deriva::detail::graph
