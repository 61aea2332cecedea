#include <deriva/store/ledger.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace deriva {
namespace {

/// What a key of the table begins with; docs/storage-format.md, "Ledger".
enum class Kind : std::uint8_t { kept_bytes = 0, entry = 1, diverged = 2, first_value = 3, other_value = 4 };

class Key {
 public:
  explicit Key(Kind kind) noexcept : size_(1) { bytes_[0] = static_cast<std::byte>(kind); }
  Key(Kind kind, const Address& address) noexcept : Key(kind) {
    std::copy(address.bytes().begin(), address.bytes().end(), bytes_.begin() + 1);
    size_ = bytes_.size();
  }
  // NOLINTNEXTLINE(google-explicit-constructor): a key is its bytes.
  operator BytesView() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<std::byte, 33> bytes_{};
  std::size_t size_;
};

/// An entry on disk. Little-endian, like all that an environment holds.
struct StoredExecution {
  std::array<std::byte, 32> digest;
  std::uint64_t size;
};
struct StoredEntry {
  static constexpr std::uint32_t diverged = 1;
  static constexpr std::uint32_t first_failed = 2;
  static constexpr std::uint32_t other_failed = 4;
  static constexpr std::uint32_t has_difference = 8;

  std::uint32_t flags;
  std::uint32_t reserved;
  std::uint64_t times_verified;
  std::uint64_t times_diverged;
  StoredExecution first;
  StoredExecution other;
  std::uint64_t first_difference;
  std::int64_t at_ns;
  std::uint64_t seed;
};
static_assert(sizeof(StoredEntry) == 128 && std::has_unique_object_representations_v<StoredEntry>);

StoredExecution pack(const Execution& execution) { return {execution.digest.bytes, execution.size}; }
Execution unpack(const StoredExecution& stored, bool failed) { return {Digest{stored.digest}, stored.size, failed}; }

StoredEntry pack(const LedgerEntry& entry) {
  StoredEntry stored{};
  if (entry.verdict == Verdict::diverged) stored.flags |= StoredEntry::diverged;
  if (entry.first.failed) stored.flags |= StoredEntry::first_failed;
  if (entry.other.failed) stored.flags |= StoredEntry::other_failed;
  if (entry.first_difference) stored.flags |= StoredEntry::has_difference;
  stored.times_verified = entry.times_verified;
  stored.times_diverged = entry.times_diverged;
  stored.first = pack(entry.first);
  stored.other = pack(entry.other);
  stored.first_difference = entry.first_difference.value_or(0);
  stored.at_ns = entry.at.time_since_epoch().count();
  stored.seed = entry.seed;
  return stored;
}

LedgerEntry unpack(const StoredEntry& stored) {
  const auto has = [&stored](std::uint32_t flag) { return (stored.flags & flag) != 0; };
  LedgerEntry entry;
  entry.verdict = has(StoredEntry::diverged) ? Verdict::diverged : Verdict::agreed;
  entry.times_verified = stored.times_verified;
  entry.times_diverged = stored.times_diverged;
  entry.first = unpack(stored.first, has(StoredEntry::first_failed));
  entry.other = unpack(stored.other, has(StoredEntry::other_failed));
  if (has(StoredEntry::has_difference)) entry.first_difference = stored.first_difference;
  entry.at = std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(stored.at_ns));
  entry.seed = stored.seed;
  return entry;
}

Result<LedgerEntry> read_entry(BytesView bytes) {
  const Result<StoredEntry> stored = detail::from_stored<StoredEntry>(bytes);
  if (!stored) return stored.error();
  return unpack(*stored);
}

}  // namespace

Result<Ledger> Ledger::open(Environment environment, LedgerOptions options) {
  const auto table = Table<BytesView, BytesView>::open(environment, "ledger");
  if (!table) return table.error();
  return Ledger(std::move(environment), options, *table);
}

// --- Questions

Result<std::optional<LedgerEntry>> Ledger::verdict(const ReadTransaction& transaction, const Address& address) const {
  const auto bytes = table_.get(transaction, Key(Kind::entry, address));
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<LedgerEntry>();
  const Result<LedgerEntry> entry = read_entry(**bytes);
  if (!entry) return entry.error().with_address(address);
  return std::optional<LedgerEntry>(*entry);
}

Result<std::optional<LedgerEntry>> Ledger::verdict(const Address& address) const {
  return environment_.read([&](const ReadTransaction& transaction) { return verdict(transaction, address); });
}

Result<void> Ledger::for_each_diverged(const ReadTransaction& transaction, Visitor visitor) const {
  Result<void> outcome;
  const auto visit = [&](BytesView key, BytesView) {
    if (key.size() != 33 || key.front() != static_cast<std::byte>(Kind::diverged)) return false;
    std::array<std::byte, Address::size_bytes> bytes{};
    std::copy(key.begin() + 1, key.end(), bytes.begin());
    const Address address(bytes);
    const auto entry = verdict(transaction, address);
    if (!entry || !*entry) {
      outcome = entry ? Error(Errc::corrupted, "the ledger lists a divergence that it has no entry of") : entry.error();
      return false;
    }
    return visitor(address, **entry);
  };
  const Result<void> visited = table_.for_each_from(transaction, Key(Kind::diverged), visit);
  return visited ? outcome : visited;
}

Result<void> Ledger::for_each_diverged(Visitor visitor) const {
  return environment_.read([&](const ReadTransaction& transaction) { return for_each_diverged(transaction, visitor); });
}

Result<std::vector<std::pair<Address, LedgerEntry>>> Ledger::diverged() const {
  std::vector<std::pair<Address, LedgerEntry>> all;
  auto add = [&all](const Address& address, const LedgerEntry& entry) {
    return all.emplace_back(address, entry), true;
  };
  if (const Result<void> visited = for_each_diverged(add); !visited) return visited.error();
  return all;
}

Result<DivergentValues> Ledger::values(const Address& address) const {
  return environment_.read([&](const ReadTransaction& transaction) -> Result<DivergentValues> {
    const auto entry = verdict(transaction, address);
    if (!entry) return entry.error();
    DivergentValues values;
    if (!*entry) return values;
    const auto load = [&](Kind kind, const Digest& digest, std::optional<Blob>& value) -> Result<void> {
      const auto bytes = table_.get(transaction, Key(kind, address));
      if (!bytes) return bytes.error();
      if (!*bytes) return {};
      if (Digest::of(**bytes) != digest) {
        return Error(Errc::corrupted, "a value of a divergence has other bytes than were written")
            .with_address(address);
      }
      value = Blob::copy_of(**bytes);
      return {};
    };
    if (auto loaded = load(Kind::first_value, (*entry)->first.digest, values.first); !loaded) return loaded.error();
    if (auto loaded = load(Kind::other_value, (*entry)->other.digest, values.other); !loaded) return loaded.error();
    return values;
  });
}

// --- Changes

Result<void> Ledger::record(WriteTransaction& transaction, const Comparison& comparison) {
  const auto known = verdict(transaction, comparison.address);
  if (!known) return known.error();
  LedgerEntry entry = known->value_or(LedgerEntry{});
  const bool agrees = comparison.agrees();
  ++entry.times_verified;
  if (!agrees) ++entry.times_diverged;
  const bool decides = !agrees || entry.verdict == Verdict::agreed;
  if (decides) {
    entry.verdict = agrees ? Verdict::agreed : Verdict::diverged;
    entry.first = comparison.first;
    entry.other = comparison.other;
    entry.first_difference = comparison.first_difference;
    entry.at = comparison.at;
    entry.seed = comparison.seed;
  }
  const StoredEntry stored = pack(entry);
  const BytesView bytes = std::as_bytes(std::span(&stored, 1));
  if (auto put = table_.put(transaction, Key(Kind::entry, comparison.address), bytes); !put) return put;
  if (agrees) return {};
  if (auto put = table_.put(transaction, Key(Kind::diverged, comparison.address), BytesView()); !put) return put;
  return keep_values(transaction, comparison);
}

Result<std::uint64_t> Ledger::kept_bytes(const ReadTransaction& transaction) const {
  const auto bytes = table_.get(transaction, Key(Kind::kept_bytes));
  if (!bytes) return bytes.error();
  if (!*bytes) return std::uint64_t{0};
  return detail::from_stored<std::uint64_t>(**bytes);
}

/// Removes the values kept of a recipe; returns how many bytes are kept altogether then.
Result<std::uint64_t> Ledger::drop_values(WriteTransaction& transaction, const Address& address) {
  Result<std::uint64_t> kept = kept_bytes(transaction);
  if (!kept) return kept;
  for (const Kind kind : {Kind::first_value, Kind::other_value}) {
    const auto bytes = table_.get(transaction, Key(kind, address));
    if (!bytes) return bytes.error();
    if (!*bytes) continue;
    *kept -= std::min<std::uint64_t>(*kept, (*bytes)->size());
    if (const auto erased = table_.erase(transaction, Key(kind, address)); !erased) return erased.error();
  }
  return kept;
}

/// Replaces the values of an earlier divergence. A pair is kept whole or not at all.
Result<void> Ledger::keep_values(WriteTransaction& transaction, const Comparison& comparison) {
  Result<std::uint64_t> kept = drop_values(transaction, comparison.address);
  if (!kept) return kept.error();
  const std::size_t largest = std::max(comparison.first_value.size(), comparison.other_value.size());
  const std::uint64_t both = std::uint64_t{comparison.first_value.size()} + comparison.other_value.size();
  if (largest <= options_.largest_kept_value && both <= options_.kept_bytes - std::min(*kept, options_.kept_bytes)) {
    const auto keep = [&](Kind kind, const Execution& execution, const Blob& value) -> Result<void> {
      if (execution.failed || value.size() != execution.size) return {};
      *kept += value.size();
      return table_.put(transaction, Key(kind, comparison.address), value.view());
    };
    if (auto put = keep(Kind::first_value, comparison.first, comparison.first_value); !put) return put;
    if (auto put = keep(Kind::other_value, comparison.other, comparison.other_value); !put) return put;
  }
  return table_.put(transaction, Key(Kind::kept_bytes), std::as_bytes(std::span(&*kept, 1)));
}

Result<bool> Ledger::clear(WriteTransaction& transaction, const Address& address) {
  Result<bool> known = table_.erase(transaction, Key(Kind::entry, address));
  if (!known || !*known) return known;
  Result<bool> diverged = table_.erase(transaction, Key(Kind::diverged, address));
  if (!diverged || !*diverged) return diverged ? Result<bool>(true) : diverged;
  const Result<std::uint64_t> kept = drop_values(transaction, address);
  if (!kept) return kept.error();
  const auto put = table_.put(transaction, Key(Kind::kept_bytes), std::as_bytes(std::span(&*kept, 1)));
  if (!put) return put.error();
  return true;
}

Result<bool> Ledger::clear(const Address& address) {
  return environment_.write([&](WriteTransaction& transaction) { return clear(transaction, address); });
}

}  // namespace deriva
