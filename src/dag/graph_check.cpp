#include "dag/graph_check.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "dag/walk.hpp"

namespace deriva::detail::graph {

namespace {

using Values = std::vector<std::uint64_t>;

void require(bool agreed, const char* what) {
  if (!agreed) throw_corrupted(what);
}

// What the log says.
struct Expected {
  Values index;  // of live nodes, whether merged or not
  Values edges;  // of live dependents
  std::uint64_t entries = 0;
  std::uint64_t unknown = 0;
  std::uint64_t dead = 0;
  std::uint64_t inputs = 0;
  std::uint64_t content = 0;
  bool late = false;
};

// Of all keys, by id.
Values read_hashes(GraphView& view) {
  Values hashes;
  hashes.reserve(view.state().next);
  const std::size_t key_size = view.shape().key_size();
  view.for_each_block(0, [&](std::uint32_t, const std::byte* keys, const BlockView& block) {
    for (std::size_t slot = 0; slot < block.count(); ++slot) {
      hashes.push_back(view.wide_hash({keys + slot * key_size, key_size}));
    }
    return true;
  });
  require(hashes.size() == view.state().next, "a block lacks nodes");
  return hashes;
}

Expected read_log(GraphView& view) {
  Expected expected;
  const BlockShape& shape = view.shape();
  const Id next = view.state().next;
  const Values hashes = read_hashes(view);
  view.for_each_block(0, [&](std::uint32_t number, const std::byte*, const BlockView& block) {
    const Id first = shape.first_of(number);
    require(block.count() == std::min(shape.nodes(), next - first), "a block lacks nodes");
    block.read_all_lists([&](std::uint32_t slot, EncodedList& list) {
      const Id id = first + slot;
      require(slot % 8 != 0 || block.list(slot).at == list.at, "an offset does not point to its list");
      const std::size_t begin = expected.edges.size();
      const bool dead = block.is_dead(slot);
      EntryDigest digest(hashes[id]);
      view.for_each_input(id, list, [&](Id input) {
        require(input < next && input != id, "an input does not exist");
        digest.add(hashes[input]);
        expected.late = expected.late || (input > id && !dead);
        if (!dead) expected.edges.push_back(std::uint64_t{input} << 32U | id);
        return true;
      });
      if (dead) {
        ++expected.dead;
        return;
      }
      require(block.has_entry(slot) || list.count == 0, "a node without an entry has inputs");
      ++(block.has_entry(slot) ? expected.entries : expected.unknown);
      if (block.has_entry(slot)) expected.content += digest.value();
      expected.inputs += list.count;
      std::sort(expected.edges.begin() + static_cast<std::ptrdiff_t>(begin), expected.edges.end());
      expected.edges.erase(
          std::unique(expected.edges.begin() + static_cast<std::ptrdiff_t>(begin), expected.edges.end()),
          expected.edges.end());
      expected.index.push_back(std::uint64_t{KeyHash::folded(hashes[id])} << 32U | id);
    });
    return true;
  });
  return expected;
}

// A set's values, in order; checks its pages on the way.
void read_set(MDB_txn* transaction, MDB_dbi table, std::uint64_t count, Values& out) {
  Cursor cursor(transaction, table);
  const std::size_t before = out.size();
  for (std::optional<TableEntry> entry = cursor.first(); entry; entry = cursor.next()) {
    require(entry->value.size() % sizeof(std::uint64_t) == 0, "a page of a set has a broken size");
    const PackedPage page(entry->value);
    for (std::size_t i = 0; i < page.size(); ++i) {
      require(out.size() == before || out.back() < page[i], "a set is not in order");
      require(page[i] <= entry->key, "a value lies in the wrong page of a set");
      out.push_back(page[i]);
    }
  }
  require(out.size() - before == count, "a set does not have as many values as it should");
}

// LMDB writes its number into each page, and never looks at it. All pages that are where they belong agree about where
// the file begins; one that changed places with another, such as the root of an earlier commit, does not.
class PagePlaces {
 public:
  explicit PagePlaces(GraphView& view) : page_bytes_(page_size(view.transaction())), mapped_(view.only_reads()) {}

  void check(BytesView value) {
    if (!mapped_ || value.empty()) return;  // an empty value may lie behind the end of its page
    const auto page = reinterpret_cast<std::uintptr_t>(value.data()) / page_bytes_ * page_bytes_;
    std::uint64_t number = 0;
    std::memcpy(&number, reinterpret_cast<const void*>(page), sizeof(number));
    const std::uint64_t begin = page - number * page_bytes_;
    require(begin_ == 0 || begin == begin_, "a page lies where another one belongs");
    begin_ = begin;
  }

 private:
  std::uint64_t page_bytes_;
  bool mapped_;
  std::uint64_t begin_ = 0;
};

// Reading a table from its beginning finds entries that a search does not when what leads to them is damaged.
void check_table(GraphView& view, MDB_dbi table, PagePlaces& places) {
  Cursor cursor(view.transaction(), table);
  for (std::optional<TableEntry> entry = cursor.first(); entry; entry = cursor.next()) {
    const std::optional<BytesView> found = get(view.transaction(), table, entry->key);
    require(found && found->data() == entry->value.data(), "a search in a table goes astray");
    places.check(entry->value);
  }
}

// All seals, whatever the session remembers to have checked.
void check_seals(GraphView& view) {
  const GraphState& state = view.state();
  const TableSet& tables = view.tables();
  const auto check = [&](MDB_dbi table, auto&& seal_of) {
    Cursor cursor(view.transaction(), table);
    for (std::optional<TableEntry> entry = cursor.first(); entry; entry = cursor.next()) {
      unseal(entry->value, seal_of(entry->key));
    }
  };
  const auto by_number = [&](Part part) {
    return [&state, part](std::uint64_t key) { return state.seal(part, static_cast<std::uint32_t>(key)); };
  };
  check(tables.nodes, [&](std::uint64_t key) {
    return state.seal(key % 2 == 0 ? Part::addresses : Part::inputs, static_cast<std::uint32_t>(key / 2));
  });
  check(tables.near, by_number(Part::near));
  check(tables.lists, by_number(Part::list));
  check(tables.records, by_number(Part::record));
  check(tables.payloads, [&](std::uint64_t key) {
    const auto number = static_cast<std::uint32_t>(key >> 32U);
    if (key == payload_key(number)) return state.seal(Part::payloads, number);
    const auto slot = static_cast<std::uint32_t>(key - payload_key(number) - 1);
    return state.seal(Part::payload, view.shape().first_of(number) + slot);
  });
}

void check_tables(GraphView& view) {
  PagePlaces places(view);
  const GraphTables& names = view.names();
  for (const std::string& name : {names.state, names.open_keys, names.open_lists}) {
    if (const std::optional<BytesView> value = get(view.transaction(), names.unnamed, name)) places.check(*value);
  }
  const TableSet& tables = view.tables();
  for (const MDB_dbi table : {tables.nodes, tables.lists, tables.payloads, tables.records, tables.near, tables.index,
                              tables.index_recent, tables.reverse, tables.reverse_recent}) {
    check_table(view, table, places);
  }
}

// A key that damage had hidden from the index may have been inserted a second time.
void check_distinct(GraphView& view, const Values& sorted) {
  const auto hash = [&](std::size_t at) { return sorted[at] >> 32U; };
  const auto key = [&](std::size_t at) { return view.key(static_cast<Id>(sorted[at] & 0xffffffffU)); };
  for (std::size_t first = 0; first < sorted.size(); ++first) {
    for (std::size_t other = first + 1; other < sorted.size() && hash(other) == hash(first); ++other) {
      require(!std::ranges::equal(key(first), key(other)), "two nodes have one key");
    }
  }
}

void check_index(GraphView& view, Expected& expected) {
  const GraphState& state = view.state();
  radix_sort(expected.index);
  check_distinct(view, expected.index);
  std::erase_if(expected.index, [&](std::uint64_t entry) { return (entry & 0xffffffffU) >= state.merged; });
  Values found;
  read_set(view.transaction(), view.tables().index, state.index_main, found);
  read_set(view.transaction(), view.tables().index_recent, state.index_recent, found);
  std::erase_if(found, [&](std::uint64_t entry) {
    const auto id = static_cast<Id>(entry & 0xffffffffU);
    require(id < state.merged, "the index names a node that is not merged");
    return view.is_dead(id);
  });
  radix_sort(found);
  require(found == expected.index, "index and log do not agree");
}

void read_near(GraphView& view, Values& out) {
  const BlockShape& shape = view.shape();
  for (std::uint32_t number = 0; shape.first_of(number) < view.state().merged; ++number) {
    // Not what the session remembers of them.
    const std::optional<BytesView> bytes = get(view.transaction(), view.tables().near, number);
    require(bytes.has_value(), "a block of near edges is missing");
    const BlockView block(shape, sealed_contents(*bytes));
    require(block.count() == shape.nodes(), "a block of near edges lacks nodes");
    block.read_all_lists([&](std::uint32_t slot, EncodedList& list) {
      require(!list.outside, "a list of near edges is too long");
      require(slot % 8 != 0 || block.list(slot).at == list.at, "an offset does not point to its list");
      const Id input = shape.first_of(number) + slot;
      list.for_each(input, [&](Id dependent) { return out.push_back(std::uint64_t{input} << 32U | dependent), true; });
    });
  }
}

void check_reverse(GraphView& view, Expected& expected) {
  const GraphState& state = view.state();
  Values found;
  read_set(view.transaction(), view.tables().reverse, state.reverse_main, found);
  read_set(view.transaction(), view.tables().reverse_recent, state.reverse_recent, found);
  read_near(view, found);
  std::erase_if(found, [&](std::uint64_t edge) {
    const auto dependent = static_cast<Id>(edge & 0xffffffffU);
    require(dependent < state.merged, "reverse names a dependent that is not merged");
    return view.is_dead(dependent);
  });
  std::erase_if(expected.edges, [&](std::uint64_t edge) { return (edge & 0xffffffffU) >= state.merged; });
  radix_sort(found);
  radix_sort(expected.edges);
  require(found == expected.edges, "forward and reverse edges do not agree");
}

bool is_entry(GraphView& view, Id id) { return view.has_entry(id) && !view.is_dead(id); }

// A block of payloads; counts those that are outside it.
void check_payload_block(GraphView& view, std::uint32_t number, BytesView bytes, std::uint64_t& outside) {
  const BlockShape& shape = view.shape();
  const PayloadView block(shape, bytes);
  std::size_t size = 0;
  for (std::uint32_t slot = 0; slot < shape.nodes(); ++slot) {
    const Id id = shape.first_of(number) + slot;
    const std::size_t inside = block.at(slot).size();
    if (inside != 0 || block.is_outside(slot)) {
      require(id < view.state().next && is_entry(view, id), "a node without an entry has a payload");
    }
    size += inside;
    if (!block.is_outside(slot)) continue;
    require(inside == 0 && view.payload(id).size() > max_inline_payload_bytes, "a payload is in the wrong place");
    ++outside;
  }
  require(size == block.size(), "a block of payloads has more bytes than its nodes");
}

void check_payloads(GraphView& view) {
  std::uint64_t outside = 0;
  std::uint64_t found_outside = 0;
  Cursor cursor(view.transaction(), view.tables().payloads);
  for (std::optional<TableEntry> entry = cursor.first(); entry; entry = cursor.next()) {
    const auto number = static_cast<std::uint32_t>(entry->key >> 32U);
    require(number < view.shape().blocks_for(view.state().next), "a payload belongs to no block");
    if (entry->key == payload_key(number)) {
      check_payload_block(view, number, sealed_contents(entry->value), outside);
    } else {
      ++found_outside;
    }
  }
  require(outside == found_outside, "a long payload belongs to no node");
}

void check_records(GraphView& view) {
  Cursor cursor(view.transaction(), view.tables().records);
  for (std::optional<TableEntry> entry = cursor.first(); entry; entry = cursor.next()) {
    require(entry->key < view.state().next && !view.is_dead(static_cast<Id>(entry->key)),
            "a record belongs to no node");
    require(!sealed_contents(entry->value).empty(), "a record is empty");
  }
}

// With a cycle, some node would come before one of its inputs.
void check_acyclic(GraphView& view) {
  std::vector<Id> position(view.state().next, 0);
  Id at = 0;
  auto note = [&](Id id) { return position[id] = ++at, true; };
  visit_sorted(view, note);
  auto compare = [&](Id id) {
    return view.for_each_input(id, [&](Id input) {
      require(position[input] < position[id], "the graph has a cycle");
      return true;
    });
  };
  visit_sorted(view, compare);
}

}  // namespace

void check(GraphView& view) {
  check_tables(view);
  check_seals(view);
  Expected expected = read_log(view);
  const GraphState& state = view.state();
  require(expected.entries == state.recipes, "the number of entries is wrong");
  require(expected.unknown == state.unknown, "the number of inputs without an entry is wrong");
  require(expected.dead == state.dead, "the number of removed nodes is wrong");
  require(expected.inputs == state.edges, "the number of edges is wrong");
  require(expected.content == state.content, "the entries are not those that were inserted");
  require(state.late != 0 || !expected.late, "an edge runs to a later node against what the state says");
  check_index(view, expected);
  check_reverse(view, expected);
  check_payloads(view);
  check_records(view);
  if (expected.late) check_acyclic(view);
}

DagStats stats(GraphView& view) {
  const GraphState& state = view.state();
  const TableSet& tables = view.tables();
  const auto bytes = [&](MDB_dbi table) { return table_size(view.transaction(), table).bytes; };
  DagStats stats;
  stats.recipes = state.recipes;
  stats.placeholders = state.unknown;
  stats.edges = state.edges;
  stats.nodes = state.next;
  stats.removed = state.dead;
  stats.tail = state.next - state.merged;
  stats.late = state.late != 0;
  stats.log_bytes = bytes(tables.nodes) + bytes(tables.lists) + bytes(tables.payloads) + bytes(tables.records);
  stats.index_bytes = bytes(tables.index) + bytes(tables.index_recent);
  stats.reverse_bytes = bytes(tables.near) + bytes(tables.reverse) + bytes(tables.reverse_recent);
  return stats;
}

}  // namespace deriva::detail::graph
