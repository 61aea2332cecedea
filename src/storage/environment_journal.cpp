// Appending a change to the journal instead of committing it to the tables; docs/graph-format.md.
#include <cerrno>
#include <cstring>
#include <memory>

#include "storage/environment_impl.hpp"
#include "storage/lmdb_error.hpp"
#include "storage/table_access.hpp"

namespace deriva {
namespace detail {
namespace {

/// What the journal is known by, in the unnamed table: its epoch, and its owner. No table can have a name that begins
/// like this.
constexpr std::string_view name_key("\0journal", 8);

/// Every epoch is another one, so that frames of one journal never pass for those of another; the eras count.
Result<std::uint64_t> epoch_after(std::uint32_t era) {
  std::uint32_t random = 0;
  if (auto done = random_bytes(std::as_writable_bytes(std::span(&random, 1))); !done) return done.error();
  const std::uint32_t next = era + 1 == 0 ? 1 : era + 1;
  return std::uint64_t{random} << 32U | next;
}

/// Why there is no journal to read, as LMDB would say it.
int code_of(const Error& error) noexcept {
  switch (error.code()) {
    case Errc::permission_denied:
      return EACCES;
    case Errc::io_error:
      return EIO;
    default:
      return MDB_CORRUPTED;
  }
}

}  // namespace

int read_journal_name(MDB_txn* transaction, MDB_dbi table, JournalName& out) noexcept {
  out = {};
  MDB_val key{name_key.size(), const_cast<char*>(name_key.data())};
  MDB_val value{};
  const int failed = mdb_get(transaction, table, &key, &value);
  if (failed != 0) return failed == MDB_NOTFOUND ? 0 : failed;
  if (value.mv_size < sizeof(out.epoch)) return MDB_CORRUPTED;
  std::memcpy(&out.epoch, value.mv_data, sizeof(out.epoch));
  out.owner = std::string_view(static_cast<const char*>(value.mv_data), value.mv_size).substr(sizeof(out.epoch));
  return out.epoch == 0 ? MDB_CORRUPTED : 0;
}

int JournalTurn::begin(MDB_txn* transaction, bool allowed, Trust trust) {
  started_.reset();
  closed_ = false;
  allowed_ = allowed && !broken_ && environment_.options().durability == Durability::sync;
  JournalName name;
  const MDB_dbi table = environment_.journal_table();
  if (const int failed = table == 0 ? 0 : read_journal_name(transaction, table, name)) return failed;
  holder_ = name.owner;
  if (name.epoch != 0) return follow(name.epoch, name.owner, trust);
  contents_.reset();
  published_ = 0;
  return 0;
}

int JournalTurn::follow(std::uint64_t epoch, std::string_view owner, Trust trust) {
  if (journal_ == nullptr) {
    const Result<Journal*> journal = environment_.journal(false);
    if (!journal) return code_of(journal.error());
    journal_ = *journal;
  }
  if (contents_.epoch() != epoch) {
    contents_.reset(epoch, owner);
  } else {
    contents_.truncate(published_, published_seal_);
  }
  before_ = journal_->end();
  const bool trusted = trust == Trust::end && before_.era == era_of(epoch);
  const auto known = static_cast<std::uint32_t>(contents_.size());
  const std::uint32_t end = trusted ? before_.bytes : static_cast<std::uint32_t>(Journal::capacity);
  if (end < known) return MDB_CORRUPTED;
  std::vector<std::byte> bytes;
  if (const int failed = end > known ? journal_->read(known, end, bytes) : 0) return failed;
  const std::size_t adopted = contents_.adopt(bytes);
  if (trusted && adopted != bytes.size()) return MDB_CORRUPTED;
  const JournalEnd found{era_of(epoch), static_cast<std::uint32_t>(contents_.size())};
  if (found != before_) {
    if (const int failed = journal_->flush()) return failed;
    journal_->publish(found);
    before_ = found;
  }
  published_ = contents_.size();
  published_seal_ = contents_.seal();
  return 0;
}

bool JournalTurn::append(BytesView payload) {
  if (payload.size() + JournalContents::frame_overhead > Journal::capacity - contents_.size()) return false;
  contents_.append(payload);
  return true;
}

void JournalTurn::end(WriteTransaction& transaction, std::string_view owner) {
  closed_ = true;
  if (holder_ != owner) return;
  holder_.clear();
  started_.reset();
  contents_.reset();
  published_ = 0;
  erase(transaction, environment_.journal_table(), name_key);
}

void JournalTurn::start(WriteTransaction& transaction, std::string_view owner) {
  end(transaction, owner);
  if (broken_ || !holder_.empty()) return;
  if (journal_ == nullptr) {
    const Result<Journal*> journal = environment_.journal(true);
    broken_ = !journal;
    if (broken_) return;
    journal_ = *journal;
  }
  before_ = journal_->end();
  const Result<std::uint64_t> epoch = epoch_after(before_.era);
  if (!epoch) return;
  std::vector<std::byte> name(sizeof(*epoch));
  std::memcpy(name.data(), &*epoch, sizeof(*epoch));
  const BytesView owner_bytes = as_bytes(owner);
  name.insert(name.end(), owner_bytes.begin(), owner_bytes.end());
  put(transaction, environment_.journal_table(), name_key, name);
  holder_ = owner;
  started_ = *epoch;
}

int JournalTurn::flush() noexcept {
  const int failed = journal_->append(static_cast<std::uint32_t>(published_), contents_.from(published_));
  if (failed != 0) {
    broken_ = true;
    return failed;
  }
  before_ = {era_of(contents_.epoch()), static_cast<std::uint32_t>(contents_.size())};
  journal_->publish(before_);
  published_ = contents_.size();
  published_seal_ = contents_.seal();
  return 0;
}

void JournalTurn::committed() noexcept {
  if (started_) journal_->replace_end(before_, {era_of(*started_), 0});
}

}  // namespace detail

Result<detail::Journal*> Environment::Impl::journal(bool create) {
  const std::lock_guard lock(journal_mutex_);
  if (journal_file_ == nullptr) {
    Result<std::unique_ptr<detail::Journal>> opened =
        create ? detail::Journal::create(directory_.get()) : detail::Journal::open(directory_.get());
    if (!opened) return opened.error();
    journal_file_ = *std::move(opened);
    journal_.store(journal_file_.get(), std::memory_order_release);
  }
  return journal_file_.get();
}

Result<void> Environment::Impl::recover_journal() {
  auto action = [&]() -> Result<void> {
    const Result<MDB_txn*> begun = begin_write();
    if (!begun) return begun.error();
    const int failed = turn_.begin(*begun, false, detail::JournalTurn::Trust::frames);
    mdb_txn_abort(*begun);
    if (failed != 0) return detail::lmdb_error(failed, "reading the journal");
    return {};
  };
  return run_alone(action);
}

/// Brings what the place holds of the journal up to the state of its transaction, which began after `before` was
/// published. `changed`: somebody has published something meanwhile. Returns a code of LMDB or an error number.
int Environment::Impl::follow(Place& place, const detail::Journal* journal, detail::JournalEnd before, Followed& out) {
  out = Followed::up_to_date;
  if (place.journal == nullptr) {
    place.journal = std::make_unique<detail::JournalContents>();
    place.named_in = 0;
  }
  detail::JournalContents& contents = *place.journal;
  const std::uint64_t transaction = mdb_txn_id(place.transaction);
  if (place.named_in != transaction) {
    detail::JournalName name;
    if (const int failed = detail::read_journal_name(place.transaction, journal_table(), name)) return failed;
    if (contents.epoch() != name.epoch) contents.reset(name.epoch, name.owner);
    place.named_in = transaction;
  }
  if (contents.epoch() == 0) return 0;
  if (journal == nullptr) {
    out = Followed::changed;
    const Result<detail::Journal*> opened = this->journal(false);
    return opened ? 0 : detail::code_of(opened.error());
  }
  if (before.era == detail::era_of(contents.epoch()) && before.bytes > contents.size()) {
    std::vector<std::byte> bytes;
    const int failed = journal->read(static_cast<std::uint32_t>(contents.size()), before.bytes, bytes);
    // Only what is read before another journal begins is of this one.
    if (journal->end().era == before.era) {
      if (failed != 0) return failed;
      if (contents.adopt(bytes) != bytes.size()) return MDB_CORRUPTED;
    }
  }
  if (journal->end() != before) out = Followed::changed;
  return 0;
}

}  // namespace deriva
