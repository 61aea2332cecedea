#include "storage/data_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <lmdb.h>

#include "storage/posix.hpp"

namespace deriva::detail {
namespace {

// LMDB 0.9 on a 64-bit little-endian system: `MDB_page`, `MDB_meta` and `MDB_node` as they lie in the file.
constexpr std::size_t page_header = 16;
constexpr std::size_t meta_end = 152;
constexpr std::uint32_t lmdb_magic = 0xBEEFC0DE;
constexpr std::uint32_t lmdb_version = 1;
constexpr std::uint64_t no_page = ~std::uint64_t{0};
enum PageFlag : std::uint16_t { branch_page = 1, leaf_page = 2, overflow_page = 4, meta_page = 8 };

template <class T>
T load(BytesView bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

struct Meta {
  std::uint64_t page_size = 0;
  std::uint64_t free_root = no_page;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};

Error damaged(std::string_view what) { return Error(Errc::corrupted, fmt::format("data.mdb: {}", what)); }

Result<Meta> read_meta(int file, std::uint64_t offset) {
  std::array<std::byte, meta_end> bytes{};
  const std::int64_t got = read_at(file, bytes, offset);
  if (got < 0) return system_error(static_cast<int>(-got), "reading data.mdb");
  if (got == 0 && offset == 0) return damaged("the file is empty");
  if (static_cast<std::size_t>(got) < meta_end) return damaged("the file ends inside its first pages");
  if ((load<std::uint16_t>(bytes, 10) & meta_page) == 0 || load<std::uint32_t>(bytes, 16) != lmdb_magic) {
    return damaged("not an LMDB file");
  }
  const auto version = load<std::uint32_t>(bytes, 20);
  if (version != lmdb_version) {
    return Error(Errc::format_mismatch, fmt::format("data.mdb is in LMDB file format {}; this library reads format {}",
                                                    version & 0x7FFFFFFFU, lmdb_version));
  }
  Meta meta{load<std::uint32_t>(bytes, 40), load<std::uint64_t>(bytes, 80), load<std::uint64_t>(bytes, 136),
            load<std::uint64_t>(bytes, 144)};
  const bool power_of_two = (meta.page_size & (meta.page_size - 1)) == 0;
  if (!power_of_two || meta.page_size < 512 || meta.page_size > 65536 || meta.last_page > (no_page >> 17U)) {
    return damaged("impossible numbers in its first pages");
  }
  return meta;
}

Result<Meta> read_newest_meta(int file) {
  Result<Meta> first = read_meta(file, 0);
  if (!first) return first;
  Result<Meta> second = read_meta(file, first->page_size);
  if (!second) return second;
  return first->transaction >= second->transaction ? first : second;
}

/// Walks LMDB's tree of free pages with plain reads, so that a damaged tree is an error and not a SIGBUS.
class FreeList {
 public:
  FreeList(int file, const Meta& meta, std::uint64_t pages_in_file)
      : file_(file), meta_(meta), pages_in_file_(pages_in_file) {}

  /// Whether every page from `from` to the last one is free.
  bool covers(std::uint64_t from) {
    from_ = from;
    if (meta_.free_root != no_page) to_visit_.push_back(meta_.free_root);
    std::uint64_t visited = 0;
    while (!to_visit_.empty()) {
      const std::uint64_t page = to_visit_.back();
      to_visit_.pop_back();
      if (++visited > pages_in_file_ || !visit(page)) return false;
    }
    std::sort(free_.begin(), free_.end());
    free_.erase(std::unique(free_.begin(), free_.end()), free_.end());
    return free_.size() == meta_.last_page + 1 - from;
  }

 private:
  std::optional<std::vector<std::byte>> read(std::uint64_t page, std::uint64_t pages) const {
    if (page >= pages_in_file_ || pages > pages_in_file_ - page) return std::nullopt;
    std::vector<std::byte> bytes(pages * meta_.page_size);
    const std::int64_t got = read_at(file_, bytes, page * meta_.page_size);
    if (got < 0 || static_cast<std::size_t>(got) != bytes.size()) return std::nullopt;
    return bytes;
  }

  bool visit(std::uint64_t number) {
    const auto page = read(number, 1);
    if (!page) return false;
    const auto flags = load<std::uint16_t>(*page, 10);
    const std::size_t lower = load<std::uint16_t>(*page, 12);
    if ((flags & (branch_page | leaf_page)) == 0 || lower < page_header || lower > page->size()) return false;
    for (std::size_t at = page_header; at + 2 <= lower; at += 2) {
      const std::size_t node = load<std::uint16_t>(*page, at);
      if (node + 8 > page->size()) return false;
      if (!((flags & leaf_page) != 0 ? visit_leaf_node(*page, node) : visit_branch_node(*page, node))) return false;
    }
    return true;
  }

  bool visit_branch_node(BytesView page, std::size_t node) {
    to_visit_.push_back(load<std::uint32_t>(page, node) | std::uint64_t{load<std::uint16_t>(page, node + 4)} << 32U);
    return true;
  }

  bool visit_leaf_node(BytesView page, std::size_t node) {
    constexpr std::uint16_t is_overflow = 1;
    const std::size_t data = node + 8 + load<std::uint16_t>(page, node + 6);
    if (data + 8 > page.size()) return false;
    if ((load<std::uint16_t>(page, node + 4) & is_overflow) == 0) return add(page.subspan(data));
    const std::uint64_t first = load<std::uint64_t>(page, data);
    const auto header = read(first, 1);
    if (!header || (load<std::uint16_t>(*header, 10) & overflow_page) == 0) return false;
    const auto list = read(first, load<std::uint32_t>(*header, 12));
    return list && list->size() > page_header && add(BytesView(*list).subspan(page_header));
  }

  /// A list of pages: how many, and their numbers.
  bool add(BytesView list) {
    const auto count = load<std::uint64_t>(list, 0);
    if (count > list.size() / 8 - 1) return false;
    for (std::size_t i = 1; i <= count; ++i) {
      const auto page = load<std::uint64_t>(list, i * 8);
      if (page >= from_ && page <= meta_.last_page) free_.push_back(page);
    }
    return true;
  }

  int file_;
  Meta meta_;
  std::uint64_t pages_in_file_;
  std::uint64_t from_ = 0;
  std::vector<std::uint64_t> to_visit_;
  std::vector<std::uint64_t> free_;
};

}  // namespace

Result<void> check_data_file(int file) {
  constexpr int attempts = 16;  // another process may commit while the list is read
  for (int i = 0;; ++i) {
    const Result<Meta> meta = read_newest_meta(file);
    if (!meta) return meta.error();
    struct stat status {};
    if (::fstat(file, &status) != 0) return system_error(errno, "looking at data.mdb");
    const std::uint64_t pages_in_file = static_cast<std::uint64_t>(status.st_size) / meta->page_size;
    if (pages_in_file > meta->last_page || FreeList(file, *meta, pages_in_file).covers(pages_in_file)) return {};
    const Result<Meta> after = read_newest_meta(file);
    if (i == attempts || !after || after->transaction == meta->transaction) {
      return damaged(fmt::format("the file is cut off: {} pages of {}", pages_in_file, meta->last_page + 1));
    }
  }
}

}  // namespace deriva::detail
