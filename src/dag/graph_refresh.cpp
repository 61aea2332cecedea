// Brings what a session remembers up to date with a transaction.
#include "dag/graph_view.hpp"
#include "dag/journaled_nodes.hpp"

namespace deriva::detail::graph {

const JournalContents* journal_of(const ReadTransaction& transaction, const GraphTables& tables) noexcept {
  const JournalContents* const journal = transaction.journal();
  return journal != nullptr && journal->size() > 0 && journal->owner() == tables.state ? journal : nullptr;
}

GraphView::GraphView(MDB_txn* transaction, const SnapshotName& snapshot, const GraphTables& tables,
                     const JournalContents* journal, Session& session)
    : transaction_(transaction), tables_(tables), session_(session), shape_(8), hash_({}) {
  const bool seen = session.snapshot == snapshot;
  const bool refreshed = !seen && refresh();
  shape_ = state().shape();
  hash_ = KeyHash(state().seed);
  clean_blocks_ = session.base.next / shape_.nodes();
  if (!seen) catch_up(journal, refreshed);
  if (session.journaled.epoch != 0) end_ = &session.journaled.end;
  session.snapshot = snapshot;
}

// Returns whether tables or map are not what they were.
bool GraphView::refresh() {
  session_.snapshot = {};
  const StoredState stored = read_state(transaction_, tables_);
  if (stored.state.stamp == session_.base.stamp && stored.at == session_.state_at) return false;
  if (stored.state.table_set != session_.base.table_set) close_readers();
  for (PackedSet::Reader& reader : session_.sets) reader.forget();
  session_.blocks.clear();
  session_.near_blocks.clear();
  session_.payloads.clear();
  session_.sound.clear();
  session_.open_addresses = nullptr;
  session_.journaled = {};
  session_.state = session_.base = stored.state;
  session_.state_at = stored.at;
  return true;
}

void GraphView::catch_up(const JournalContents* journal, bool refreshed) {
  try {
    if (refreshed) check_addresses();
    read_journal(journal);
  } catch (...) {
    session_.state_at = nullptr;  // what is remembered is of two states
    throw;
  }
}

// Another thread may have left the session in a later state.
void GraphView::read_journal(const JournalContents* journal) {
  Journaled& known = session_.journaled;
  if (known.epoch != 0 && (journal == nullptr || known.epoch != journal->epoch() || known.position > journal->size())) {
    known = {};
    session_.state = session_.base;
  }
  if (journal == nullptr) return;
  if (known.epoch == 0) begin_end(journal->epoch());
  JournaledNodes::replay(*journal, known.position, session_.state,
                         [&](Id id, BytesView key, bool has_entry, std::span<const Id> inputs) {
                           known.end.append(shape_, id, key, has_entry, inputs);
                         });
}

// The block that is not full in the tables goes on in memory.
void GraphView::begin_end(std::uint64_t epoch) {
  Journaled& known = session_.journaled;
  known.end.first_key = shape_.first_of(clean_blocks_);
  if (const std::uint32_t nodes = state().next - known.end.first_key; nodes > 0) {
    const std::byte* const keys = load_addresses(clean_blocks_);
    known.end.keys.assign(keys, keys + std::size_t{nodes} * shape_.key_size());
    known.end.blocks.emplace(clean_blocks_, Block(shape_, stored_block(clean_blocks_)));
  }
  known.epoch = epoch;
}

// The addresses of a full block are one overflow page, which LMDB never moves, and are never written again within a
// generation. So a pointer to them is good for as long as the map is where it was, and the map is where it was if one
// block is: the first that was remembered.
void GraphView::check_addresses() {
  const std::byte* witness = session_.addresses_witness;
  if (session_.addresses_generation == state().generation) {
    if (witness == nullptr) return;  // nothing is remembered
    const std::uint32_t number = session_.witness_block;
    if (number < clean_blocks_ && sealed_contents(stored_addresses(number)).data() == witness) return;
  }
  session_.addresses.clear();
  session_.addresses_witness = nullptr;
  session_.addresses_generation = state().generation;
}

}  // namespace deriva::detail::graph
