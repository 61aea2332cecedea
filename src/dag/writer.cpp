#include "dag/writer.hpp"

#include <algorithm>

#include <deriva/dag/dag_errors.hpp>

#include "dag/journaled_nodes.hpp"

namespace deriva::detail::graph {

void Writer::begin(WriteTransaction& transaction) {
  transaction_ = &transaction;
  begin(static_cast<const ReadTransaction&>(transaction));
}

void Writer::begin(const ReadTransaction& transaction) {
  changed_ = false;
  stored_ = false;
  only_appends_ = true;
  const GraphState base = read_state(transaction.native(), tables_).state;
  const JournalContents* const journal = journal_of(transaction, tables_);
  const BlockShape shape = base.shape();
  if (clean_for_ != transaction.id() || base.generation != session_.addresses_generation) {
    // Blocks that this transaction writes may lie in memory of its own: nothing of them may be remembered.
    clean_blocks_ = clean_for_ == transaction.id() ? 0 : base.next / shape.nodes();
    clean_for_ = transaction.id();
  }
  const bool known = remembers(base, journal);
  if (!known || stamp_ == base.stamp) session_.state = base;
  if (!known) {
    session_.sound.clear();
    staging_ = Staging{};
    staging_.first_key = base.next;
    base_stamp_ = base.stamp;
    journal_epoch_ = journal != nullptr ? journal->epoch() : 0;
    journal_position_ = 0;
  }
  stamp_ = 0;  // until `finish`
  view_.emplace(transaction.native(), tables_, session_, staging_, clean_blocks_);
  if (!known) load();
  if (journal != nullptr) read_journal(*journal);
  stamp_ = stamp_before_ = state().stamp;
  appended_from_ = state().next;
}

// Whether what is remembered is the graph, or was when the journal was shorter.
bool Writer::remembers(const GraphState& base, const JournalContents* journal) const {
  if (stamp_ == 0 || base.stamp != base_stamp_) return false;
  if (journal == nullptr) return stamp_ == base.stamp;
  if (journal_epoch_ != journal->epoch()) return stamp_ == base.stamp;
  std::size_t position = journal_position_;
  if (position == journal->size()) return JournaledNodes(journal->last().value()).state().stamp == stamp_;
  const std::optional<BytesView> next = journal->next(position);
  return next && JournaledNodes::follows(*next, stamp_);
}

// Reads the end of the log.
void Writer::load() {
  const BlockShape& shape = view_->shape();
  const GraphState& base = session_.state;
  std::vector<std::byte> keys;
  for (Id id = base.merged; id < base.next; ++id) {
    const BytesView key = view_->key(id);
    keys.insert(keys.end(), key.begin(), key.end());
  }
  staging_.keys = std::move(keys);
  staging_.first_key = base.merged;
  full_blocks_ = base.next / shape.nodes();
  if (base.next > shape.first_of(full_blocks_)) {
    staging_.blocks.emplace(full_blocks_, Block(shape, view_->stored_block(full_blocks_)));
  }
  session_.tail.reset(base.merged);
  while (session_.tail.end() < base.next) session_.tail.add(view_->hash(view_->key(session_.tail.end())));
  view_->complete_tail_edges();
}

void Writer::read_journal(const JournalContents& journal) {
  if (journal_epoch_ != journal.epoch()) {
    journal_epoch_ = journal.epoch();
    journal_position_ = 0;
  }
  JournaledNodes::replay(journal, journal_position_, state(),
                         [&](Id, BytesView key, bool has_entry, std::span<const Id> inputs) {
                           append(key, view_->hash(key), has_entry, inputs);
                         });
}

void Writer::forget() noexcept {
  stamp_ = 0;
  view_.reset();
}

void Writer::give_up() noexcept {
  if (changed_) stamp_ = 0;
  view_.reset();
}

void Writer::finish() {
  if (!changed_) {
    view_.reset();
    return;
  }
  stamp_ = 0;
  state().stamp = random_bits();
  if (!append_to_journal()) {
    store_all();
    base_stamp_ = state().stamp;
    journal_epoch_ = 0;
  }
  stamp_ = state().stamp;
  view_.reset();
}

bool Writer::insert(const EntryBytes& entry) {
  const auto& [key, inputs, payload] = entry;
  const std::uint64_t wide_hash = view_->wide_hash(key);
  const std::uint32_t hash = KeyHash::folded(wide_hash);
  const std::optional<Id> known = view_->find(key, hash);
  if (known && view_->has_entry(*known)) {
    check_same_inputs(key, *known, inputs);
    return false;
  }
  resolve(key, inputs);
  if (known) check_cycle(*known);
  check_room(static_cast<Id>(inputs_.size()) + 1);

  changed_ = true;
  create_unknown_inputs(inputs);
  ids_.clear();
  EntryDigest digest(wide_hash);
  for (const Input& input : inputs_) {
    ids_.push_back(input.id);
    digest.add(input.hash);
  }
  if (known) fill(*known, ids_);
  const Id id = known ? *known : append(key, hash, true, ids_);
  set_payload(id, payload);
  ++state().recipes;
  state().edges += ids_.size();
  state().content += digest.value();
  merge_when_long();
  return true;
}

void Writer::check_room(Id nodes) const {
  if (session_.state.next < max_nodes - nodes) return;
  throw Failure{Error(Errc::unsupported, "a graph holds at most 2^31 nodes, removed ones included")};
}

void Writer::merge_when_long() {
  if (state().next - state().merged < max_pending_) return;
  store();
  merge_tail();
  stored_ = true;
}

Id Writer::find_or_add(BytesView key, Id likely) {
  if (likely < state().next && view_->is_live(likely, key)) return likely;
  const std::uint32_t hash = view_->hash(key);
  if (const std::optional<Id> known = view_->find(key, hash)) return *known;
  check_room(1);
  changed_ = true;
  ++state().unknown;
  const Id id = append(key, hash, false, {});
  merge_when_long();
  return id;
}

void Writer::check_same_inputs(BytesView key, Id id, BytesView inputs) {
  const std::size_t key_size = key.size();
  bool same = true;
  view_->for_each_input(id, [&](Id input) {
    same = inputs.size() >= key_size && std::memcmp(view_->key_at(input), inputs.data(), key_size) == 0;
    if (same) inputs = inputs.subspan(key_size);
    return same;
  });
  if (!same || !inputs.empty()) throw Failure{conflict_error(key)};
}

void Writer::resolve(BytesView key, BytesView inputs) {
  inputs_.clear();
  for (; !inputs.empty(); inputs = inputs.subspan(key.size())) {
    const BytesView input = inputs.first(key.size());
    if (std::memcmp(input.data(), key.data(), key.size()) == 0) {
      std::vector<std::byte> path(key.begin(), key.end());
      path.insert(path.end(), key.begin(), key.end());
      throw Failure{cycle_error(key, 1).with_path_bytes(path, key.size())};
    }
    const std::uint64_t hash = view_->wide_hash(input);
    inputs_.push_back({view_->find(input, KeyHash::folded(hash)).value_or(unknown), hash});
  }
}

// Only a node that something depends on already can close a cycle, and only through inputs that were there before.
void Writer::check_cycle(Id id) {
  ids_.clear();
  for (const Input& input : inputs_) {
    if (input.id != unknown && (state().late != 0 || input.id > id)) ids_.push_back(input.id);
  }
  if (ids_.empty()) return;
  const std::vector<Id> cycle = find_cycle(*view_, id, ids_);
  if (cycle.empty()) return;
  std::vector<std::byte> path;
  for (const Id step : cycle) {
    const BytesView key = view_->key(step);
    path.insert(path.end(), key.begin(), key.end());
  }
  throw Failure{cycle_error(view_->key(id), cycle.size() - 1).with_path_bytes(path, view_->shape().key_size())};
}

void Writer::create_unknown_inputs(BytesView inputs) {
  const std::size_t key_size = view_->shape().key_size();
  Id created_from = unknown;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (input.id != unknown) continue;
    const BytesView key = inputs.subspan(i * key_size, key_size);
    const std::uint32_t hash = KeyHash::folded(input.hash);
    if (created_from != unknown) {  // it may be a repetition of one that was just created
      session_.tail.for_each_with_hash(hash, [&](Id id) {
        if (id >= created_from && std::memcmp(view_->key_at(id), key.data(), key_size) == 0) input.id = id;
        return input.id == unknown;
      });
    }
    if (input.id != unknown) continue;
    input.id = append(key, hash, false, {});
    created_from = std::min(created_from, input.id);
    ++state().unknown;
  }
}

Id Writer::append(BytesView key, std::uint32_t hash, bool has_entry, std::span<const Id> inputs) {
  const BlockShape& shape = view_->shape();
  const Id id = state().next++;
  session_.tail.add(hash);
  for (const Id input : inputs) session_.tail.edges.add(input, id);
  session_.tail.edges_end = id + 1;
  staging_.append(shape, id, key, has_entry, inputs);
  return id;
}

// Gives a node without an entry its inputs.
void Writer::fill(Id id, std::span<const Id> inputs) {
  Block& block = changing(view_->shape().block_of(id));
  if (!block.replace(id, true, inputs)) staging_.lists[id].assign(inputs.begin(), inputs.end());
  --state().unknown;
  const bool merged = id < state().merged;
  for (const Id input : inputs) {
    if (input > id) state().late = 1;
    (merged ? staging_.late_edges : session_.tail.edges).add(input, id);
  }
  if (!merged) ++state().tail_epoch;
}

Block& Writer::changing(std::uint32_t number) {
  only_appends_ = false;
  if (const auto found = staging_.blocks.find(number); found != staging_.blocks.end()) return found->second;
  return staging_.blocks.emplace(number, Block(view_->shape(), view_->stored_block(number))).first->second;
}

}  // namespace deriva::detail::graph
