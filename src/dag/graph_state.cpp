#include "dag/graph_state.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "storage/environment_impl.hpp"

namespace deriva::detail::graph {

namespace {

constexpr const char* kinds[] = {"nodes.",   "lists.",          "near.",     "index.",  "index_recent.",
                                 "reverse.", "reverse_recent.", "payloads.", "records."};

bool has_table(const ReadTransaction& transaction, const std::string& name) {
  MDB_dbi names = 0;
  if (mdb_dbi_open(transaction.native(), nullptr, 0, &names) != MDB_SUCCESS) return false;
  MDB_val key{name.size(), const_cast<char*>(name.data())};
  MDB_val value{};
  return mdb_get(transaction.native(), names, &key, &value) != MDB_NOTFOUND;
}

// Format 1 had a table "forward", and no state.
Result<void> refuse_first_format(Environment& environment, const std::string& prefix) {
  return environment.read([&](const ReadTransaction& transaction) -> Result<void> {
    if (has_table(transaction, prefix + "state") || !has_table(transaction, prefix + "forward")) return {};
    return Error(Errc::format_mismatch, "the graph has format 1, which was never released");
  });
}

}  // namespace

std::vector<Environment::Impl::TableSpec> table_specs(const std::string& prefix) {
  std::vector<Environment::Impl::TableSpec> specs = {{prefix + "state", MDB_INTEGERKEY, 0}};
  for (const char* set : {"0", "1"}) {
    for (const char* kind : kinds) specs.push_back({prefix + kind + set, MDB_INTEGERKEY, 0});
  }
  return specs;
}

Result<GraphTables> open_tables(Environment& environment, const std::string& prefix) {
  if (auto usable = refuse_first_format(environment, prefix); !usable) return usable.error();
  const Result<std::vector<MDB_dbi>> opened = environment.impl().tables(table_specs(prefix));
  if (!opened) return opened.error();
  const auto set = [](std::span<const MDB_dbi, std::size(kinds)> handles) {
    return TableSet{handles[0], handles[1], handles[2], handles[3], handles[4],
                    handles[5], handles[6], handles[7], handles[8]};
  };
  const std::span handles(*opened);
  return GraphTables{handles[0], {set(handles.subspan<1, std::size(kinds)>()), set(handles.last<std::size(kinds)>())}};
}

StoredState read_state(MDB_txn* transaction, const GraphTables& tables) {
  const std::optional<BytesView> bytes = get(transaction, tables.state, 0);
  if (!bytes || bytes->size() < 16) throw_corrupted("its state is missing");
  StoredState stored{{}, bytes->data()};
  std::memcpy(static_cast<void*>(&stored.state), bytes->data(), std::min(bytes->size(), sizeof(GraphState)));
  if (stored.state.magic != GraphState::expected_magic) throw_corrupted("its state is not one");
  if (stored.state.format != GraphState::current_format || bytes->size() != sizeof(GraphState)) {
    throw Failure{Error(Errc::format_mismatch, "the graph has format " + std::to_string(stored.state.format) +
                                                   "; this version reads format " +
                                                   std::to_string(GraphState::current_format))};
  }
  const GraphState& state = stored.state;
  if (state.key_size < 8 || state.key_size > 64) throw_corrupted("its key size is not from 8 to 64");
  if (state.next > max_nodes || state.merged > state.next || state.merged % state.shape().nodes() != 0) {
    throw_corrupted("its counts do not agree");
  }
  return stored;
}

bool has_state(MDB_txn* transaction, const GraphTables& tables) {
  return get(transaction, tables.state, 0).has_value();
}

void write_state(WriteTransaction& transaction, const GraphTables& tables, GraphState state) {
  ++state.changes;
  put(transaction, tables.state, 0, std::as_bytes(std::span(&state, 1)));
}

std::uint64_t random_bits() {
  std::random_device device;
  return std::uint64_t{device()} << 32U | device();
}

std::uint64_t next_generation(std::uint64_t generation) {
  return ((generation >> 32U) + 1) << 32U | (random_bits() & 0xffffffffU);
}

}  // namespace deriva::detail::graph
