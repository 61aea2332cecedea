#pragma once

#include <optional>
#include <utility>

#include <deriva/core/bytes.hpp>

#include "dag/block.hpp"
#include "storage/table_access.hpp"

namespace deriva::detail::graph {

/// Finds records by id. Ids that ascend cost a step of a cursor each, others a search from the root.
class RecordReader {
 public:
  /// Whether it was bound before; else it needs `RecordReader(Cursor)`.
  explicit operator bool() const noexcept { return static_cast<bool>(cursor_); }

  RecordReader() = default;
  explicit RecordReader(Cursor cursor) : cursor_(std::move(cursor)), any_(cursor_.entries() != 0) {}

  /// Moves to another transaction that reads.
  void bind(MDB_txn* transaction) {
    cursor_.bind(transaction);
    any_ = cursor_.entries() != 0;
    placed_ = false;
    next_.reset();
  }

  /// The first record of this id or a higher one. Valid for the transaction.
  const std::optional<TableEntry>& at_least(Id id) {
    if (any_ && (!placed_ || id < from_ || (next_ && id > next_->key))) move_to(id);
    return next_;
  }
  /// Empty: none. Valid for the transaction.
  BytesView find(Id id) {
    if (!any_) return {};
    const std::optional<TableEntry>& record = at_least(id);
    return record && record->key == id ? record->value : BytesView();
  }

 private:
  static constexpr Id near = 8;  // a search costs about as much as so many steps

  void move_to(Id id) {
    const bool is_near = placed_ && id >= from_ && next_ && id - next_->key <= near;
    if (is_near) {
      while (next_ && next_->key < id) next_ = cursor_.next();
    } else {
      next_ = cursor_.at_least(id);
    }
    from_ = id;
    placed_ = true;
  }

  Cursor cursor_;
  bool any_ = false;
  bool placed_ = false;
  Id from_ = 0;                     // once placed: no record has an id from this one on
  std::optional<TableEntry> next_;  // and before this one's
};

}  // namespace deriva::detail::graph
