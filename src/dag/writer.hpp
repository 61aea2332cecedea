#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/dag/detail/graph_engine.hpp>
#include <deriva/storage/transaction.hpp>

#include "dag/graph_view.hpp"

namespace deriva::detail::graph {

/// Changes a graph. One per open graph, used inside write transactions, one at a time; what it remembers from one
/// operation to the next is the unmerged end of the graph.
///
/// An operation is `begin`, questions and changes, `finish`. Whatever happens to the transaction afterwards, the next
/// `begin` sees by the stamp whether the graph is the one that is remembered, and reads the end of the log again when
/// it is not: after a rollback, after an operation that was given up, after a commit by another process.
class Writer {
 public:
  static constexpr Id unknown = ~Id{0};

  /// `max_tail`: nodes that `finish` may leave unmerged; `insert` merges before they are eight times as many.
  /// `journal_after`: small changes in a row before the next ones go to the journal; nothing: they never do.
  Writer(const GraphTables& tables, Id max_tail, std::optional<std::uint32_t> journal_after)
      : tables_(tables),
        max_tail_(max_tail),
        max_pending_(std::max<Id>(8 * max_tail, 1'024)),
        journal_after_(journal_after) {}

  void begin(WriteTransaction& transaction);
  /// For questions only. Requires: the transaction is one that writes.
  void begin(const ReadTransaction& transaction);
  /// Stores what the operation changed, or appends it to the journal. Without it the operation has not happened, unless
  /// it was so large that parts of it were stored (then the transaction has to be undone; `stored()` tells).
  void finish();
  void give_up() noexcept;
  /// Whether it ever made use of the journal.
  bool journals() const noexcept { return journals_; }
  bool stored() const noexcept { return stored_; }

  /// False: it was there, with these inputs; it keeps its payload. `Failure`: `cycle`, `invalid_argument`; then nothing
  /// was changed.
  bool insert(const EntryBytes& entry);

  /// The node of this key, a new one without an entry if need be. `likely`: where to look first.
  Id find_or_add(BytesView key, Id likely = unknown);
  /// Gives a node a record, or another one. Not empty.
  void put_record(Id id, BytesView record);
  /// Gives a node a record unless it has one, which is returned. Empty: it had none.
  BytesView add_record(Id id, BytesView record);
  /// False: it had none.
  bool erase_record(Id id);

  enum class Removal : std::uint8_t { refuse_if_needed, forced };
  /// False: no such entry. `Failure`: `invalid_argument` while other keys depend on it.
  bool remove(BytesView key, Removal removal);

  /// Removes all of these keys that have an entry, those that depend on others of them first.
  std::size_t remove_many(BytesView keys);

  /// Whether an operation is going on.
  bool active() const noexcept { return view_.has_value(); }
  GraphView& view() noexcept { return *view_; }
  GraphState& state() noexcept { return session_.state; }
  void note_change() noexcept {
    changed_ = true;
    only_appends_ = false;
  }
  /// The operation has replaced what is stored; nothing that was remembered is true any more.
  void forget() noexcept;

 private:
  struct Input {
    Id id;
    std::uint64_t hash;  // wide
  };
  bool remembers(const GraphState& base, const JournalContents* journal) const;
  void load();
  void read_journal(const JournalContents& journal);
  bool is_small() const noexcept;
  bool append_to_journal();
  void store_all();
  void check_same_inputs(BytesView key, Id id, BytesView inputs);
  void resolve(BytesView key, BytesView inputs);
  void check_cycle(Id id);
  void create_unknown_inputs(BytesView inputs);
  Id append(BytesView key, std::uint32_t hash, bool has_entry, std::span<const Id> inputs);
  void fill(Id id, std::span<const Id> inputs);
  void set_payload(Id id, BytesView payload);
  void drop_payload(Id id);
  Block& changing(std::uint32_t number);
  PayloadBlock& changing_payloads(std::uint32_t number);
  void store_payloads();
  std::uint64_t count_dependents(Id id);
  std::uint64_t digest_of(Id id);
  void remove_unneeded(Id id);
  void make_unknown(Id id);
  void remove_edges(Id id);
  void remove_near(Id input, Id dependent);
  void store_late_edges();
  void check_room(Id nodes) const;
  void merge_when_long();
  void store();
  void merge_tail();

  const GraphTables& tables_;
  const Id max_tail_;
  const Id max_pending_;
  const std::optional<std::uint32_t> journal_after_;
  WriteTransaction* transaction_ = nullptr;
  Session session_;
  Staging staging_;
  std::optional<GraphView> view_;
  std::uint64_t stamp_ = 0;          // of the graph that is remembered; 0: none
  std::uint64_t base_stamp_ = 0;     // of what the tables had of it
  std::uint64_t journal_epoch_ = 0;  // of the journal that has the rest; 0: there is none
  std::size_t journal_position_ = 0;
  std::uint64_t clean_for_ = 0;  // the transaction that `clean_blocks_` is for
  std::uint32_t clean_blocks_ = 0;
  std::uint32_t full_blocks_ = 0;    // blocks below this are stored and full
  Id appended_from_ = 0;             // of the operation
  std::uint64_t stamp_before_ = 0;   // the same
  std::uint32_t small_changes_ = 0;  // in a row
  bool journals_ = false;
  bool only_appends_ = false;  // the operation does nothing else
  bool changed_ = false;
  bool stored_ = false;
  std::vector<Input> inputs_;      // scratch
  std::vector<Id> ids_;            // scratch
  std::vector<std::byte> sealed_;  // scratch
};

/// Moves the nodes from `state.merged` to below `end`, the first of a block, from the tail to index and reverse.
/// Everything else of the graph is stored already.
void merge(WriteTransaction& transaction, GraphView& view, GraphState& state, const Tail& tail, Id end);

/// The cycle that `id` would close if it got these inputs: ids from `id` along inputs to `id`. Empty: none.
std::vector<Id> find_cycle(GraphView& view, Id id, std::span<const Id> inputs);

}  // namespace deriva::detail::graph
