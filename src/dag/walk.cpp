#include "dag/walk.hpp"

#include <algorithm>
#include <array>

#include <boost/unordered/unordered_flat_map.hpp>

#include "dag/id_set.hpp"

namespace deriva::detail::graph {

namespace {

// A look-up of dependents costs about as much as sweeping over the inputs of so many nodes.
constexpr std::size_t sweep_worth = 128;

// Leaves every node that `expand` leads to from `root` after all its neighbours; `leave` returns whether to go on.
template <class Expand, class Leave>
bool post_order(IdSet& seen, Id root, Expand&& expand, Leave&& leave) {
  struct Frame {
    Id id;
    std::size_t begin;
  };
  if (!seen.insert(root)) return true;
  std::vector<Id> pending;  // neighbours not entered yet, those of the deepest frame last
  std::vector<Frame> path;
  path.push_back({root, 0});
  expand(root, pending);
  while (!path.empty()) {
    const Frame top = path.back();
    if (pending.size() > top.begin) {
      const Id neighbour = pending.back();
      pending.pop_back();
      if (!seen.insert(neighbour)) continue;
      path.push_back({neighbour, pending.size()});
      expand(neighbour, pending);
      continue;
    }
    path.pop_back();
    if (!leave(top.id)) return false;
  }
  return true;
}

// Adds to the set, for all nodes from `begin` on in order, those with an input in it.
void sweep_up(GraphView& view, IdSet& reached, Id begin) {
  const BlockShape& shape = view.shape();
  const bool any_dead = view.state().dead != 0;
  view.for_each_block(shape.block_of(begin), [&](std::uint32_t number, const std::byte*, const BlockView& block) {
    const Id first = shape.first_of(number);
    block.read_all_lists([&](std::uint32_t slot, EncodedList& list) {
      const Id id = first + slot;
      bool wanted = false;
      view.for_each_input(id, list, [&](Id input) {
        wanted |= input < reached.bound() && reached.contains(input);
        return true;
      });
      reached.insert_if(id, wanted && id >= begin && !(any_dead && block.is_dead(slot)));
    });
    return true;
  });
}

// Visits the members of a set from one on, in the order of ids; of `entries_only`, those that have an entry.
void visit_members(GraphView& view, const IdSet& members, Id from, bool entries_only, KeyBlockVisitor visit) {
  const BlockShape& shape = view.shape();
  std::vector<std::uint64_t> bitmap(shape.words());
  while (from < members.bound() && (from = members.at_least(from)) != IdSet::none) {
    const std::uint32_t number = shape.block_of(from);
    const Id first = shape.first_of(number);
    const Id end = std::min(first + shape.nodes(), members.bound());
    for (Id id = first; id < end; id += 64) {
      std::uint64_t& bits = bitmap[(id - first) / 64];
      bits = members.members(id);
      if (from > id) bits &= from - id < 64 ? ~std::uint64_t{0} << (from - id) : 0;
      if (end - id < 64) bits &= (std::uint64_t{1} << (end - id)) - 1;
    }
    if (entries_only) {
      const BlockView block = view.block(number);
      for (std::size_t word = 0; word < bitmap.size(); ++word) bitmap[word] &= block.live_entries(word);
    }
    if (!visit({view.key_at(first), bitmap.data(), end - first})) return;
    from = end;
  }
}

bool visit_one(GraphView& view, Id id, KeyBlockVisitor visit) {
  const std::uint64_t member = 1;
  return visit({view.key_at(id), &member, 1});
}

// Looks up the dependents of one node after the other, until so many are known that reading the inputs of all nodes
// that are left is cheaper.
void sweep_dependents(GraphView& view, Id root, ExpectIds expect, KeyBlockVisitor visit) {
  IdSet reached(view.state().next);
  reached.insert(root);
  std::size_t known = 1;
  for (Id at = root; at != IdSet::none; at = at + 1 < reached.bound() ? reached.at_least(at + 1) : IdSet::none) {
    const std::size_t left = reached.bound() - at;
    const bool few = view.for_each_dependent(at, [&](Id dependent) {
      if (reached.insert(dependent)) ++known;
      return known * sweep_worth <= left;
    });
    if (!few) {
      sweep_up(view, reached, at);
      break;
    }
  }
  expect(reached.size() - 1);
  visit_members(view, reached, root + 1, false, visit);
}

void search_dependents(GraphView& view, Id root, ExpectIds expect, KeyBlockVisitor visit) {
  IdSet seen(view.state().next);
  std::vector<Id> order;
  const auto expand = [&](Id id, std::vector<Id>& out) {
    view.for_each_dependent(id, [&](Id dependent) { return out.push_back(dependent), true; });
  };
  post_order(seen, root, expand, [&](Id id) { return order.push_back(id), true; });
  order.pop_back();  // the root
  expect(order.size());
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    if (!visit_one(view, *at, visit)) return;
  }
}

// Appends the inputs; an id without an entry has none.
void expand_inputs(GraphView& view, Id id, std::vector<Id>& out) {
  view.for_each_input(id, [&](Id input) { return out.push_back(input), true; });
}

// Where the lists of eight neighbours begin: a walk down needs most of them, and each is found from the one before.
class NeighbourLists {
 public:
  explicit NeighbourLists(GraphView& view) : view_(view) {}

  EncodedList of(Id id) {
    const std::uint32_t number = view_.shape().block_of(id);
    const std::uint32_t slot = view_.shape().slot_of(id);
    if (number != number_ || slot / 8 != group_) {
      number_ = number;
      group_ = slot / 8;
      block_ = view_.block(number);
      block_.starts_of_group(group_, starts_);
    }
    return block_.open_list(starts_[slot % 8]);
  }

 private:
  GraphView& view_;
  std::uint32_t number_ = ~std::uint32_t{0};
  std::uint32_t group_ = 0;
  BlockView block_;
  std::array<const std::uint8_t*, 8> starts_{};
};

IdSet sweep_needed(GraphView& view, Id target) {
  IdSet reached(target + 1);
  reached.insert(target);
  NeighbourLists lists(view);
  for (Id at = target; at != IdSet::none; at = at > 0 ? reached.at_most(at - 1) : IdSet::none) {
    EncodedList list = lists.of(at);
    view.for_each_input(at, list, [&](Id input) { return reached.insert(input), true; });
  }
  return reached;
}

// Inputs before dependents, whatever their ids are.
template <class Leave>
void search_needed(GraphView& view, Id target, Leave&& leave) {
  IdSet seen(view.state().next);
  post_order(
      seen, target, [&](Id id, std::vector<Id>& out) { expand_inputs(view, id, out); }, leave);
}

}  // namespace

void visit_dependents(GraphView& view, Id root, ExpectIds expect, KeyBlockVisitor visit) {
  if (view.state().late == 0) {
    sweep_dependents(view, root, expect, visit);
  } else {
    search_dependents(view, root, expect, visit);
  }
}

void visit_needed(GraphView& view, Id target, ExpectIds expect, KeyBlockVisitor visit) {
  if (!view.has_entry(target)) return;
  if (view.state().late == 0) {
    const IdSet reached = sweep_needed(view, target);
    expect(reached.size());
    visit_members(view, reached, 0, true, visit);
  } else {
    search_needed(view, target, [&](Id id) { return !view.has_entry(id) || visit_one(view, id, visit); });
  }
}

std::uint32_t depth(GraphView& view, Id target) {
  boost::unordered_flat_map<Id, std::uint32_t> depths;
  std::uint32_t last = 0;
  const auto note = [&](Id id) {
    last = 0;
    view.for_each_input(id, [&](Id input) {
      const auto found = depths.find(input);
      last = std::max(last, 1 + (found == depths.end() ? 0 : found->second));
      return true;
    });
    return depths.emplace(id, last), true;
  };
  if (!view.has_entry(target)) return 0;
  if (view.state().late != 0) {
    search_needed(view, target, note);
    return last;
  }
  const IdSet reached = sweep_needed(view, target);
  depths.reserve(reached.size());
  for (Id id = 0; id < reached.bound() && (id = reached.at_least(id)) != IdSet::none; ++id) note(id);
  return last;
}

void visit_sorted(GraphView& view, VisitId visit) {
  const Id next = view.state().next;
  IdSet seen(next);
  const auto expand = [&](Id id, std::vector<Id>& out) { expand_inputs(view, id, out); };
  for (Id id = 0; id < next; ++id) {
    if (!view.is_dead(id) && !post_order(seen, id, expand, visit)) return;
  }
}

}  // namespace deriva::detail::graph
