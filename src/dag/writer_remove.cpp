// Removing entries.
#include <algorithm>
#include <functional>

#include <deriva/dag/dag_errors.hpp>

#include "dag/writer.hpp"

namespace deriva::detail::graph {

bool Writer::remove(BytesView key, Removal removal) {
  const std::optional<Id> found = view_->find(key);
  if (!found || !view_->has_entry(*found)) return false;
  const std::uint64_t dependents = count_dependents(*found);
  if (dependents == 0) {
    remove_unneeded(*found);
  } else if (removal == Removal::forced) {
    make_unknown(*found);
  } else {
    throw Failure{dependents_error(key, dependents)};
  }
  return true;
}

std::size_t Writer::remove_many(BytesView keys) {
  const std::size_t key_size = view_->shape().key_size();
  std::vector<Id> left;
  for (; !keys.empty(); keys = keys.subspan(key_size)) {
    const std::optional<Id> found = view_->find(keys.first(key_size));
    if (found && view_->has_entry(*found)) left.push_back(*found);
  }
  std::sort(left.begin(), left.end(), std::greater<>());
  left.erase(std::unique(left.begin(), left.end()), left.end());
  const std::size_t count = left.size();
  while (!left.empty()) {  // one pass does, unless edges run to higher ids
    const std::size_t removed = std::erase_if(left, [&](Id id) {
      const bool unneeded = view_->for_each_dependent(id, [](Id) { return false; });
      if (unneeded) remove_unneeded(id);
      return unneeded;
    });
    if (removed == 0) throw Failure{dependents_error(view_->key(left.front()), count_dependents(left.front()))};
  }
  return count;
}

std::uint64_t Writer::count_dependents(Id id) {
  std::uint64_t count = 0;
  view_->for_each_dependent(id, [&](Id) { return ++count, true; });
  return count;
}

std::uint64_t Writer::digest_of(Id id) {
  EntryDigest digest(view_->wide_hash(view_->key(id)));
  view_->for_each_input(id, [&](Id input) { return digest.add(view_->wide_hash(view_->key(input))), true; });
  return digest.value();
}

// Its edges stay where they are: whoever meets them asks whether the dependent is dead.
void Writer::remove_unneeded(Id id) {
  changed_ = true;
  const std::uint32_t slot = view_->shape().slot_of(id);
  Block& block = changing(view_->shape().block_of(id));
  state().edges -= block.view().list(slot).count;
  state().content -= digest_of(id);
  block.mark_dead(slot);
  drop_payload(id);
  erase_record(id);
  --state().recipes;
  ++state().dead;
}

void Writer::make_unknown(Id id) {
  changed_ = true;
  state().content -= digest_of(id);
  remove_edges(id);
  Block& block = changing(view_->shape().block_of(id));
  state().edges -= block.view().list(view_->shape().slot_of(id)).count;
  block.replace(id, false, {});
  drop_payload(id);
  erase_record(id);
  --state().recipes;
  ++state().unknown;
  if (id >= state().merged) ++state().tail_epoch;
}

void Writer::remove_edges(Id id) {
  std::vector<Id> inputs;
  view_->for_each_input(id, [&](Id input) { return inputs.push_back(input), true; });
  std::sort(inputs.begin(), inputs.end());
  inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
  std::vector<std::uint64_t> recent;
  std::vector<std::uint64_t> main;
  PackedSet::Reader level(Cursor(transaction_->native(), view_->tables().reverse_recent),
                          PackedSet::Reader::Memory::none);
  for (const Id input : inputs) {
    if (session_.tail.edges.remove(input, id) || staging_.late_edges.remove(input, id)) continue;
    if (view_->is_near(input, id)) {
      remove_near(input, id);
      continue;
    }
    const std::uint64_t edge = std::uint64_t{input} << 32U | id;
    (level.contains(edge) ? recent : main).push_back(edge);
  }
  level = PackedSet::Reader();
  PackedSet::apply(*transaction_, view_->tables().reverse_recent, {}, recent);
  PackedSet::apply(*transaction_, view_->tables().reverse, {}, main);
  state().reverse_recent -= recent.size();
  state().reverse_main -= main.size();
  stored_ = stored_ || !recent.empty() || !main.empty();
}

void Writer::remove_near(Id input, Id dependent) {
  const BlockShape& shape = view_->shape();
  Block block(shape, view_->near_bytes(shape.block_of(input)).value());
  std::vector<Id> rest;
  EncodedList list = block.view().list(shape.slot_of(input));
  list.for_each(input, [&](Id other) {
    if (other != dependent) rest.push_back(other);
    return true;
  });
  block.replace(input, false, rest);
  const std::uint32_t number = shape.block_of(input);
  put_sealed(*transaction_, view_->tables().near, number, state().seal(Part::near, number), block.bytes());
  stored_ = true;
}

}  // namespace deriva::detail::graph
