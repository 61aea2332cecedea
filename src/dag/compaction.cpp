#include "dag/compaction.hpp"

#include <algorithm>

#include "dag/graph_check.hpp"
#include "dag/id_set.hpp"
#include "dag/near_edges.hpp"
#include "dag/payload_block.hpp"
#include "dag/walk.hpp"

namespace deriva::detail::graph {

namespace {

using Values = std::vector<std::uint64_t>;

// Writes a log from its beginning.
class LogWriter {
 public:
  LogWriter(WriteTransaction& transaction, const GraphTables& tables, const GraphState& state)
      : transaction_(transaction),
        tables_(tables),
        state_(state),
        set_(tables.of(state)),
        block_(state.shape()),
        payloads_(state.shape()) {}

  Id next() const noexcept { return next_; }

  // Copies the views before it changes a table, since that may end them.
  void append(BytesView key, bool has_entry, std::span<const Id> inputs, BytesView payload) {
    keys_.insert(keys_.end(), key.begin(), key.end());
    const bool payload_fits = payload.empty() || payloads_.set(block_.count(), payload);
    if (!payload_fits) long_payload_.assign(payload.begin(), payload.end());
    has_payloads_ = has_payloads_ || !payload.empty();
    if (!block_.append(next_, has_entry, inputs)) {
      put_sealed(transaction_, set_.lists, next_, state_.seal(Part::list, next_), std::as_bytes(inputs), Place::last);
    }
    if (!payload_fits) {
      put_sealed(transaction_, set_.payloads, long_payload_key(block_.shape(), next_),
                 state_.seal(Part::payload, next_), long_payload_);
    }
    ++next_;
    if (block_.full()) flush();
  }

  void flush() {
    if (block_.count() == 0) return;
    const std::uint32_t number = block_.shape().block_of(next_ - 1);
    if (block_.full()) {
      write_full_block(transaction_, tables_, state_, keys_, number, block_);
    } else {
      write_open_block(transaction_, tables_, state_, keys_, number, block_);
    }
    if (has_payloads_) {
      put_sealed(transaction_, set_.payloads, payload_key(number), state_.seal(Part::payloads, number),
                 payloads_.bytes());
    }
    keys_.clear();
    block_ = Block(block_.shape());
    payloads_ = PayloadBlock(block_.shape());
    has_payloads_ = false;
  }

 private:
  WriteTransaction& transaction_;
  const GraphTables& tables_;
  const GraphState& state_;
  const TableSet& set_;
  Block block_;
  PayloadBlock payloads_;
  bool has_payloads_ = false;
  std::vector<std::byte> keys_;
  std::vector<std::byte> long_payload_;
  Id next_ = 0;
};

// What stays, in topological order.
std::vector<Id> order_of_survivors(GraphView& view) {
  const Id next = view.state().next;
  IdSet needed(next);
  for (Id id = 0; id < next; ++id) {
    if (view.is_dead(id)) continue;
    view.for_each_input(id, [&](Id input) { return needed.insert(input), true; });
  }
  std::vector<Id> order;
  auto note = [&](Id id) {
    if (view.has_entry(id) || needed.contains(id) || !view.record(id).empty()) order.push_back(id);
    return true;
  };
  if (view.state().late != 0) {
    visit_sorted(view, note);
    return order;
  }
  for (Id id = 0; id < next; ++id) {
    if (!view.is_dead(id)) note(id);
  }
  return order;
}

void copy_log(WriteTransaction& transaction, const GraphTables& tables, const GraphState& state, GraphView& view,
              const std::vector<Id>& order) {
  std::vector<Id> renumbered(view.state().next);
  std::vector<Id> inputs;
  std::vector<std::byte> record;
  const TableSet& set = tables.of(state);
  LogWriter log(transaction, tables, state);
  for (const Id id : order) {
    inputs.clear();
    view.for_each_input(id, [&](Id input) { return inputs.push_back(renumbered[input]), true; });
    renumbered[id] = log.next();
    log.append(view.key(id), view.has_entry(id), inputs, view.payload(id));
    const BytesView before = view.record(id);
    record.assign(before.begin(), before.end());  // the view may end with the next change
    const Id now = renumbered[id];
    if (!record.empty()) put_sealed(transaction, set.records, now, state.seal(Part::record, now), record, Place::last);
  }
  log.flush();
}

void clear_derived(WriteTransaction& transaction, const TableSet& tables) {
  for (const MDB_dbi table : {tables.near, tables.index, tables.index_recent, tables.reverse, tables.reverse_recent}) {
    graph::clear(transaction, table);
  }
}

void clear_set(WriteTransaction& transaction, const TableSet& tables) {
  for (const MDB_dbi table : {tables.nodes, tables.lists, tables.payloads, tables.records}) {
    graph::clear(transaction, table);
  }
  clear_derived(transaction, tables);
}

std::uint64_t fill(WriteTransaction& transaction, MDB_dbi table, const Values& values) {
  auto at = values.begin();
  return PackedSet::fill(transaction, table, [&]() -> std::optional<std::uint64_t> {
    if (at == values.end()) return std::nullopt;
    return *at++;
  });
}

// Fills the empty tables of index and reverse from the log.
void write_derived(WriteTransaction& transaction, const GraphTables& tables, GraphState& state) {
  const BlockShape shape = state.shape();
  state.merged = state.next - shape.slot_of(state.next);
  Session session;
  session.state = state;
  Staging none;
  none.first_key = state.next;
  GraphView view(transaction.native(), tables, session, none, 0);

  Values index;
  Values edges;
  state.late = 0;
  view.for_each_block(0, [&](std::uint32_t number, const std::byte* keys, const BlockView& block) {
    const Id first = shape.first_of(number);
    block.read_all_lists([&](std::uint32_t slot, EncodedList& list) {
      const Id id = first + slot;
      const bool skipped = block.is_dead(slot) || id >= state.merged;
      if (!skipped) {
        const BytesView key(keys + std::size_t{slot} * shape.key_size(), shape.key_size());
        index.push_back(std::uint64_t{view.hash(key)} << 32U | id);
      }
      view.for_each_input(id, list, [&](Id input) {
        if (input > id && !block.is_dead(slot)) state.late = 1;
        if (!skipped) edges.push_back(std::uint64_t{input} << 32U | id);
        return true;
      });
    });
    return true;
  });
  radix_sort(index);
  radix_sort(edges);
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  const TableSet& set = tables.of(state);
  const Values far = store_near(transaction, set, state, {0, state.merged}, edges);
  state.index_main = fill(transaction, set.index, index);
  state.reverse_main = fill(transaction, set.reverse, far);
  state.index_recent = state.index_position = state.reverse_recent = state.reverse_position = 0;
}

}  // namespace

DagCompaction compact(WriteTransaction& transaction, const GraphTables& tables, GraphView& view, GraphState& state) {
  DagCompaction report;
  report.bytes_before = stats(view).bytes();
  report.nodes_before = state.next;

  const std::vector<Id> order = order_of_survivors(view);
  GraphState compacted = state;
  compacted.table_set = 1 - (state.table_set & 1U);
  compacted.log = random_bits();
  copy_log(transaction, tables, compacted, view, order);
  compacted.next = static_cast<Id>(order.size());
  compacted.unknown = order.size() - state.recipes;
  compacted.dead = 0;
  compacted.generation = next_generation(state.generation);
  compacted.tail_epoch = 0;
  write_derived(transaction, tables, compacted);
  clear_set(transaction, tables.of(state));
  state = compacted;

  const TableSet& set = tables.of(state);
  for (const MDB_dbi table : {set.nodes, set.lists, set.payloads, set.records, set.near, set.index, set.reverse}) {
    report.bytes_after += table_size(transaction.native(), table).bytes;
  }
  report.nodes_after = state.next;
  return report;
}

void rebuild_indexes(WriteTransaction& transaction, const GraphTables& tables, GraphState& state) {
  clear_derived(transaction, tables.of(state));
  state.generation = next_generation(state.generation);
  write_derived(transaction, tables, state);
}

void clear(WriteTransaction& transaction, const GraphTables& tables, GraphState& state) {
  clear_set(transaction, tables.of(state));
  GraphState empty;
  empty.key_size = state.key_size;
  empty.seed = state.seed;
  empty.table_set = state.table_set;
  empty.log = random_bits();
  empty.generation = next_generation(state.generation);
  state = empty;
}

}  // namespace deriva::detail::graph
