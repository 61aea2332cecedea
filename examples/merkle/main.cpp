// A directory as a Merkle tree of recipes: see usage() in options.cpp.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <deriva/deriva.hpp>

#include "functions.hpp"
#include "git_objects.hpp"
#include "graph.hpp"
#include "leaves.hpp"
#include "options.hpp"
#include "problem.hpp"
#include "report.hpp"
#include "scan.hpp"
#include "stat_cache.hpp"
#include "workers.hpp"

namespace merkle {
namespace {

namespace fs = std::filesystem;

bool is_within(const fs::path& inner, const fs::path& outer) {
  const auto [a, b] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return a == outer.end();
}

/// The directory's real name. Errors: throws `Problems`, also if the store is inside of it or the other way round.
fs::path check_directories(const Options& options) {
  std::error_code error;
  fs::path directory = fs::canonical(options.directory, error);
  if (error) throw Problems(options.directory, error.message());
  if (!fs::is_directory(directory)) throw Problems(options.directory, "is not a directory");
  const fs::path store = fs::weakly_canonical(fs::absolute(options.store), error);
  if (error) throw Problems(options.store, error.message());
  if (is_within(store, directory)) {
    throw Problems(options.store, "the store must not be inside of the directory, which it would change");
  }
  if (is_within(directory, store)) throw Problems(options.directory, "the directory is inside of the store");
  return directory;
}

/// Where the stat cache of this directory is: in the store, so that both are deleted together.
fs::path cache_file(const fs::path& store, const fs::path& directory) {
  const std::string digest = deriva::Digest::of(deriva::as_bytes(directory.native())).to_string();
  return store / ("merkle-" + digest.substr(0, 16) + ".stat");
}

/// One run, from the files to the root. Errors: throws `Problems` and `deriva::Exception`.
class Run {
 public:
  explicit Run(const Options& options) : options_(options), progress_(options.progress && !options.quiet) {}

  void execute() {
    const fs::path directory = check_directories(options_);
    deriva::StoreOptions store_options;
    store_options.environment.durability = options_.durability;
    deriva::Store store = deriva::Store::open(options_.store, store_options).value();

    const StatCache cache = StatCache::load(cache_file(options_.store, directory), directory);
    scan_ = scan(directory, workers_);
    const LeafReader reader(store, directory, workers_, [this](std::size_t files) {
      progress_.read(files_read_ += files, scan_.files.size(), workers_.threads());
    });
    Leaves leaves = reader.read(scan_, cache);
    graph_ = describe(scan_, leaves);
    const Missing missing = find_missing(store, graph_, leaves);
    reader.restore(scan_, missing.leaves, leaves);
    put_recipes(store, graph_, missing.recipes);
    const deriva::Blob root = compute_root(store);
    cache.save(scan_, leaves.addresses);
    print(to_hex(root));
  }

 private:
  /// Null: nobody wants to know more.
  std::shared_ptr<deriva::ObserverHub> attach_observers(const deriva::Store& store) {
    std::shared_ptr<deriva::ObserverHub> hub = deriva::observers_from_environment(store).value();
    if (!hub && (progress_.is_shown() || !options_.report.empty())) {
      hub = std::make_shared<deriva::ObserverHub>(deriva::ObserverHubOptions{.ring_events = 1U << 18U});
    }
    if (progress_.is_shown()) {
      hub->attach(std::make_shared<deriva::ProgressObserver>(
          [this](const deriva::ProgressReport& report) { progress_.show(report); },
          deriva::ProgressOptions{.concurrency = workers_.threads(), .plan = deriva::plan_from(store)}));
    }
    if (!options_.report.empty()) {
      const deriva::InputsOf inputs = deriva::inputs_from(store);
      report_ = std::make_shared<deriva::Report>(
          deriva::ReportOptions{.title = options_.directory.string(), .inputs = inputs});
      hub->attach(report_);
    }
    return hub;
  }

  deriva::Blob compute_root(deriva::Store& store) {
    deriva::ExecutorOptions executor_options;
    executor_options.concurrency = workers_.threads();
    executor_options.observers = attach_observers(store);
    deriva::Blob root = compute_root(store, executor_options);
    if (executor_options.observers) executor_options.observers->flush();  // The progress ends before the summary.
    if (report_) report_->write(options_.report).value();
    return root;
  }

  deriva::Blob compute_root(deriva::Store& store, const deriva::ExecutorOptions& executor_options) {
    const deriva::FunctionRegistry functions = make_functions();
    deriva::Executor executor(workers_.get_executor(), store, functions, executor_options);
    deriva::MaterializeOptions request;
    request.outcome = &outcome_;
    if (options_.changes) request.on_computed = [this](const deriva::Computed& computed) { changes_.add(computed); };
    return executor.materialize(graph_.back().address, request).value();
  }

  void print(const std::string& root) {
    progress_.clear();
    if (options_.quiet) {
      std::cout << root << '\n';
    } else {
      print_skipped(scan_);
      print_summary(std::cout,
                    {root, graph_.size(), outcome_.computed, files_read_, std::chrono::steady_clock::now() - begun_},
                    scan_);
    }
    if (options_.changes && outcome_.computed > 0) {
      std::cout << "changes\n";
      changes_.print(std::cout, graph_, options_.max_lines);
    }
    if (!std::cout.flush()) throw Problems("standard output", "cannot be written to");
  }

  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  const Options& options_;
  ProgressLine progress_;
  Scan scan_;
  Graph graph_;
  deriva::Outcome outcome_;
  ChangeLog changes_;
  std::shared_ptr<deriva::Report> report_;
  std::atomic<std::size_t> files_read_{0};
  Workers workers_{options_.jobs};
};

/// Says what went wrong, and about which file, function and address if that is known.
void print_error(const deriva::Error& error) { std::cerr << "merkle: " << error << '\n'; }

void print_problems(const Problems& problems) {
  constexpr std::size_t most = 10;
  const std::size_t count = problems.list().size();
  for (std::size_t i = 0; i < std::min(count, most); ++i) {
    const Problem& problem = problems.list()[i];
    std::cerr << "merkle: " << printable(problem.path.empty() ? "." : problem.path) << ": " << problem.reason << '\n';
  }
  if (count > most) std::cerr << "merkle: and " << count - most << " more\n";
}

int run(std::span<const char* const> arguments) {
  try {
    const Options options = parse_options(arguments);
    if (options.help) {
      std::cout << usage();
    } else {
      Run(options).execute();
    }
    return EXIT_SUCCESS;
  } catch (const UsageError& error) {
    std::cerr << "merkle: " << error.what() << '\n' << usage();
    return 2;
  } catch (const Problems& problems) {
    print_problems(problems);
  } catch (const deriva::Exception& exception) {
    print_error(exception.error());
  } catch (const std::exception& exception) {
    std::cerr << "merkle: " << exception.what() << '\n';
  }
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace merkle

int main(int argc, char* argv[]) {
  return merkle::run(std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0));
}
