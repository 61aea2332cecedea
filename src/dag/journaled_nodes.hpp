#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <deriva/core/bytes.hpp>

#include "dag/graph_state.hpp"
#include "dag/log_end.hpp"
#include "dag/varint.hpp"
#include "storage/journal_contents.hpp"

namespace deriva::detail::graph {

/// A change of a graph as the journal has it: the stamp of the state before it, the state that it led to, and the nodes
/// that it appended to the log (docs/graph-format.md). The functions throw `Failure` with `corrupted` when the bytes
/// cannot be such a change.
class JournaledNodes {
 public:
  /// The nodes from `first` to below `state.next`. `state` is one to be stored.
  static std::vector<std::byte> encode(std::uint64_t before, const GraphState& state, Id first, const LogEnd& end);

  explicit JournaledNodes(BytesView payload);

  /// Whether the payload may be of a change of the state with this stamp.
  static bool follows(BytesView payload, std::uint64_t before) noexcept;

  /// Goes through the journal from `position` on, which moves to its end, and `state` with it: calls `append` for every
  /// node as `for_each` does.
  template <class Append>
  static void replay(const JournalContents& journal, std::size_t& position, GraphState& state, Append&& append) {
    while (const std::optional<BytesView> payload = journal.next(position)) {
      const JournaledNodes change(*payload);
      change.check_follows(state);
      change.for_each(append);
      state = change.state();
    }
  }

  /// The state that the change led to.
  const GraphState& state() const noexcept { return state_; }
  /// `Failure` unless it is a change of this state.
  void check_follows(const GraphState& before) const;
  /// Calls `visit(Id, BytesView key, bool has_entry, span<const Id> inputs)` for each node in order.
  template <class Visit>
  void for_each(Visit&& visit) const {
    const std::size_t key_size = state_.key_size;
    const auto* at = reinterpret_cast<const std::uint8_t*>(lists_.data());
    const std::uint8_t* const end = at + lists_.size();
    std::vector<Id> inputs;
    for (Id id = first_; id < state_.next; ++id) {
      const std::uint32_t tag = read_varint(at, end);
      if (tag / 2 > static_cast<std::size_t>(end - at)) throw_corrupted("a list in the journal is too long");
      inputs.resize(tag / 2);
      for (Id& input : inputs) {
        const std::uint32_t back = read_varint(at, end);
        if (back == 0 || back > id) throw_corrupted("a list in the journal names a node that cannot be");
        input = id - back;
      }
      visit(id, keys_.subspan(std::size_t{id - first_} * key_size, key_size), tag % 2 != 0,
            std::span<const Id>(inputs));
    }
    if (at != end) throw_corrupted("a change in the journal has more than its nodes");
  }

 private:
  std::uint64_t before_ = 0;
  GraphState state_;
  Id first_ = 0;
  BytesView keys_;
  BytesView lists_;
};

}  // namespace deriva::detail::graph
