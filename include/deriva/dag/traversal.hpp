#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include <deriva/core/error.hpp>
#include <deriva/dag/dag_errors.hpp>
#include <deriva/dag/dag_view.hpp>

/// Questions to a graph that walk more than one edge, for anything that is a `DagView`. Nothing recurses: the depth of
/// a graph is limited by memory, not by the stack. Errors: those of the view.

namespace deriva {

namespace detail {

/// Walks depth first from `root` and leaves every node after all its neighbours.
///
/// `expand(key, std::vector<Key>& out)` appends the neighbours of `key` and returns `Result<bool>`: whether `key`
/// counts as a node. `leave(key, std::span<const Key> neighbours)` is called once per node and returns whether to go
/// on.
template <DagKey Key, class Expand, class Leave>
Result<void> post_order(const Key& root, Expand&& expand, Leave&& leave) {
  struct Frame {
    Key key;
    std::size_t begin;  // its neighbours are pending[begin ..]; those of deeper frames follow
    std::size_t next;
  };
  boost::unordered_flat_set<Key, KeyHash<Key>> seen;
  std::vector<Key> pending;
  std::vector<Frame> path;
  const auto enter = [&](const Key& key) -> Result<void> {
    if (!seen.insert(key).second) return {};
    const std::size_t begin = pending.size();
    const Result<bool> is_node = expand(key, pending);
    if (!is_node) return is_node.error();
    if (*is_node) path.push_back({key, begin, begin});
    return {};
  };
  if (Result<void> entered = enter(root); !entered) return entered;
  while (!path.empty()) {
    Frame& top = path.back();
    if (top.next < pending.size()) {
      const Key neighbour = pending[top.next++];
      if (Result<void> entered = enter(neighbour); !entered) return entered;
      continue;
    }
    if (!leave(std::as_const(top.key), std::span<const Key>(pending).subspan(top.begin))) return {};
    pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(top.begin), pending.end());
    path.pop_back();
  }
  return {};
}

/// One side of the search for a cycle: breadth first, remembering how each key was reached.
template <DagKey Key>
struct Frontier {
  boost::unordered_flat_map<Key, Key, KeyHash<Key>> via;
  std::vector<Key> queue;
  std::size_t next = 0;
  std::size_t work = 0;  // edges and nodes looked at

  bool exhausted() const noexcept { return next == queue.size(); }
  Key pop() { return ++work, queue[next++]; }
  void reach(const Key& key, const Key& from) {
    ++work;
    if (via.try_emplace(key, from).second) queue.push_back(key);
  }
};

}  // namespace detail

/// Visits every recipe that `target` needs, and `target` last: each once, after all its inputs. Keys without an entry
/// of their own (leaves) are left out; there is nothing to visit when `target` is one. Ends when the visitor returns
/// false. Complexity: linear in the nodes and edges below `target`, in time and memory.
template <DagView View, KeyVisitor<typename View::key_type> Visitor>
Result<void> for_each_in_order(const View& view, const typename View::key_type& target, Visitor&& visitor) {
  using Key = typename View::key_type;
  return detail::post_order(
      target,
      [&](const Key& key, std::vector<Key>& out) {
        return view.for_each_input(key, [&](const Key& input) { return out.push_back(input), true; });
      },
      [&](const Key& key, std::span<const Key>) -> bool { return visitor(key); });
}

/// The keys that `for_each_in_order` visits.
template <DagView View>
Result<std::vector<typename View::key_type>> resolve_order(const View& view, const typename View::key_type& target) {
  using Key = typename View::key_type;
  std::vector<Key> order;
  const Result<void> done = for_each_in_order(view, target, [&](const Key& key) { return order.push_back(key), true; });
  if (!done) return done.error();
  return order;
}

/// Everything that depends on `root`, directly or not, without `root`: each once, after all those of the set that it
/// depends on. Complexity: linear in the nodes and edges above `root`, in time and memory.
template <DagView View>
Result<std::vector<typename View::key_type>> transitive_dependents(const View& view,
                                                                   const typename View::key_type& root) {
  using Key = typename View::key_type;
  std::vector<Key> order;
  const Result<void> done = detail::post_order(
      root,
      [&](const Key& key, std::vector<Key>& out) -> Result<bool> {
        const Result<void> visited =
            view.for_each_dependent(key, [&](const Key& dependent) { return out.push_back(dependent), true; });
        if (!visited) return visited.error();
        return true;
      },
      [&](const Key& key, std::span<const Key>) { return order.push_back(key), true; });
  if (!done) return done.error();
  order.pop_back();  // the root comes last: everything else was reached from it
  std::reverse(order.begin(), order.end());
  return order;
}

/// How many recipes the longest way from `key` down to a leaf or to a recipe without inputs passes after the first: 0
/// for a leaf, an unknown key and a recipe without inputs, else one more than the deepest input. Complexity: linear in
/// the nodes and edges below `key`, in time and memory.
template <DagView View>
Result<std::uint32_t> depth(const View& view, const typename View::key_type& key) {
  using Key = typename View::key_type;
  boost::unordered_flat_map<Key, std::uint32_t, detail::KeyHash<Key>> depths;
  std::uint32_t last = 0;
  const Result<void> done = detail::post_order(
      key,
      [&](const Key& node, std::vector<Key>& out) {
        return view.for_each_input(node, [&](const Key& input) { return out.push_back(input), true; });
      },
      [&](const Key& node, std::span<const Key> inputs) {
        last = 0;
        for (const Key& input : inputs) {
          const auto found = depths.find(input);
          last = std::max(last, 1 + (found == depths.end() ? 0 : found->second));
        }
        return depths.emplace(node, last), true;
      });
  if (!done) return done.error();
  return last;
}

/// The cycle that an entry `key` with these inputs would close, or nothing when it closes none: each key of the path
/// has the next one among its inputs, and the first and the last are `key`.
///
/// `key` has no entry in the graph yet, and the graph has no cycle. The search goes from the inputs down and from `key`
/// up in turns, so that it costs no more than about twice the cheaper of the two; it costs two look-ups when nothing
/// depends on `key` or when none of the inputs has an entry.
template <DagView View>
Result<std::vector<typename View::key_type>> find_cycle(const View& view, const typename View::key_type& key,
                                                        std::span<const typename View::key_type> inputs) {
  using Key = typename View::key_type;
  if (std::find(inputs.begin(), inputs.end(), key) != inputs.end()) return std::vector<Key>{key, key};
  bool wanted = false;
  const Result<void> looked = view.for_each_dependent(key, [&](const Key&) { return wanted = true, false; });
  if (!looked) return looked.error();
  if (!wanted) return std::vector<Key>{};

  const boost::unordered_flat_set<Key, detail::KeyHash<Key>> goals(inputs.begin(), inputs.end());
  detail::Frontier<Key> down;
  detail::Frontier<Key> up;
  for (const Key& input : goals) down.reach(input, key);
  up.reach(key, key);
  while (!down.exhausted() && !up.exhausted()) {
    std::vector<Key> path;
    const bool turn_down = down.work <= up.work;
    detail::Frontier<Key>& side = turn_down ? down : up;
    const Key at = side.pop();
    const auto step = [&](const Key& neighbour) {
      side.reach(neighbour, at);
      if (turn_down ? neighbour != key : !goals.contains(neighbour)) return true;
      path.push_back(key);
      for (Key on = turn_down ? at : neighbour; on != key; on = side.via.at(on)) path.push_back(on);
      path.push_back(key);
      if (turn_down) std::reverse(path.begin(), path.end());
      return false;
    };
    if (turn_down) {
      if (const Result<bool> visited = view.for_each_input(at, step); !visited) return visited.error();
    } else if (const Result<void> visited = view.for_each_dependent(at, step); !visited) {
      return visited.error();
    }
    if (!path.empty()) return path;
  }
  return std::vector<Key>{};
}

namespace detail {

/// Whether `key` with these inputs may be added: false when it is there. Errors: other inputs, a cycle.
template <DagView View>
Result<bool> admit(const View& view, const typename View::key_type& key,
                   std::span<const typename View::key_type> inputs) {
  using Key = typename View::key_type;
  std::size_t same = 0;
  const Result<bool> there = view.for_each_input(key, [&](const Key& input) {
    if (same == inputs.size() || inputs[same] != input) return same = inputs.size() + 1, false;
    return ++same, true;
  });
  if (!there) return there.error();
  if (*there && same == inputs.size()) return false;
  if (*there) return conflict_error(key);
  const Result<std::vector<Key>> cycle = find_cycle(view, key, inputs);
  if (!cycle) return cycle.error();
  if (!cycle->empty()) return cycle_error(*cycle);
  return true;
}

}  // namespace detail
}  // namespace deriva
