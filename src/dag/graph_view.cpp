#include "dag/graph_view.hpp"

namespace deriva::detail::graph {

GraphView::GraphView(MDB_txn* transaction, const GraphTables& tables, Session& session, const Staging& staging,
                     std::uint32_t clean_blocks)
    : transaction_(transaction),
      tables_(tables),
      session_(session),
      staging_(&staging),
      end_(&staging),
      clean_blocks_(clean_blocks),
      shape_(session.state.shape()),
      hash_(session.state.seed) {
  check_addresses();
}

GraphView::~GraphView() {
  if (staging_ != nullptr) close_readers();  // cursors of a transaction that writes must not outlive it
}

void GraphView::close_readers() noexcept {
  for (PackedSet::Reader& reader : session_.sets) reader = PackedSet::Reader();
  session_.records = RecordReader();
}

// The first use of a table in a transaction costs LMDB a search for its root: only those that are asked are bound.
PackedSet::Reader& GraphView::reader(IndexedSet which) {
  const auto position = static_cast<std::size_t>(which);
  PackedSet::Reader& reader = session_.sets[position];
  const auto bit = static_cast<std::uint8_t>(1U << position);
  if ((bound_ & bit) != 0 || reader.knows_pages()) return reader;
  bound_ |= bit;
  if (reader.cursor()) {
    reader.cursor().bind(transaction_);
  } else {
    const TableSet& set = tables();
    const MDB_dbi handles[] = {set.index, set.index_recent, set.reverse, set.reverse_recent};
    const auto memory = staging_ != nullptr ? PackedSet::Reader::Memory::none : PackedSet::Reader::Memory::pages;
    reader = PackedSet::Reader(Cursor(transaction_, handles[position]), memory);
  }
  return reader;
}

void GraphView::remember_addresses(std::uint32_t number, const std::byte* addresses) {
  session_.addresses[number] = addresses;
  if (session_.addresses_witness != nullptr) return;
  session_.addresses_witness = addresses;
  session_.witness_block = number;
}

void GraphView::update_tail() {
  if (knows_tail()) return;
  Tail& tail = session_.tail;
  session_.tail_stamp = 0;
  const bool extends = session_.tail_generation == state().generation && session_.tail_epoch == state().tail_epoch &&
                       tail.first() == state().merged && tail.end() <= state().next;
  if (!extends) {
    // Not as long a tail as a damaged state may say.
    if (table_size(transaction_, tables().nodes).entries != 2 * std::uint64_t{clean_blocks_}) {
      throw_corrupted("the log is not as long as its state says");
    }
    tail.reset(state().merged);
    session_.tail_generation = state().generation;
    session_.tail_epoch = state().tail_epoch;
    tail.reserve(state().next - state().merged);
  }
  while (tail.end() < state().next) tail.add(hash(key(tail.end())));
  session_.tail_stamp = state().stamp;
}

void GraphView::complete_tail_edges() {
  update_tail();
  Tail& tail = session_.tail;
  if (tail.edges.empty()) tail.edges.reserve(std::size_t{2} * (state().next - tail.edges_end));
  while (tail.edges_end < state().next) {
    const std::uint32_t number = shape_.block_of(tail.edges_end);
    const Id first = shape_.first_of(number);
    block(number).for_each_list(tail.edges_end - first, [&](std::uint32_t slot, EncodedList& list) {
      const Id id = first + slot;
      return for_each_input(id, list, [&](Id input) { return tail.edges.add(input, id), true; });
    });
    tail.edges_end = std::min(state().next, shape_.first_of(number + 1));
  }
}

std::optional<Id> GraphView::find(BytesView key, std::uint32_t hash) {
  if (knows_tail()) {
    const std::optional<Id> found = find_in_tail(key, hash);
    return found ? found : find_in_sets(key, hash);
  }
  if (const std::optional<Id> found = find_in_sets(key, hash)) return found;
  update_tail();
  return find_in_tail(key, hash);
}

std::optional<Id> GraphView::find_in_tail(BytesView key, std::uint32_t hash) {
  std::optional<Id> found;
  session_.tail.for_each_with_hash(hash, [&](Id id) {
    if (is_live(id, key)) found = id;
    return !found.has_value();
  });
  return found;
}

std::optional<Id> GraphView::find_in_sets(BytesView key, std::uint32_t hash) {
  std::optional<Id> found;
  const auto look = [&](Id id) {
    if (is_live(id, key)) found = id;
    return !found.has_value();
  };
  const std::uint64_t from = std::uint64_t{hash} << 32U;
  const auto look_entry = [&](std::uint64_t entry) {
    const Id id = static_cast<Id>(entry & 0xffffffffU);
    prefetch_node(id);
    return look(id);
  };
  const auto look_in = [&](IndexedSet set, std::uint64_t size) {
    if (!found && size > 0) reader(set).for_each_even(from, from | 0xffffffffU, look_entry);
  };
  // Most keys are in the large set, but those that a writer asks for are mostly young.
  if (only_reads()) look_in(IndexedSet::index, state().index_main);
  look_in(IndexedSet::index_recent, state().index_recent);
  if (!only_reads()) look_in(IndexedSet::index, state().index_main);
  return found;
}

// What a question for a node reads one after the other, each from a page of its own, comes at the same time.
void GraphView::prefetch_node(Id id) {
  const std::uint32_t number = shape_.block_of(id);
  if (!only_reads() || number >= clean_blocks_) return;
  prefetch_key(id);
  const BytesView block = session_.blocks[number];
  if (block.size() < shape_.header_bytes()) return;
  const std::uint32_t slot = id - shape_.first_of(number);
  const std::byte* lists = block.data() + shape_.header_bytes();
  __builtin_prefetch(block.data());
  __builtin_prefetch(lists - 1);
  // Lists differ little in length, so that this is the line, or the next one.
  __builtin_prefetch(lists + (block.size() - shape_.header_bytes()) * slot / shape_.nodes());
}

void GraphView::prefetch_key(Id id) {
  const std::uint32_t number = shape_.block_of(id);
  if (!only_reads() || number >= clean_blocks_) return;
  if (const std::byte* addresses = session_.addresses[number]) {
    __builtin_prefetch(addresses + std::size_t{id - shape_.first_of(number)} * shape_.key_size());
  }
}

bool GraphView::is_live(Id id, BytesView key) {
  if (id >= state().next) throw_corrupted("the index names a node that does not exist");
  if (std::memcmp(key_at(id), key.data(), shape_.key_size()) != 0) return false;
  return state().dead == 0 || !is_dead(id);
}

const std::byte* GraphView::key_at(Id id) {
  const std::size_t key_size = shape_.key_size();
  if (end_ != nullptr && id >= end_->first_key) return end_->key_at(shape_, id);
  const std::uint32_t number = shape_.block_of(id);
  const std::size_t offset = (id - shape_.first_of(number)) * key_size;
  if (number < clean_blocks_) {
    const std::byte* addresses = session_.addresses[number];
    if (addresses == nullptr) {
      addresses = load_addresses(number);
      remember_addresses(number, addresses);
    }
    return addresses + offset;
  }
  if (staging_ != nullptr) return load_addresses(number) + offset;
  if (session_.open_addresses == nullptr) session_.open_addresses = load_addresses(number);
  return session_.open_addresses + offset;
}

BytesView GraphView::stored_addresses(std::uint32_t number) {
  const std::optional<BytesView> bytes = is_open(number) ? get(transaction_, tables_.unnamed, tables_.open_keys)
                                                         : get(transaction_, tables().nodes, 2 * std::uint64_t{number});
  if (!bytes) throw_corrupted("the addresses of a block are missing");
  return *bytes;
}

const std::byte* GraphView::load_addresses(std::uint32_t number) {
  return check_seal(Part::addresses, number, stored_addresses(number)).data();
}

// What the session has seen sound is not checked again. What this process writes is sound.
BytesView GraphView::check_seal(Part part, std::uint32_t number, BytesView stored) {
  std::uint8_t& sound = session_.sound[number];
  const auto bit = static_cast<std::uint8_t>(1U << static_cast<unsigned>(part));
  if ((sound & bit) != 0) return sealed_contents(stored);
  const BytesView contents = unseal(stored, state().seal(part, number));
  if (part == Part::addresses && contents.size() != shape_.address_bytes()) throw_corrupted("a block lacks addresses");
  sound |= bit;
  return contents;
}

BytesView GraphView::check_inputs(std::uint32_t number, BytesView stored) {
  const BytesView contents = check_seal(Part::inputs, number, stored);
  if (BlockView(shape_, contents).count() != state().nodes_in(number)) throw_corrupted("a block lacks nodes");
  return contents;
}

BlockView GraphView::block(std::uint32_t number) {
  if (const Block* staged = staged_block(number)) return staged->view();
  if (staging_ != nullptr) return BlockView(shape_, stored_block(number));
  BytesView& remembered = session_.blocks[number];
  if (remembered.empty()) remembered = stored_block(number);
  return BlockView(shape_, remembered);
}

const Block* GraphView::staged_block(std::uint32_t number) const {
  if (end_ == nullptr) return nullptr;
  const auto staged = end_->blocks.find(number);
  return staged == end_->blocks.end() ? nullptr : &staged->second;
}

BytesView GraphView::stored_block(std::uint32_t number) {
  const std::optional<BytesView> bytes = is_open(number)
                                             ? get(transaction_, tables_.unnamed, tables_.open_lists)
                                             : get(transaction_, tables().nodes, 2 * std::uint64_t{number} + 1);
  if (!bytes) throw_corrupted("a block is missing");
  return check_inputs(number, *bytes);
}

std::optional<BytesView> GraphView::near_bytes(std::uint32_t number) {
  const auto load = [&]() -> std::optional<BytesView> {
    const std::optional<BytesView> stored = get(transaction_, tables().near, number);
    if (!stored) return std::nullopt;
    return check_seal(Part::near, number, *stored);
  };
  if (staging_ != nullptr) return load();
  BytesView& remembered = session_.near_blocks[number];
  if (remembered.empty()) remembered = load().value_or(BytesView());
  if (remembered.empty()) return std::nullopt;
  return remembered;
}

BytesView GraphView::payload_bytes(std::uint32_t number) {
  if (staging_ != nullptr) {
    const auto staged = staging_->payloads.find(number);
    if (staged != staging_->payloads.end()) return staged->second.bytes();
    return stored_payloads(number);
  }
  BytesView& remembered = session_.payloads[number];
  if (remembered.empty()) remembered = stored_payloads(number);
  return remembered;
}

BytesView GraphView::stored_payloads(std::uint32_t number) {
  const std::optional<BytesView> stored = get(transaction_, tables().payloads, payload_key(number));
  return stored ? check_seal(Part::payloads, number, *stored) : BytesView();
}

BytesView GraphView::long_payload(Id id) {
  if (staging_ != nullptr) {
    const auto staged = staging_->long_payloads.find(id);
    if (staged != staging_->long_payloads.end()) return staged->second;
  }
  const std::optional<BytesView> bytes = get(transaction_, tables().payloads, long_payload_key(shape_, id));
  if (!bytes) throw_corrupted("a long payload is missing");
  return unseal(*bytes, state().seal(Part::payload, id));
}

BytesView GraphView::record(Id id) {
  const BytesView stored = stored_record(id);
  return stored.empty() ? stored : unseal(stored, state().seal(Part::record, id));
}

BytesView GraphView::stored_record(Id id) {
  if (staging_ != nullptr) return get(transaction_, tables().records, id).value_or(BytesView());
  return record_reader().find(id);
}

RecordReader& GraphView::record_reader() {
  if (!records_bound_) {
    if (session_.records) {
      session_.records.bind(transaction_);
    } else {
      session_.records = RecordReader(Cursor(transaction_, tables().records));
    }
    records_bound_ = true;
  }
  return session_.records;
}

bool GraphView::is_near(Id input, Id dependent) {
  const std::optional<BytesView> bytes = near_bytes(shape_.block_of(input));
  if (!bytes) return false;
  EncodedList list = BlockView(shape_, *bytes).list(shape_.slot_of(input));
  return !list.for_each(input, [&](Id other) { return other != dependent; });
}

std::vector<Id> GraphView::long_list(Id id, std::uint32_t count) {
  if (end_ != nullptr) {
    if (const auto staged = end_->lists.find(id); staged != end_->lists.end()) return staged->second;
  }
  const std::optional<BytesView> stored = get(transaction_, tables().lists, id);
  if (!stored) throw_corrupted("a long list is missing");
  const BytesView bytes = unseal(*stored, state().seal(Part::list, id));
  if (bytes.size() != count * sizeof(Id)) throw_corrupted("a long list is not as long as its block says");
  std::vector<Id> ids(count);
  std::memcpy(ids.data(), bytes.data(), bytes.size());
  for (const Id input : ids) {
    if (input >= max_nodes) throw_corrupted("a list names a node that cannot exist");
  }
  return ids;
}

}  // namespace deriva::detail::graph
