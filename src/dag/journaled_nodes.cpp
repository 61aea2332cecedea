#include "dag/journaled_nodes.hpp"

#include <cstring>
#include <span>

namespace deriva::detail::graph {

std::vector<std::byte> JournaledNodes::encode(std::uint64_t before, const GraphState& state, Id first,
                                              const LogEnd& end) {
  const BlockShape shape = state.shape();
  std::vector<std::uint8_t> lists;
  const auto add = [&](Id id, Id input) { write_varint(lists, id - input); };
  for (Id id = first; id < state.next; ++id) {
    const BlockView block = end.blocks.at(shape.block_of(id)).view();
    const std::uint32_t slot = shape.slot_of(id);
    EncodedList list = block.list(slot);
    write_varint(lists, 2 * list.count + (block.has_entry(slot) ? 1 : 0));
    if (list.outside) {
      for (const Id input : end.lists.at(id)) add(id, input);
    } else {
      list.for_each(id, [&](Id input) { return add(id, input), true; });
    }
  }

  std::vector<std::byte> payload;
  const auto append = [&](BytesView bytes) { payload.insert(payload.end(), bytes.begin(), bytes.end()); };
  append(std::as_bytes(std::span(&before, 1)));
  append(std::as_bytes(std::span(&state, 1)));
  append(std::as_bytes(std::span(&first, 1)));
  append({end.key_at(shape, first), std::size_t{state.next - first} * shape.key_size()});
  append(std::as_bytes(std::span(lists)));
  return payload;
}

JournaledNodes::JournaledNodes(BytesView payload) {
  constexpr std::size_t head = sizeof(before_) + sizeof(state_) + sizeof(first_);
  if (payload.size() < head) throw_corrupted("a change in the journal is too short");
  std::memcpy(&before_, payload.data(), sizeof(before_));
  state_ = check_state(payload.subspan(sizeof(before_), sizeof(state_)));
  std::memcpy(&first_, payload.data() + sizeof(before_) + sizeof(state_), sizeof(first_));
  payload = payload.subspan(head);
  if (first_ > state_.next || payload.size() / state_.key_size < state_.next - first_) {
    throw_corrupted("a change in the journal lacks keys");
  }
  const std::size_t key_bytes = std::size_t{state_.next - first_} * state_.key_size;
  keys_ = payload.first(key_bytes);
  lists_ = payload.subspan(key_bytes);
}

bool JournaledNodes::follows(BytesView payload, std::uint64_t before) noexcept {
  return payload.size() >= sizeof(before) && std::memcmp(payload.data(), &before, sizeof(before)) == 0;
}

void JournaledNodes::check_follows(const GraphState& before) const {
  const bool follows = before_ == before.stamp && first_ == before.next && state_.log == before.log &&
                       state_.generation == before.generation && state_.merged == before.merged;
  if (!follows) throw_corrupted("a change in the journal is not one of the graph before it");
}

}  // namespace deriva::detail::graph
