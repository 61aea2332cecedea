// What an operation has gathered goes into the tables.
#include <algorithm>

#include "dag/writer.hpp"

namespace deriva::detail::graph {

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
