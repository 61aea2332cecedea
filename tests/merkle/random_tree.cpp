// usage: random_tree SEED DIRECTORY
// Fills a new directory with a tree that depends on the seed alone: names of any bytes that a file system and git take,
// files of all kinds, empty directories, contents that occur twice.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace {

class Tree {
 public:
  explicit Tree(unsigned long long seed) : random_(seed) {}

  void fill(const std::string& root) {
    std::vector<std::string> directories{root};
    for (std::size_t i = 0; i < directories.size(); ++i) {
      const std::size_t entries = below(9);
      for (std::size_t k = 0; k < entries; ++k) {
        const std::string path = directories[i] + '/' + name();
        struct stat status {};
        if (::lstat(path.c_str(), &status) == 0) continue;
        if (below(3) == 0 && directories.size() < 40) {
          check(::mkdir(path.c_str(), 0755) == 0, path);
          directories.push_back(path);
        } else {
          file(path);
        }
      }
    }
  }

 private:
  std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }

  /// Few letters, so that names are often each other's prefixes; or any bytes. Never one that git refuses: what is, or
  /// what another system might take for, "." or ".." or ".git".
  std::string name() {
    const std::string letters = "ab./-\x01 0";
    const bool any_byte = below(2) == 0;
    std::string text;
    const std::size_t length = 1 + below(below(10) == 0 ? 200 : 6);
    while (text.size() < length) {
      const char c = any_byte ? static_cast<char>(1 + below(255)) : letters[below(letters.size())];
      if (c != '/') text += c;
    }
    const char first = text.front();
    if (first == '.' || first == 'g' || first == 'G' || static_cast<unsigned char>(first) >= 0xE2) text[0] = 'x';
    return text;
  }

  void file(const std::string& path) {
    const std::size_t kind = below(8);
    if (kind == 0) {
      check(::symlink(name().c_str(), path.c_str()) == 0, path);
      return;
    }
    std::string content(below(4) == 0 ? 0 : below(5'000), '\0');
    for (char& c : content) c = static_cast<char>(below(256));
    if (below(4) == 0) content = "the same\r\nin several files\n";
    std::ofstream(path, std::ios::binary) << content;
    check(::chmod(path.c_str(), kind < 3 ? 0755 : 0644) == 0, path);
  }

  static void check(bool succeeded, const std::string& path) {
    if (succeeded) return;
    std::perror(path.c_str());
    std::exit(EXIT_FAILURE);
  }

  std::mt19937_64 random_;
};

}  // namespace

int main(int argc, char* argv[]) {
  if (argc != 3 || ::mkdir(argv[2], 0755) != 0) return EXIT_FAILURE;
  Tree(std::strtoull(argv[1], nullptr, 10)).fill(argv[2]);
}
