// What an operation has gathered goes into the tables.
#include <algorithm>

#include "dag/journaled_nodes.hpp"
#include "dag/writer.hpp"
#include "storage/journal_turn.hpp"

namespace deriva::detail::graph {

// A journal pays for several changes between two merges.
bool Writer::is_small() const noexcept {
  constexpr Id share = 8;  // of the tail
  return only_appends_ && !stored_ && session_.state.next - appended_from_ <= max_tail_ / share;
}

// A commit flushes twice, an append once (`dag.insert.sync1`). While there is a journal the tail grows longer: four
// times as many nodes take twice as long to merge (`dag.insert.sync100`).
bool Writer::append_to_journal() {
  constexpr Id tails = 4;
  JournalTurn& turn = transaction_->journal_turn();
  const bool is_long = (state().next - state().merged) / tails > max_tail_;
  if (!journal_after_ || !is_small() || is_long || !turn.takes(tables_.state)) return false;
  const GraphState after = finished(state());
  if (!turn.append(JournaledNodes::encode(stamp_before_, after, appended_from_, staging_))) return false;
  transaction_->count_change();
  state() = after;
  journal_epoch_ = turn.contents().epoch();
  journal_position_ = turn.contents().size();
  return journals_ = true;
}

// Everything, what the journal has included, goes into the tables.
void Writer::store_all() {
  JournalTurn& turn = transaction_->journal_turn();
  const bool small = turn.allowed() && is_small();
  store();
  if (state().next - state().merged > max_tail_) merge_tail();
  write_state(*transaction_, tables_, state());
  small_changes_ = small ? small_changes_ + 1 : 0;
  if (journal_after_ && small_changes_ > *journal_after_) {
    journals_ = true;
    turn.start(*transaction_, tables_.state);
  } else {
    turn.end(*transaction_, tables_.state);
  }
}

void Writer::store() {
  const BlockShape& shape = view_->shape();
  const TableSet& tables = view_->tables();
  for (const auto& [number, block] : staging_.blocks) {
    if (number < full_blocks_) {
      put_sealed(*transaction_, tables.nodes, 2 * std::uint64_t{number} + 1, state().seal(Part::inputs, number),
                 block.bytes());
      continue;
    }
    const BytesView keys =
        BytesView(staging_.keys).subspan(std::size_t{shape.first_of(number) - staging_.first_key} * shape.key_size());
    if (block.full()) {
      write_full_block(*transaction_, tables_, state(), keys.first(shape.address_bytes()), number, block);
    } else {
      write_open_block(*transaction_, tables_, state(), keys, number, block);
    }
  }
  full_blocks_ = state().next / shape.nodes();
  std::erase_if(staging_.blocks, [&](const auto& staged) { return staged.first < full_blocks_; });

  for (const auto& [id, inputs] : staging_.lists) {
    put_sealed(*transaction_, tables.lists, id, state().seal(Part::list, id), std::as_bytes(std::span(inputs)));
  }
  staging_.lists.clear();
  store_payloads();
  store_late_edges();
}

void Writer::store_late_edges() {
  if (staging_.late_edges.empty()) return;
  std::vector<std::uint64_t> edges;
  staging_.late_edges.collect(edges);
  radix_sort(edges);
  PackedSet::apply(*transaction_, view_->tables().reverse_recent, edges, {});
  state().reverse_recent += edges.size();
  staging_.late_edges.clear();
}

void Writer::merge_tail() {
  const BlockShape& shape = view_->shape();
  Tail& tail = session_.tail;
  const Id end = state().next - shape.slot_of(state().next);
  if (end == state().merged) return;
  merge(*transaction_, *view_, state(), tail, end);

  std::vector<std::uint32_t> hashes;
  for (Id id = end; id < state().next; ++id) hashes.push_back(tail.hash_of(id));
  const auto merged_bytes = static_cast<std::ptrdiff_t>(std::size_t{end - staging_.first_key} * shape.key_size());
  staging_.keys.erase(staging_.keys.begin(), staging_.keys.begin() + merged_bytes);
  staging_.first_key = end;
  tail.reset(end);
  for (const std::uint32_t hash : hashes) tail.add(hash);
  view_->complete_tail_edges();
}

}  // namespace deriva::detail::graph
