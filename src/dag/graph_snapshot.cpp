#include <algorithm>
#include <array>

#include <deriva/dag/detail/graph_engine.hpp>

#include "dag/graph_check.hpp"
#include "dag/graph_view.hpp"
#include "dag/walk.hpp"

namespace deriva::detail {

namespace {

using graph::GraphView;
using graph::Id;

// Visits keys where ids are asked for.
auto with_keys(GraphView& view, const KeyBytesVisitor& visit) {
  return [&view, &visit](Id id) { return visit(view.key_at(id)); };
}

// Visits the keys of a node's inputs. They lie apart from each other: a few are fetched before the first is needed.
void visit_inputs(GraphView& view, Id id, graph::EncodedList& list, const KeyBytesVisitor& visit) {
  constexpr std::size_t ahead = 8;
  std::array<Id, ahead> ids;
  std::size_t count = 0;
  const auto flush = [&] {
    for (std::size_t i = 0; i < count; ++i) {
      if (!visit(view.key_at(ids[i]))) return false;
    }
    count = 0;
    return true;
  };
  const bool going = view.for_each_input(id, list, [&](Id input) {
    view.prefetch_key(input);
    ids[count++] = input;
    return count < ahead || flush();
  });
  if (going) flush();
}

// A walk over all blocks in the order of ids, which is a topological one.
void visit_blocks(GraphView& view, const KeyBlockVisitor& visit) {
  std::vector<std::uint64_t> entries(view.shape().words());
  view.for_each_block(0, [&](std::uint32_t, const std::byte* addresses, const graph::BlockView& block) {
    for (std::size_t word = 0; word < entries.size(); ++word) entries[word] = block.live_entries(word);
    return visit({addresses, entries.data(), block.count()});
  });
}

void visit_sorted_blocks(GraphView& view, const KeyBlockVisitor& visit) {
  const std::uint64_t entry = 1;
  auto each = [&](Id id) { return !view.has_entry(id) || visit({view.key_at(id), &entry, 1}); };
  graph::visit_sorted(view, each);
}

}  // namespace

std::uint64_t GraphSnapshot::size() const noexcept { return view_.state().recipes; }

Result<bool> GraphSnapshot::contains(BytesView key) const {
  return guarded<bool>([&] {
    const std::optional<Id> id = view_.find(key);
    return id && view_.has_entry(*id);
  });
}

Result<bool> GraphSnapshot::for_each_input(BytesView key, Expect expect, KeyBytesVisitor visit) const {
  return guarded<bool>([&] {
    const std::optional<Id> id = view_.find(key);
    if (!id) return false;
    const graph::BlockView block = view_.block(view_.shape().block_of(*id));
    const std::uint32_t slot = view_.shape().slot_of(*id);
    if (!block.has_entry(slot)) return false;
    graph::EncodedList list = block.list(slot);
    expect(list.count);
    visit_inputs(view_, *id, list, visit);
    return true;
  });
}

Result<void> GraphSnapshot::for_each_dependent(BytesView key, KeyBytesVisitor visit) const {
  return guarded<void>([&]() -> Result<void> {
    if (const std::optional<Id> id = view_.find(key)) view_.for_each_dependent(*id, with_keys(view_, visit));
    return {};
  });
}

Result<void> GraphSnapshot::for_each_transitive_dependent(BytesView key, Expect expect, KeyBlockVisitor visit) const {
  return guarded<void>([&]() -> Result<void> {
    if (const std::optional<Id> id = view_.find(key)) graph::visit_dependents(view_, *id, expect, visit);
    return {};
  });
}

Result<void> GraphSnapshot::for_each_in_order(BytesView target, Expect expect, KeyBlockVisitor visit) const {
  return guarded<void>([&]() -> Result<void> {
    if (const std::optional<Id> id = view_.find(target)) graph::visit_needed(view_, *id, expect, visit);
    return {};
  });
}

Result<std::uint32_t> GraphSnapshot::depth(BytesView key) const {
  return guarded<std::uint32_t>([&] {
    const std::optional<Id> id = view_.find(key);
    return id ? graph::depth(view_, *id) : 0;
  });
}

Result<void> GraphSnapshot::for_each_block(KeyBlockVisitor visit) const {
  return guarded<void>([&]() -> Result<void> {
    if (view_.state().late == 0) {
      visit_blocks(view_, visit);
    } else {
      visit_sorted_blocks(view_, visit);
    }
    return {};
  });
}

Result<DagStats> GraphSnapshot::stats() const {
  return guarded<DagStats>([&] { return graph::stats(view_); });
}

Result<void> GraphSnapshot::check() const {
  return guarded<void>([&]() -> Result<void> { return graph::check(view_), Result<void>(); });
}

}  // namespace deriva::detail
