#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

#include <deriva/core/bytes.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/table.hpp>

/// A result prints as its error; its value need not print.
template <class T>
struct Catch::StringMaker<deriva::Result<T>> {
  static std::string convert(const deriva::Result<T>& result) {
    return result ? "a value" : Catch::Detail::stringify(result.error());
  }
};

namespace deriva::test {

/// A directory that is removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "deriva-storage-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path store() const { return path_ / "store"; }

 private:
  std::filesystem::path path_;
};

/// Expectations of other threads: Catch2's assertions are for one thread at a time.
class Expectations {
 public:
  void expect(bool fulfilled) {
    if (!fulfilled) ++failures_;
  }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  std::atomic<int> failures_{0};
};

/// Runs `body`, which returns an exit code, in a child process. Returns the code, or 1000 plus the signal.
template <class Body>
int in_child(Body&& body) {
  const ::pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/// For a child process: mounts a file system of so many bytes over the directory, seen by this process alone. False if
/// that is not allowed here.
inline bool mount_small_file_system(const std::filesystem::path& path, std::size_t bytes) {
  const std::string options = "mode=0700,size=" + std::to_string(bytes);
  return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", path.c_str(), "tmpfs", 0, options.c_str()) == 0;
}
inline constexpr int not_allowed = 77;

using Numbers = Table<std::uint64_t, std::uint64_t>;
using Bytes = Table<std::uint64_t, BytesView>;

inline Result<void> put_number(Environment& environment, const Numbers& table, std::uint64_t key, std::uint64_t value) {
  return environment.write([&](WriteTransaction& transaction) { return table.put(transaction, key, value); });
}

inline Result<std::optional<std::uint64_t>> get_number(const Environment& environment, const Numbers& table,
                                                       std::uint64_t key) {
  return environment.read([&](const ReadTransaction& transaction) { return table.get(transaction, key); });
}

/// Code of what `Environment::open` says, or none.
inline std::optional<Errc> open_error(const std::filesystem::path& path, EnvironmentOptions options = {}) {
  const auto opened = Environment::open(path, options);
  return opened ? std::nullopt : std::optional(opened.error().code());
}

/// Waits, without sleeping, until so many operations queue up behind the one that is running.
inline void wait_for_queue(const Environment& environment, std::uint64_t waiting) {
  while (environment.stats().value().waiting < waiting) std::this_thread::yield();
}

}  // namespace deriva::test
