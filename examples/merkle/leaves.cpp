#include "leaves.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>

#include <fcntl.h>
#include <unistd.h>

#include "problem.hpp"

namespace merkle {
namespace {

constexpr std::uint64_t batch_bytes = std::uint64_t{4} << 20U;
constexpr std::size_t batch_files = 1'024;
constexpr int attempts = 3;

/// Files that are read and stored together.
struct Batch {
  std::span<const std::size_t> files;
  std::uint64_t bytes = 0;
};

std::vector<Batch> in_batches(const Scan& scan, std::span<const std::size_t> files) {
  std::vector<Batch> batches;
  std::size_t begin = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    bytes += scan.files[files[i]].stamp.size;
    if (bytes < batch_bytes && i + 1 - begin < batch_files && i + 1 < files.size()) continue;
    batches.push_back({files.subspan(begin, i + 1 - begin), bytes});
    begin = i + 1;
    bytes = 0;
  }
  return batches;
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

[[noreturn]] void fail(const std::string& path, std::string reason) { throw Problems(path, std::move(reason)); }

struct stat status_of(int descriptor, const std::string& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail(path, system_reason(errno));
  return status;
}

/// Puts the first `expected` bytes of the descriptor, or what there is of them, into the buffer from `used` on, and
/// returns where they end.
std::size_t append_content(int descriptor, const std::string& path, std::size_t expected,
                           std::vector<std::byte>& buffer, std::size_t used) {
  if (buffer.size() < used + expected) buffer.resize(used + expected);
  std::size_t end = used;
  while (end < used + expected) {
    const ssize_t count =
        ::pread(descriptor, buffer.data() + end, used + expected - end, static_cast<off_t>(end - used));
    if (count == 0) break;
    if (count > 0) {
      end += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      fail(path, system_reason(errno));
    }
  }
  return end;
}

/// Appends a file to the buffer and returns the new end. The file is the same before and after it is read, or it is
/// read again. Its stamp and mode become those of what was read.
std::size_t append_file(const std::string& root, File& file, std::vector<std::byte>& buffer, std::size_t used) {
  // O_NONBLOCK: opening what has become a FIFO meanwhile must not wait for a writer.
  const Descriptor descriptor(
      ::open(join_path(root, file.path).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (descriptor.get() < 0) fail(file.path, system_reason(errno));
  struct stat before = status_of(descriptor.get(), file.path);
  if (!S_ISREG(before.st_mode)) fail(file.path, "has become something else than a file while it was read");
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const auto size = static_cast<std::size_t>(before.st_size);
    const std::size_t end = append_content(descriptor.get(), file.path, size, buffer, used);
    const struct stat after = status_of(descriptor.get(), file.path);
    if (Stamp::of(after) == Stamp::of(before) && end - used == size) {
      file.stamp = Stamp::of(after);
      file.mode = (after.st_mode & S_IXUSR) != 0 ? Mode::executable : Mode::file;
      return end;
    }
    before = after;
  }
  fail(file.path, "keeps changing while it is read");
}

std::size_t append_link(const File& file, std::vector<std::byte>& buffer, std::size_t used) {
  const deriva::BytesView target = deriva::as_bytes(file.link_target);
  if (buffer.size() < used + target.size()) buffer.resize(used + target.size());
  std::copy(target.begin(), target.end(), buffer.begin() + static_cast<std::ptrdiff_t>(used));
  return used + target.size();
}

/// The contents of a batch, in one buffer.
struct Contents {
  std::vector<std::byte> buffer;
  std::vector<std::size_t> ends;
  std::vector<Problem> problems;

  [[nodiscard]] std::vector<deriva::BytesView> views() const {
    std::vector<deriva::BytesView> views;
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      views.push_back(deriva::BytesView(buffer).subspan(begin, end - begin));
      begin = end;
    }
    return views;
  }
};

Contents read_batch(const std::string& root, Scan& scan, const Batch& batch) {
  Contents contents;
  contents.buffer.resize(batch.bytes);
  std::size_t end = 0;
  for (const std::size_t index : batch.files) {
    File& file = scan.files[index];
    try {
      end = file.mode == Mode::symlink ? append_link(file, contents.buffer, end)
                                       : append_file(root, file, contents.buffer, end);
      contents.ends.push_back(end);
    } catch (const Problems& found) {
      contents.problems.push_back(found.list().front());
    }
  }
  return contents;
}

}  // namespace

Leaves LeafReader::read(Scan& scan, const StatCache& cache) const {
  Leaves leaves;
  leaves.addresses.resize(scan.files.size());
  leaves.are_stored.resize(scan.files.size());
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < scan.files.size(); ++i) {
    const File& file = scan.files[i];
    if (file.mode == Mode::symlink) {
      leaves.addresses[i] = deriva::Address::of_leaf(deriva::as_bytes(file.link_target));
    } else if (const std::optional<deriva::Address> known = cache.find(file.stamp)) {
      leaves.addresses[i] = *known;
    } else {
      unknown.push_back(i);
    }
  }
  put(scan, unknown, leaves.addresses);
  for (const std::size_t i : unknown) leaves.are_stored[i] = true;
  return leaves;
}

void LeafReader::restore(Scan& scan, std::span<const std::size_t> files, Leaves& leaves) const {
  std::vector<deriva::Address> stored = leaves.addresses;
  put(scan, files, stored);
  for (const std::size_t i : files) {
    if (stored[i] != leaves.addresses[i]) fail(scan.files[i].path, "has changed while the directory was read");
    leaves.are_stored[i] = true;
  }
}

void LeafReader::put(Scan& scan, std::span<const std::size_t> files, std::vector<deriva::Address>& addresses) const {
  const std::vector<Batch> batches = in_batches(scan, files);
  std::vector<Problem> problems;
  std::mutex mutex;
  workers_.for_each(batches.size(), [&](std::size_t number) {
    const Batch& batch = batches[number];
    const Contents contents = read_batch(root_, scan, batch);
    if (!contents.problems.empty()) {
      const std::lock_guard lock(mutex);
      problems.insert(problems.end(), contents.problems.begin(), contents.problems.end());
      return;
    }
    const std::vector<deriva::Address> stored = store_.put_leaves(contents.views()).value();
    for (std::size_t i = 0; i < stored.size(); ++i) addresses[batch.files[i]] = stored[i];
    on_read_(stored.size());
  });
  if (problems.empty()) return;
  std::sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) { return a.path < b.path; });
  throw Problems(std::move(problems));
}

}  // namespace merkle
