#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <lmdb.h>

#include <deriva/core/bytes.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/transaction.hpp>

#include "storage/journal.hpp"
#include "storage/journal_contents.hpp"

namespace deriva::detail {

/// What the journal is for the write transaction that is open: its contents, and the changes to it. A journal begins
/// and ends with commits of LMDB; between them, a transaction that only appends to it needs no commit. Thread safety:
/// none; the leader's of the commit queue.
class JournalTurn {
 public:
  explicit JournalTurn(Environment::Impl& environment) noexcept : environment_(environment) {}

  /// As of this transaction: what it has appended is among it.
  [[nodiscard]] const JournalContents& contents() const noexcept { return contents_; }

  /// Whether the transaction consists of operations whose changes a journal can hold.
  [[nodiscard]] bool allowed() const noexcept { return allowed_; }
  /// Whether a change of this owner may be appended instead of changing tables. Not when the transaction has changed
  /// some already.
  [[nodiscard]] bool takes(std::string_view owner) const noexcept {
    return allowed_ && !closed_ && contents_.epoch() != 0 && holder_ == owner;
  }
  /// Appends a change. False: there is no room. Requires: `takes`.
  [[nodiscard]] bool append(BytesView payload);
  /// The caller has put everything into the tables that was in the journal, if that is its own. `Failure`: as `put`.
  void end(WriteTransaction& transaction, std::string_view owner);
  /// The same, and the next transaction finds an empty journal of this owner; none if that is somebody else's or cannot
  /// be made.
  void start(WriteTransaction& transaction, std::string_view owner);

  // For the environment.
  enum class Trust : std::uint8_t {
    end,     ///< the journal ends where the last one who appended said
    frames,  ///< after a loss of power it ends where its frames end
  };
  /// Brings the contents up to date. Returns a code of LMDB or an error number.
  [[nodiscard]] int begin(MDB_txn* transaction, bool allowed, Trust trust);
  /// Whether there is something to flush.
  [[nodiscard]] bool pending() const noexcept { return contents_.size() > published_; }
  /// Whether tables were changed as well, by another owner: there is no commit of both.
  [[nodiscard]] bool mixed() const noexcept { return pending() && closed_; }
  /// Makes it durable, and visible to others. Returns 0 or the error number; then nobody appends any more.
  [[nodiscard]] int flush() noexcept;
  /// LMDB has committed.
  void committed() noexcept;

 private:
  [[nodiscard]] int follow(std::uint64_t epoch, std::string_view owner, Trust trust);

  Environment::Impl& environment_;
  Journal* journal_ = nullptr;  // once it was needed
  JournalContents contents_;
  JournalEnd before_;          // what is published
  std::size_t published_ = 0;  // bytes of the contents that everybody sees
  std::uint64_t published_seal_ = 0;
  std::optional<std::uint64_t> started_;  // epoch of the journal that the transaction begins
  std::string holder_;                    // whose journal the transaction knows of; empty: nobody's
  bool allowed_ = false;
  bool closed_ = false;  // the transaction has changed tables
  bool broken_ = false;  // writing failed
};

/// The journal that a transaction knows of.
struct JournalName {
  std::uint64_t epoch = 0;  ///< 0: none
  std::string_view owner;   ///< valid as a value of a table
};
/// Returns a code of LMDB.
[[nodiscard]] int read_journal_name(MDB_txn* transaction, MDB_dbi table, JournalName& out) noexcept;

}  // namespace deriva::detail
