#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <deriva/core/error.hpp>

struct MDB_txn;

namespace deriva {

class Environment;

namespace detail {
class JournalContents;
class JournalTurn;

// clang-format off
template <class T>
concept Awaitable = requires(T& value) { value.await_ready(); } ||
                    requires(T&& value) { static_cast<T&&>(value).operator co_await(); } ||
                    requires(T&& value) { operator co_await(static_cast<T&&>(value)); };
// clang-format on
template <class T>
inline constexpr bool is_result_v = false;
template <class T>
inline constexpr bool is_result_v<boost::system::result<T, Error>> = !Awaitable<T>;
}  // namespace detail

/// What an operation inside a transaction may return: a `Result` of a value. An awaitable does not qualify, nor does
/// one inside a `Result`, so that no transaction can be open while a coroutine is suspended.
template <class T>
concept is_transaction_result = detail::is_result_v<T>;

/// A consistent snapshot of all tables of an environment, open for the length of one `Environment::read`.
/// Cannot be copied, moved or kept. Thread safety: only the thread that runs the operation.
class ReadTransaction {
 public:
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;
  ~ReadTransaction() = default;

  /// Number of the last commit that is seen (what went to a journal is none). Inside a write transaction: its own.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  /// Whether it can also change tables.
  [[nodiscard]] bool writes() const noexcept { return writes_; }
  /// The LMDB transaction, for the tables of this layer.
  [[nodiscard]] MDB_txn* native() const noexcept { return native_; }
  /// The journal of the environment as the transaction sees it; null: nobody follows it. For the graph.
  [[nodiscard]] const detail::JournalContents* journal() const noexcept { return journal_; }

 protected:
  friend class EnvironmentAccess;
  ReadTransaction(MDB_txn* native, std::uint64_t id, bool writes, const detail::JournalContents* journal) noexcept
      : native_(native), id_(id), writes_(writes), journal_(journal) {}

 private:
  MDB_txn* native_;
  std::uint64_t id_;
  bool writes_;
  const detail::JournalContents* journal_;
};

/// A transaction that may also change tables: sees its own changes; open for the length of one `Environment::write`.
/// Views that tables return inside it end with the next change.
class WriteTransaction : public ReadTransaction {
 public:
  /// Changes made so far; a table counts each of its own. An operation that failed before its first change costs the
  /// others in its group nothing.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  void count_change() noexcept { ++changes_; }
  /// Tells that LMDB failed inside a change (its code), so that the transaction cannot be committed: it is undone, and
  /// run again when that helps (a full map grows). For the tables of this layer.
  void count_fault(int code) noexcept { fault_ = code; }
  /// What may be done with the journal. For the graph.
  [[nodiscard]] detail::JournalTurn& journal_turn() noexcept { return turn_; }

 private:
  friend class EnvironmentAccess;
  WriteTransaction(MDB_txn* native, std::uint64_t id, const detail::JournalContents& journal,
                   detail::JournalTurn& turn) noexcept
      : ReadTransaction(native, id, true, &journal), turn_(turn) {}

  detail::JournalTurn& turn_;
  std::uint64_t changes_ = 0;
  int fault_ = 0;
};

namespace detail {

/// What a write comes to: the result of the operation when it was called last, or else the error of `run`, which makes
/// the call that it is given in a transaction, more than once if need be.
template <class Out, class Operation, class Run>
Out result_of_write(Operation& operation, const Run& run) {
  std::optional<Out> out;
  auto call = [&](WriteTransaction& transaction) -> Result<void> {
    out.emplace(operation(transaction));
    if (!*out) return out->error();
    return {};
  };
  Result<void> done = run(call);
  if (!done) return std::move(done).error();
  return *std::move(out);
}

}  // namespace detail

}  // namespace deriva
