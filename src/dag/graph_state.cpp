#include "dag/graph_state.hpp"

#include <cstring>
#include <random>
#include <string>

#include "storage/environment_impl.hpp"

namespace deriva::detail::graph {

namespace {

Result<MDB_dbi> open_table(Environment& environment, const std::string& name) {
  return environment.impl().table(name, MDB_INTEGERKEY, 0);
}

Result<TableSet> open_set(Environment& environment, const std::string& prefix, const std::string& suffix) {
  TableSet set{};
  const struct {
    const char* name;
    MDB_dbi* handle;
  } wanted[] = {{"nodes.", &set.nodes},
                {"lists.", &set.lists},
                {"near.", &set.near},
                {"index.", &set.index},
                {"index_recent.", &set.index_recent},
                {"reverse.", &set.reverse},
                {"reverse_recent.", &set.reverse_recent}};
  for (const auto& [name, handle] : wanted) {
    const Result<MDB_dbi> opened = open_table(environment, prefix + name + suffix);
    if (!opened) return opened.error();
    *handle = *opened;
  }
  return set;
}

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

Result<GraphTables> open_tables(Environment& environment, const std::string& prefix) {
  if (auto usable = refuse_first_format(environment, prefix); !usable) return usable.error();
  const Result<MDB_dbi> state = open_table(environment, prefix + "state");
  if (!state) return state.error();
  const Result<TableSet> first = open_set(environment, prefix, "0");
  if (!first) return first.error();
  const Result<TableSet> second = open_set(environment, prefix, "1");
  if (!second) return second.error();
  return GraphTables{*state, {*first, *second}};
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

}  // namespace deriva::detail::graph
