#include "storage/journal.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <span>
#include <utility>

#include "storage/directory.hpp"

namespace deriva::detail {
namespace {

constexpr const char* file_name = "journal";
constexpr const char* end_name = "journal.end";
constexpr std::size_t end_bytes = sizeof(std::uint64_t);

std::atomic_ref<std::uint64_t> atomic(std::uint64_t* word) noexcept { return std::atomic_ref<std::uint64_t>(*word); }

/// Fills the file with zeros and makes it durable with its name. What is there of it is of a creation that was cut
/// short: nothing refers to it yet.
int fill(int file, int directory) {
  const std::vector<std::byte> zeros(Journal::capacity);
  if (::lseek(file, 0, SEEK_SET) != 0) return errno;
  int failed = write_all(file, zeros);
  if (failed == 0) failed = sync_file(file);
  return failed != 0 ? failed : sync_file(directory);
}

bool has(int file, std::size_t bytes) noexcept {
  struct stat status {};
  return ::fstat(file, &status) == 0 && static_cast<std::size_t>(status.st_size) >= bytes;
}

/// Opens a file of this user, or creates it. Errors: as `check_own_file`.
Result<FileDescriptor> open_or_create(int directory, const char* name) {
  if (const auto own = check_own_file(directory, name); !own && own.error().code() != Errc::not_found) {
    return own.error();
  }
  FileDescriptor file = open_at(directory, name, O_RDWR | O_CREAT, 0600);
  if (!file.is_open()) return system_error(errno, "creating the journal");
  return file;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(int directory) {
  if (const auto own = check_own_file(directory, file_name); !own) return own.error();
  FileDescriptor file = open_at(directory, file_name, O_RDWR);
  if (!file.is_open()) return system_error(errno, "opening the journal");
  if (!has(file.get(), capacity)) return Error(Errc::corrupted, "the journal is shorter than it was made");
  return with_end(directory, std::move(file));
}

Result<std::unique_ptr<Journal>> Journal::create(int directory) {
  Result<FileDescriptor> file = open_or_create(directory, file_name);
  if (!file) return file.error();
  if (!has(file->get(), capacity)) {
    if (const int failed = fill(file->get(), directory)) return system_error(failed, "creating the journal");
  }
  return with_end(directory, *std::move(file));
}

Result<std::unique_ptr<Journal>> Journal::with_end(int directory, FileDescriptor file) {
  const Result<FileDescriptor> end = open_or_create(directory, end_name);
  if (!end) return end.error();
  if (!has(end->get(), end_bytes) && ::ftruncate(end->get(), end_bytes) != 0) {
    return system_error(errno, "creating the end of the journal");
  }
  void* const word = ::mmap(nullptr, end_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, end->get(), 0);
  if (word == MAP_FAILED) return system_error(errno, "mapping the end of the journal");
  return std::unique_ptr<Journal>(new Journal(std::move(file), static_cast<std::uint64_t*>(word)));
}

Journal::~Journal() { ::munmap(end_, end_bytes); }

JournalEnd Journal::end() const noexcept { return std::bit_cast<JournalEnd>(atomic(end_).load()); }

void Journal::publish(JournalEnd end) noexcept { atomic(end_).store(std::bit_cast<std::uint64_t>(end)); }

void Journal::replace_end(JournalEnd before, JournalEnd end) noexcept {
  auto expected = std::bit_cast<std::uint64_t>(before);
  atomic(end_).compare_exchange_strong(expected, std::bit_cast<std::uint64_t>(end));
}

int Journal::append(std::uint32_t at, BytesView bytes) noexcept {
  for (off_t offset = static_cast<off_t>(at); !bytes.empty();) {
    const ssize_t written = ::pwrite(file_.get(), bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : ENOSPC;
    offset += written;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return flush();
}

int Journal::flush() noexcept {
  while (::fdatasync(file_.get()) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int Journal::read(std::uint32_t from, std::uint32_t to, std::vector<std::byte>& out) const {
  const std::size_t before = out.size();
  out.resize(before + (to - from));
  const std::int64_t got = read_at(file_.get(), std::span(out).subspan(before), from);
  if (got == static_cast<std::int64_t>(to - from)) return 0;
  out.resize(before);
  return got < 0 ? static_cast<int>(-got) : EIO;
}

}  // namespace deriva::detail
