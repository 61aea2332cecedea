#include <algorithm>
#include <cmath>
#include <span>

#include "dag/near_edges.hpp"
#include "dag/writer.hpp"

namespace deriva::detail::graph {

namespace {

using Values = std::vector<std::uint64_t>;

// A set in two levels. New values go into the first one, which is small, so that adding a few values to it rewrites few
// pages. With every merge a run of values in order moves on to the second, and the next run starts where it ended. The
// cost of a merge is therefore always the same: nothing is ever put off to a large one.
struct Levels {
  MDB_dbi recent;
  MDB_dbi main;
  std::uint64_t& position;
  std::uint64_t& recent_count;
  std::uint64_t& main_count;
};

// How many values move on. Each merge rewrites all of the first level and the pages of the second that the run falls
// into; with a first level of sqrt(second * added) / 2 values both cost about the same.
std::uint64_t run_length(const Levels& levels, std::size_t added) {
  if (levels.recent_count == 0) return 0;
  const double rounds =
      std::sqrt(static_cast<double>(levels.main_count) / static_cast<double>(std::max<std::size_t>(added, 1)));
  if (rounds <= 2) return levels.recent_count;
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(levels.recent_count) * 2 / rounds));
}

// The next run; moves the position behind it, to the beginning when it reached the end.
Values take_run(MDB_txn* transaction, Levels& levels, std::uint64_t length) {
  Values run;
  if (length == 0) return run;
  run.reserve(length);
  PackedSet::Reader reader(Cursor(transaction, levels.recent), PackedSet::Reader::Memory::none);
  const bool ended = reader.for_each(levels.position, PackedSet::last_key, [&](std::uint64_t value) {
    run.push_back(value);
    return run.size() < length;
  });
  levels.position = ended || run.empty() ? 0 : run.back() + 1;
  return run;
}

void add(WriteTransaction& transaction, Levels levels, const Values& values) {
  const Values run = take_run(transaction.native(), levels, run_length(levels, values.size()));
  PackedSet::apply(transaction, levels.main, run, {});
  PackedSet::apply(transaction, levels.recent, values, run);
  levels.main_count += run.size();
  levels.recent_count += values.size() - run.size();
}

}  // namespace

void merge(WriteTransaction& transaction, GraphView& view, GraphState& state, const Tail& tail, Id end) {
  const Id begin = state.merged;
  Values index;
  index.reserve(end - begin);
  for (Id id = begin; id < end; ++id) {
    if (state.dead == 0 || !view.is_dead(id)) index.push_back(std::uint64_t{tail.hash_of(id)} << 32U | id);
  }
  radix_sort(index);

  Values edges;
  tail.edges.collect(edges);
  if (state.dead != 0) {
    std::erase_if(edges, [&](std::uint64_t edge) { return view.is_dead(static_cast<Id>(edge & 0xffffffffU)); });
  }
  radix_sort(edges);
  const Values far = store_near(transaction, view.tables(), state, {begin, end}, edges);

  const TableSet& tables = view.tables();
  add(transaction, {tables.index_recent, tables.index, state.index_position, state.index_recent, state.index_main},
      index);
  add(transaction,
      {tables.reverse_recent, tables.reverse, state.reverse_position, state.reverse_recent, state.reverse_main}, far);
  state.merged = end;
}

}  // namespace deriva::detail::graph
