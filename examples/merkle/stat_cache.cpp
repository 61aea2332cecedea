#include "stat_cache.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace merkle {
namespace {

/// The file: this line, the records, the SHA-256 of all before it.
constexpr std::string_view heading = "deriva merkle stat cache 1\n";

struct Record {
  Stamp stamp;
  std::array<std::byte, deriva::Address::size_bytes> leaf;
};
static_assert(std::is_trivially_copyable_v<Record> && sizeof(Record) == 72);

/// Those whose files are stamped by the clock of another machine or program.
bool keeps_foreign_time(const std::filesystem::path& directory) {
  constexpr std::array<std::uint32_t, 9> foreign{
      0x6969,      // NFS
      0x517B,      // SMB
      0xFF534D42,  // CIFS
      0xFE534D42,  // SMB2
      0x65735546,  // FUSE
      0x01021997,  // 9P
      0x00C36400,  // Ceph
      0x5346414F,  // AFS
      0x6B414653,  // kAFS
  };
  struct statfs status {};
  if (::statfs(directory.c_str(), &status) != 0) return true;
  return std::find(foreign.begin(), foreign.end(), static_cast<std::uint32_t>(status.f_type)) != foreign.end();
}

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The records in a cache file's bytes; none if they are not exactly what was written.
std::vector<Record> decode(std::string_view bytes) {
  constexpr std::size_t digest_size = sizeof(deriva::Digest::bytes);
  if (bytes.size() < heading.size() + digest_size || bytes.substr(0, heading.size()) != heading) return {};
  const std::string_view signed_part = bytes.substr(0, bytes.size() - digest_size);
  const deriva::Digest digest = deriva::Digest::of(deriva::as_bytes(signed_part));
  if (std::memcmp(digest.bytes.data(), signed_part.end(), digest_size) != 0) return {};
  const std::string_view body = signed_part.substr(heading.size());
  if (body.size() % sizeof(Record) != 0) return {};
  std::vector<Record> records(body.size() / sizeof(Record));
  if (!records.empty()) std::memcpy(records.data(), body.data(), body.size());
  return records;
}

/// The clock that the kernel stamps files with.
std::int64_t file_clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + std::int64_t{now.tv_nsec};
}

/// Writes a new file under another name, then gives it the name: readers see the old content or the new.
void replace_file(const std::filesystem::path& path, const std::string& content) {
  std::string temporary = path.string() + ".XXXXXX";
  const int descriptor = ::mkstemp(temporary.data());
  if (descriptor < 0) return;
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t count = ::write(descriptor, content.data() + written, content.size() - written);
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  const bool complete = ::close(descriptor) == 0 && written == content.size();
  if (!complete || ::rename(temporary.c_str(), path.c_str()) != 0) ::unlink(temporary.c_str());
}

}  // namespace

StatCache StatCache::load(std::filesystem::path file, const std::filesystem::path& directory) {
  StatCache cache;
  cache.file_ = std::move(file);
  cache.begun_ns_ = file_clock_ns();
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || keeps_foreign_time(directory)) return cache;
  cache.device_ = status.st_dev;
  for (const Record& record : decode(read_whole(cache.file_))) {
    cache.by_inode_.emplace(record.stamp.inode, Known{record.stamp, deriva::Address(record.leaf)});
  }
  return cache;
}

std::optional<deriva::Address> StatCache::find(const Stamp& stamp) const {
  const auto found = by_inode_.find(stamp.inode);
  if (found == by_inode_.end() || found->second.stamp != stamp) return std::nullopt;
  return found->second.leaf;
}

bool StatCache::is_settled(const Stamp& stamp) const noexcept {
  // File systems that count in seconds, or in two, show no fraction of one. (The other time is anybody's to set.)
  constexpr std::int64_t second = 1'000'000'000;
  const bool is_coarse = stamp.changed_ns % second == 0;
  const std::int64_t resolution = is_coarse ? 2 * second : second / 50;
  return std::max(stamp.modified_ns, stamp.changed_ns) < begun_ns_ - resolution;
}

void StatCache::save(const Scan& scan, std::span<const deriva::Address> leaves) const {
  if (!device_) return;
  std::string content(heading);
  for (std::size_t i = 0; i < scan.files.size(); ++i) {
    const File& file = scan.files[i];
    if (file.mode == Mode::symlink || file.stamp.device != *device_ || !is_settled(file.stamp)) continue;
    Record record{file.stamp, {}};
    std::memcpy(record.leaf.data(), leaves[i].bytes().data(), record.leaf.size());
    content.append(reinterpret_cast<const char*>(&record), sizeof(record));
  }
  const deriva::Digest digest = deriva::Digest::of(deriva::as_bytes(content));
  content += deriva::as_text(deriva::BytesView(digest.bytes));
  replace_file(file_, content);
}

}  // namespace merkle
