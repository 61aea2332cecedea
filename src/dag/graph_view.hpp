#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include <deriva/core/bytes.hpp>

#include "dag/block.hpp"
#include "dag/block_cache.hpp"
#include "dag/graph_state.hpp"
#include "dag/key_hash.hpp"
#include "dag/log_end.hpp"
#include "dag/packed_set.hpp"
#include "dag/payload_block.hpp"
#include "dag/record_reader.hpp"
#include "dag/tail.hpp"
#include "storage/journal_contents.hpp"

namespace deriva::detail::graph {

class BlockScan;

/// What a write operation has changed and not yet stored, and what only the journal has.
struct Staging : LogEnd {
  EdgeMap late_edges;                                  ///< whose dependents are merged already
  std::map<std::uint32_t, PayloadBlock> payloads;      ///< as `blocks`, as far as there are any
  std::map<Id, std::vector<std::byte>> long_payloads;  ///< new ones
};

/// Tells one snapshot in one map from all others.
struct SnapshotName {
  std::uint64_t transaction = 0;  ///< its id; never 0
  std::uint64_t map_version = 0;  ///< `Environment::Impl::map_version`
  std::uint64_t journal = 0;      ///< its epoch
  std::uint64_t journaled = 0;    ///< bytes of it
  bool operator==(const SnapshotName&) const = default;
};

/// What the journal adds to the log: valid for the stamp of the tables.
struct Journaled {
  std::uint64_t epoch = 0;   ///< of the journal; 0: none
  std::size_t position = 0;  ///< so much of it was read
  LogEnd end;                ///< from the block on that is not full in the tables
};

/// What is remembered from one transaction to the next; each part says when it may be used.
struct Session {
  SnapshotName snapshot;           ///< the last one that was seen: in it everything else is as it was
  GraphState state;                ///< of the graph: of the tables, or where the journal leads to
  GraphState base;                 ///< of the tables, when `state_at` was read
  const void* state_at = nullptr;  ///< the record, in the map: same stamp and same place, then same tables, same map
  Journaled journaled;
  BlockCache<const std::byte*> addresses;  ///< of full blocks: valid for a generation in a map, see `addresses_witness`
  const std::byte* addresses_witness = nullptr;  ///< the first of them; null: there is none
  std::uint32_t witness_block = 0;               ///< of which block
  std::uint64_t addresses_generation = 0;
  BlockCache<BytesView> blocks;               ///< encoded lists: valid for a stamp
  BlockCache<BytesView> near_blocks;          ///< valid for a stamp
  BlockCache<BytesView> payloads;             ///< valid for a stamp
  BlockCache<std::uint8_t> sound;             ///< a bit per `Part` whose seal was checked: valid for a stamp
  const std::byte* open_addresses = nullptr;  ///< of the block that is not full: valid for a stamp
  Tail tail;                                  ///< as of `tail_stamp`: read when it is needed first
  std::uint64_t tail_stamp = 0;
  std::uint64_t tail_generation = 0;
  std::uint64_t tail_epoch = 0;
  std::array<PackedSet::Reader, 4> sets;  ///< by `IndexedSet`; of the table set in use
  RecordReader records;                   ///< the same
};

/// The journal as the transaction sees it, if it is of this graph and not empty; else null.
const JournalContents* journal_of(const ReadTransaction& transaction, const GraphTables& tables) noexcept;

/// The sets of a graph that have readers.
enum class IndexedSet : std::uint8_t { index, index_recent, reverse, reverse_recent };

/// The graph as one transaction sees it: all questions that concern one node. Functions throw `Failure`.
class GraphView {
 public:
  /// Brings the session up to date with the transaction. `journal`: of this graph; null: none.
  GraphView(MDB_txn* transaction, const SnapshotName& snapshot, const GraphTables& tables,
            const JournalContents* journal, Session& session);
  /// Inside a write operation: the session's state and tail are the writer's own, `staging` lies over the tables, and
  /// nothing of blocks at or above `clean_blocks` is remembered.
  GraphView(MDB_txn* transaction, const GraphTables& tables, Session& session, const Staging& staging,
            std::uint32_t clean_blocks);

  ~GraphView();
  GraphView(const GraphView&) = delete;
  GraphView& operator=(const GraphView&) = delete;

  MDB_txn* transaction() const noexcept { return transaction_; }
  const GraphState& state() const noexcept { return session_.state; }
  /// Whether the transaction is one that cannot write: then all that it sees lies in the map.
  bool only_reads() const noexcept { return staging_ == nullptr; }
  const GraphTables& names() const noexcept { return tables_; }
  const TableSet& tables() const noexcept { return tables_.of(session_.state); }
  const BlockShape& shape() const noexcept { return shape_; }

  std::uint32_t hash(BytesView key) const noexcept { return hash_(key); }
  std::uint64_t wide_hash(BytesView key) const noexcept { return hash_.wide(key); }
  std::optional<Id> find(BytesView key) { return find(key, hash(key)); }
  std::optional<Id> find(BytesView key, std::uint32_t hash);

  const std::byte* key_at(Id id);
  /// Fetches the key into the processor's caches, if it is remembered where that is. A hint.
  void prefetch_key(Id id);
  BytesView key(Id id) { return {key_at(id), shape_.key_size()}; }
  BlockView block(std::uint32_t number);
  /// Calls `visit(number, addresses, BlockView)` for all blocks from one on until it returns false.
  template <class Visit>
  void for_each_block(std::uint32_t from, Visit&& visit);
  /// The encoded block as it is stored.
  BytesView stored_block(std::uint32_t number);
  /// The payloads of a block as they are stored; empty: none.
  BytesView stored_payloads(std::uint32_t number);
  bool has_entry(Id id) { return block(shape_.block_of(id)).has_entry(shape_.slot_of(id)); }
  bool is_dead(Id id) { return block(shape_.block_of(id)).is_dead(shape_.slot_of(id)); }

  /// Calls `visit(Id)` for the inputs in order until it returns false.
  template <class Visit>
  bool for_each_input(Id id, Visit&& visit) {
    EncodedList list = block(shape_.block_of(id)).list(shape_.slot_of(id));
    return for_each_input(id, list, visit);
  }
  /// The same for a list that was found by other means.
  template <class Visit>
  bool for_each_input(Id id, EncodedList& list, Visit&& visit) {
    if (!list.outside) return list.for_each(id, visit);
    for (const Id input : long_list(id, list.count)) {
      if (!visit(input)) return false;
    }
    return true;
  }

  /// Calls `visit(Id)` for each live dependent, each once, until it returns false. In ascending order as far as all
  /// edges run to lower ids.
  template <class Visit>
  bool for_each_dependent(Id id, Visit&& visit) {
    if (state().dead == 0) return for_each_edge_up(id, visit);
    return for_each_edge_up(id, [&](Id dependent) { return is_dead(dependent) || visit(dependent); });
  }

  /// What was given with the entry; empty if that was nothing. Valid for the transaction, or until its next change.
  BytesView payload(Id id) {
    const std::uint32_t number = shape_.block_of(id);
    return payload(number, id - shape_.first_of(number));
  }
  /// The same of a node whose block and place in it are known.
  BytesView payload(std::uint32_t number, std::uint32_t slot) {
    const std::optional<PayloadView> block = payloads(number);
    return block ? payload(*block, number, slot) : BytesView();
  }
  /// The same, in the payloads of its block.
  BytesView payload(const PayloadView& block, std::uint32_t number, std::uint32_t slot) {
    return block.is_outside(slot) ? long_payload(shape_.first_of(number) + slot) : block.at(slot);
  }
  /// All payloads of a block; nothing: none of its nodes was given one. Valid as they are.
  std::optional<PayloadView> payloads(std::uint32_t number) {
    const BytesView bytes = payload_bytes(number);
    return bytes.empty() ? std::nullopt : std::optional(PayloadView(shape_, bytes));
  }
  /// Empty if the node has none. Valid as a payload.
  BytesView record(Id id);
  /// Calls `visit(Id)` for those of a range of nodes that have one, in order, until it returns false. Requires:
  /// `only_reads`.
  template <class Visit>
  void for_each_record(Id from, Id to, Visit&& visit) {
    RecordReader& reader = record_reader();
    for (auto record = reader.at_least(from); record && record->key < to; record = reader.at_least(from)) {
      if (!visit(static_cast<Id>(record->key))) return;
      from = static_cast<Id>(record->key) + 1;
    }
  }
  /// How many nodes have one.
  std::uint64_t records() const { return table_size(transaction_, tables().records).entries; }

  /// Whether the edge is in the block of near edges.
  bool is_near(Id input, Id dependent);
  std::optional<BytesView> near_bytes(std::uint32_t number);

  /// Brings the tail up to date, and its edges with it. Called by the questions that need them.
  void complete_tail_edges();

  /// Whether the node has this key, and was not removed.
  bool is_live(Id id, BytesView key);

 private:
  friend class BlockScan;
  bool refresh();
  void catch_up(const JournalContents* journal, bool refreshed);
  void read_journal(const JournalContents* journal);
  void begin_end(std::uint64_t epoch);
  PackedSet::Reader& reader(IndexedSet which);
  void close_readers() noexcept;
  void check_addresses();
  void remember_addresses(std::uint32_t number, const std::byte* addresses);
  bool knows_tail() const noexcept { return staging_ != nullptr || session_.tail_stamp == state().stamp; }
  void update_tail();
  void prefetch_node(Id id);
  std::optional<Id> find_in_tail(BytesView key, std::uint32_t hash);
  std::optional<Id> find_in_sets(BytesView key, std::uint32_t hash);
  std::vector<Id> long_list(Id id, std::uint32_t count);
  const Block* staged_block(std::uint32_t number) const;
  const std::byte* load_addresses(std::uint32_t number);
  bool is_open(std::uint32_t number) const noexcept { return number == state().next / shape_.nodes(); }
  BytesView stored_addresses(std::uint32_t number);
  BytesView check_seal(Part part, std::uint32_t number, BytesView stored);
  BytesView check_inputs(std::uint32_t number, BytesView stored);
  BytesView payload_bytes(std::uint32_t number);
  BytesView stored_record(Id id);
  RecordReader& record_reader();
  BytesView long_payload(Id id);

  template <class Visit>
  bool for_each_edge_up(Id id, Visit&& visit);
  template <class Visit>
  bool for_each_far(Id id, Visit&& visit);

  MDB_txn* transaction_;
  const GraphTables& tables_;
  Session& session_;
  const Staging* staging_ = nullptr;
  const LogEnd* end_ = nullptr;  // what lies over the log in the tables; null: nothing
  std::uint32_t clean_blocks_ = 0;
  BlockShape shape_;
  KeyHash hash_;
  std::uint8_t bound_ = 0;             // which readers are bound to this transaction
  bool records_bound_ = false;         // the same
  std::vector<std::uint64_t> recent_;  // scratch
};

/// Goes through the blocks of a view in order: by what its session remembers, and by a cursor where that is nothing.
class BlockScan {
 public:
  struct Item {
    std::uint32_t number;
    const std::byte* addresses;
    BlockView block;
  };

  BlockScan(GraphView& view, std::uint32_t from) : view_(view), number_(from) {}
  /// The next block; nothing behind the last one.
  std::optional<Item> next();

 private:
  Item read(std::uint32_t number);
  void prefetch(std::uint32_t number);

  GraphView& view_;
  std::uint32_t number_;
  Cursor cursor_;
  std::optional<TableEntry> entry_;
};

template <class Visit>
void GraphView::for_each_block(std::uint32_t from, Visit&& visit) {
  BlockScan scan(*this, from);
  while (const std::optional<BlockScan::Item> item = scan.next()) {
    if (!visit(item->number, item->addresses, item->block)) return;
  }
}

template <class Visit>
bool GraphView::for_each_edge_up(Id id, Visit&& visit) {
  if (id < state().merged) {
    if (const std::optional<BytesView> bytes = near_bytes(shape_.block_of(id))) {
      EncodedList list = BlockView(shape_, *bytes).list(shape_.slot_of(id));
      if (!list.for_each(id, visit)) return false;
    }
  }
  if (id < state().merged || state().late != 0) {
    if (!for_each_far(id, visit)) return false;
  }
  complete_tail_edges();
  if (!session_.tail.edges.for_each(id, visit)) return false;
  return staging_ == nullptr || staging_->late_edges.for_each(id, visit);
}

template <class Visit>
bool GraphView::for_each_far(Id id, Visit&& visit) {
  const std::uint64_t from = std::uint64_t{id} << 32U;
  const std::uint64_t to = from | 0xffffffffU;
  const auto dependent = [](std::uint64_t edge) { return static_cast<Id>(edge & 0xffffffffU); };
  recent_.clear();
  if (state().reverse_recent > 0) {
    reader(IndexedSet::reverse_recent).for_each(from, to, [&](std::uint64_t edge) {
      return recent_.push_back(edge), true;
    });
  }
  const std::vector<std::uint64_t> recent = std::move(recent_);  // the visitor may ask again
  std::size_t at = 0;
  bool going = true;
  if (state().reverse_main > 0) {
    going = reader(IndexedSet::reverse).for_each(from, to, [&](std::uint64_t edge) {
      for (; at < recent.size() && recent[at] < edge; ++at) {
        if (!visit(dependent(recent[at]))) return false;
      }
      return static_cast<bool>(visit(dependent(edge)));
    });
  }
  for (; going && at < recent.size(); ++at) going = visit(dependent(recent[at]));
  return going;
}

}  // namespace deriva::detail::graph
