#include "support/scratch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bench {
namespace {

namespace fs = std::filesystem;

std::runtime_error failure(const fs::path& path) {
  return std::runtime_error(path.string() + ": " + std::strerror(errno));
}

class File {
 public:
  explicit File(const fs::path& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw failure(path);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(descriptor_); }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

bool drop_file(const fs::path& path) {
  const File file(path);
  const std::size_t size = fs::file_size(path);
  if (size == 0) return true;
  if (::fsync(file.descriptor()) != 0) throw failure(path);
  ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  void* const map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (map == MAP_FAILED) throw failure(path);
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> present((size + page - 1) / page);
  const int error = ::mincore(map, size, present.data());
  ::munmap(map, size);
  if (error != 0) throw failure(path);
  return std::none_of(present.begin(), present.end(), [](unsigned char flags) { return (flags & 1U) != 0; });
}

/// A field of /proc/self/smaps_rollup, in bytes.
std::uint64_t smaps(const std::string& field) {
  std::ifstream in("/proc/self/smaps_rollup");
  for (std::string line; std::getline(in, line);) {
    if (line.compare(0, field.size(), field) == 0) return std::stoull(line.substr(field.size())) * 1024;
  }
  throw std::runtime_error("/proc/self/smaps_rollup has no " + field);
}

}  // namespace

Scratch::Scratch(const fs::path& parent) {
  std::string pattern = (parent / "deriva-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw failure(pattern);
  path_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void Scratch::clear() const {
  for (const fs::directory_entry& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
}

fs::path memory_directory(std::uint64_t bytes, const fs::path& fallback) {
  const fs::path candidate = "/dev/shm";
  std::error_code error;
  const fs::space_info space = fs::space(candidate, error);
  return !error && space.available >= bytes && ::access(candidate.c_str(), W_OK) == 0 ? candidate : fallback;
}

void copy_flushed(const fs::path& from, const fs::path& to) {
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(to)) {
    const File file(entry.path());
    if (::fsync(file.descriptor()) != 0) throw failure(entry.path());
  }
  fs::permissions(to, fs::perms::owner_all);
}

bool drop_from_page_cache(const fs::path& directory) {
  bool all = true;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) all = drop_file(entry.path()) && all;
  }
  return all;
}

std::uint64_t private_memory() { return smaps("Anonymous:"); }

std::uint64_t mapped_memory() { return smaps("Rss:") - smaps("Anonymous:"); }

std::uint64_t written_bytes() {
  std::ifstream file("/proc/self/io");
  for (std::string name; file >> name;) {
    std::uint64_t value = 0;
    file >> value;
    if (name == "wchar:") return value;
  }
  throw std::runtime_error("/proc/self/io does not tell");
}

}  // namespace bench
