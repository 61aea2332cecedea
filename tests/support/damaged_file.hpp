#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "support/catch.hpp"
#include "support/from_environment.hpp"

// Files in which something was overwritten. LMDB has no checksums of its pages, so that a damaged tree can end the
// process: each file is used in a process of its own. What is forbidden is one thing only: an answer that is wrong.

namespace deriva::test {

enum Outcome : int { unharmed = 10, refused = 11, wrong = 12, threw = 13, endless = 14 };

#ifdef __SANITIZE_ADDRESS__
/// LMDB believes the header of a page that it copies, so a damaged one can make it write past its buffer. Nothing of
/// ours can prevent that (docs/dag-layout.md, Damage). It ends the process as a signal would, and nothing else does:
/// the report must be of a copy whose caller is LMDB.
inline void take_for_a_signal(const char* report) {
  const std::string text(report);
  const std::size_t caller = text.find("    #1 ");
  if (caller == std::string::npos) return;
  const std::string line = text.substr(caller, text.find('\n', caller) - caller);
  if (line.find("/liblmdb.so") != std::string::npos) ::raise(SIGKILL);
}
#endif

/// What becomes of a process that does something with damaged data. A signal is a way of refusing.
template <class Use>
Outcome outcome_in_child(Use use) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int signal : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV}) ::signal(signal, SIG_DFL);  // not the runner's
    ::close(STDERR_FILENO);                                                                         // LMDB says why
    ::alarm(60);  // for a walk that never ends
#ifdef __SANITIZE_ADDRESS__
    __asan_set_error_report_callback(take_for_a_signal);
#endif
    int outcome = threw;
    try {
      outcome = use();
    } catch (...) {
    }
    ::_exit(outcome);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? endless : refused;
  return static_cast<Outcome>(WEXITSTATUS(status));
}

using FileBytes = std::vector<char>;
using Damage = void (*)(FileBytes& file, std::mt19937_64& random);

inline constexpr std::size_t file_page_bytes = 4'096;

inline void flip_a_bit(FileBytes& file, std::mt19937_64& random) {
  file[random() % file.size()] ^= static_cast<char>(1U << random() % 8);
}
inline char* some_page(FileBytes& file, std::mt19937_64& random) {
  return &file[random() % (file.size() / file_page_bytes) * file_page_bytes];
}
inline void zero_a_page(FileBytes& file, std::mt19937_64& random) {
  std::fill_n(some_page(file, random), file_page_bytes, '\0');
}
inline void scramble_a_page(FileBytes& file, std::mt19937_64& random) {
  std::generate_n(some_page(file, random), file_page_bytes, [&] { return static_cast<char>(random()); });
}
inline void swap_two_pages(FileBytes& file, std::mt19937_64& random) {
  char* const page = some_page(file, random);
  std::swap_ranges(page, page + file_page_bytes, some_page(file, random));
}
inline void cut_off(FileBytes& file, std::mt19937_64& random) { file.resize(random() % file.size()); }

inline FileBytes read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Damages the `data.mdb` of copies of a directory, DERIVA_DAMAGES times (40 unless said) from the seed
/// DERIVA_DAMAGES_FIRST on, and fails unless each is unharmed or refused by `use(directory)`. Returns how many percent
/// were refused: damage may hit what nobody reads; if it always did, nothing would have been tested.
template <class Directory, class Use>
std::uint64_t percent_refused(const std::filesystem::path& intact, Damage damage, Use use) {
  namespace fs = std::filesystem;
  const FileBytes file = read_file(intact / "data.mdb");
  const std::uint64_t times = from_environment("DERIVA_DAMAGES", 40);
  const std::uint64_t first = from_environment("DERIVA_DAMAGES_FIRST", 1);
  std::map<int, std::uint64_t> outcomes;
  for (std::uint64_t seed = first; seed < first + times; ++seed) {
    const Directory directory;
    fs::copy(intact, directory.path(), fs::copy_options::overwrite_existing | fs::copy_options::recursive);
    fs::remove(directory.path() / "lock.mdb");
    std::mt19937_64 random(seed);
    FileBytes damaged = file;
    damage(damaged, random);
    std::ofstream(directory.path() / "data.mdb", std::ios::binary)
        .write(damaged.data(), static_cast<std::streamsize>(damaged.size()));
    const Outcome outcome = outcome_in_child([&] { return use(directory.path()); });
    ++outcomes[outcome];
    if (outcome == refused || outcome == unharmed) continue;
    const fs::path kept = fs::temp_directory_path() / "deriva-damaged.mdb";
    fs::copy_file(directory.path() / "data.mdb", kept, fs::copy_options::overwrite_existing);
    FAIL("seed " << seed << ": outcome " << outcome << "; the file is kept as " << kept);
  }
  return outcomes[refused] * 100 / times;
}

}  // namespace deriva::test
