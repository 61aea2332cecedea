// The main job, examples/merkle, against what git does for the same result.

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/samples.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

using namespace bench;
namespace fs = std::filesystem;

/// What `merkle` printed: "root      4b82..." and so on, the first word of each line.
std::string field(const std::string& output, const std::string& name) {
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    if (words >> first >> second && first == name) return second;
  }
  throw std::runtime_error("merkle printed no '" + name + "':\n" + output);
}

/// How git is run. By default it flushes no object to the disk.
struct GitKind {
  std::string name;
  std::vector<std::string> settings;
};

const GitKind git_default{"git", {}};
const GitKind git_durable{"git, durable", {"-c", "core.fsync=all", "-c", "core.fsyncMethod=batch"}};

class Contest {
 public:
  Contest(const Options& options, fs::path tree)
      : program_(options.program), tree_(std::move(tree)), scratch_(options.scratch) {}

  /// Two runs on a new store: the first computes everything, the second nothing.
  void merkle(const std::string& durability) {
    scratch_.clear();
    const std::vector<std::string> command{program_,       tree_,     "--store", scratch_.path() / "store",
                                           "--durability", durability};
    const Finished first = run_checked(command);
    const Finished second = run_checked(command);
    files_ = std::stoull(field(first.output, "files"));
    check_root(field(first.output, "root"));
    check_root(field(second.output, "root"));
    require(field(first.output, "reused") == "0", "the first run of merkle found something in its new store");
    require(std::stoull(field(first.output, "computed")) > 0, "the first run of merkle computed nothing");
    require(field(second.output, "computed") == "0", "the second run of merkle computed something");
    samples.add("merkle " + durability, "first", first.wall_ns);
    samples.add("merkle " + durability, "second", second.wall_ns);
  }

  /// `git add -A && git write-tree` into a new repository, and both once more.
  void git(const GitKind& kind) {
    scratch_.clear();
    const std::vector<std::string> environment{"GIT_DIR=" + (scratch_.path() / "git").string(),
                                               "GIT_WORK_TREE=" + tree_.string(), "GIT_CONFIG_GLOBAL=/dev/null",
                                               "GIT_CONFIG_SYSTEM=/dev/null"};
    run_checked({"git", "-c", "init.defaultBranch=main", "init", "--quiet"}, environment);
    for (const std::string run : {"first", "second"}) {
      const Finished add = run_checked(command(kind, {"add", "--all", "--force"}), environment);
      const Finished write = run_checked(command(kind, {"write-tree"}), environment);
      check_root(write.output.substr(0, write.output.find('\n')));
      samples.add(kind.name, run, add.wall_ns + write.wall_ns);
    }
  }

  [[nodiscard]] std::uint64_t files() const noexcept { return files_; }

  Samples samples;

 private:
  [[nodiscard]] std::vector<std::string> command(const GitKind& kind, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), kind.settings.begin(), kind.settings.end());
    arguments.insert(arguments.begin(), {"git", "-C", tree_});
    return arguments;
  }

  void check_root(const std::string& root) {
    if (root_.empty()) root_ = root;
    require(root == root_ && root.size() == 40, "roots differ: " + root + " and " + root_);
  }

  fs::path program_;
  fs::path tree_;
  Scratch scratch_;
  std::string root_;
  std::uint64_t files_ = 0;
};

/// The Boost headers, unless another tree was asked for.
fs::path choose_tree(const Options& options) {
  const fs::path tree = options.tree.empty() ? fs::path(BENCH_BOOST_HEADERS) / "boost" : options.tree;
  if (!fs::is_directory(tree)) throw std::invalid_argument("--tree: no directory " + tree.string());
  return fs::canonical(tree);
}

void add_rows(Report& report, const Samples& samples, std::uint64_t files) {
  const std::string sync = "merkle sync";
  const std::string relaxed = "merkle relaxed";
  const auto ratio = [&](const std::string& id, double value, std::optional<double> goal, const std::string& peer) {
    report.add({id, value, Unit::factor, goal, Better::lower, peer, 1, files});
  };
  const auto time = [&](const std::string& id, const std::string& ours, const std::string& run, const GitKind& peer) {
    report.add({id, samples.median(ours, run), Unit::nanoseconds, std::nullopt, Better::lower, peer.name,
                samples.median(peer.name, run), files});
  };
  const double second_to_first = samples.median(sync, "second") / samples.median(sync, "first");
  ratio("merkle.first.vs_git", samples.ratio(sync, git_default.name, "first"), 1.0, git_default.name);
  ratio("merkle.second.vs_first", second_to_first, 0.5, "merkle, first run");
  ratio("merkle.first.vs_durable_git", samples.ratio(sync, git_durable.name, "first"), std::nullopt, git_durable.name);
  ratio("merkle.first.relaxed.vs_git", samples.ratio(relaxed, git_default.name, "first"), std::nullopt,
        git_default.name);
  ratio("merkle.second.vs_git", samples.ratio(sync, git_default.name, "second"), std::nullopt, git_default.name);
  time("merkle.first", sync, "first", git_default);
  time("merkle.second", sync, "second", git_default);
  time("merkle.first.relaxed", relaxed, "first", git_default);
  time("merkle.first.beside_durable_git", sync, "first", git_durable);
}

void run_suite(const Options& options, Report& report) {
  if (options.program.empty()) throw std::invalid_argument("--program: where the merkle program is");
  const fs::path tree = choose_tree(options);
  Contest contest(options, tree);
  contest.merkle("relaxed");  // reads every file once, so that all contenders find them in the page cache
  contest.samples = {};
  take_turns(options.repetitions, {[&] { contest.merkle("sync"); }, [&] { contest.merkle("relaxed"); },
                                   [&] { contest.git(git_default); }, [&] { contest.git(git_durable); }});
  add_rows(report, contest.samples, contest.files());
  report.note(
      "tree: " + tree.filename().string() + ", " + std::to_string(contest.files()) +
      " files in the page cache; whole processes, a new store or repository each time (its `git init` not timed)");
  report.note(
      "merkle runs with --durability sync where nothing else is said: every value is flushed. git flushes no "
      "object unless told to (core.fsync has no loose-object by default); \"durable\" is core.fsync=all, "
      "core.fsyncMethod=batch");
}

}  // namespace

int main(int argc, char** argv) { return suite_main(argc, argv, "merkle", run_suite); }
