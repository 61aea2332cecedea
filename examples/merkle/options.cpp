#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace merkle {
namespace {

std::size_t number(std::string_view option, std::string_view text, std::size_t least, std::size_t most) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    throw UsageError(std::string(option) + " takes a number from " + std::to_string(least) + " to " +
                     std::to_string(most));
  }
  return value;
}

deriva::Durability durability(std::string_view text) {
  if (text == "sync") return deriva::Durability::sync;
  if (text == "relaxed") return deriva::Durability::relaxed;
  throw UsageError("--durability is sync or relaxed");
}

/// Goes through the arguments: "--option=value" is the same as "--option value"; after "--" there are no options.
class Arguments {
 public:
  explicit Arguments(std::span<const char* const> arguments) : rest_(arguments) {}

  /// The next argument, without its value. Nothing at the end.
  std::optional<std::string_view> next() {
    if (value_) throw UsageError(std::string(name_) + " takes no value");
    if (rest_.empty()) return std::nullopt;
    name_ = take();
    is_option_ = options_ && name_.size() > 1 && name_.front() == '-';
    const std::size_t equals = name_.find('=');
    if (is_option_ && name_.substr(0, 2) == "--" && equals != std::string_view::npos) {
      value_ = name_.substr(equals + 1);
      name_ = name_.substr(0, equals);
    }
    return name_;
  }
  [[nodiscard]] bool is_option() const noexcept { return is_option_; }
  void end_options() noexcept { options_ = false; }

  std::string_view value() {
    if (value_) return *std::exchange(value_, std::nullopt);
    if (rest_.empty()) throw UsageError(std::string(name_) + " needs a value");
    return take();
  }

 private:
  std::string_view take() {
    const std::string_view first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }

  std::span<const char* const> rest_;
  std::string_view name_;
  std::optional<std::string_view> value_;
  bool is_option_ = false;
  bool options_ = true;
};

void apply(std::string_view option, Arguments& arguments, Options& options) {
  if (option == "--") {
    arguments.end_options();
  } else if (option == "--store") {
    options.store = arguments.value();
  } else if (option == "--jobs") {
    options.jobs = number(option, arguments.value(), 1, 1'024);
  } else if (option == "--durability") {
    options.durability = durability(arguments.value());
  } else if (option == "--changes") {
    options.changes = true;
  } else if (option == "--max") {
    options.max_lines = number(option, arguments.value(), 0, 1'000'000'000);
  } else if (option == "--report") {
    options.report = arguments.value();
  } else if (option == "--quiet") {
    options.quiet = true;
  } else if (option == "--no-progress") {
    options.progress = false;
  } else if (option == "--help" || option == "-h") {
    options.help = true;
  } else {
    throw UsageError("there is no option " + std::string(option));
  }
}

}  // namespace

Options parse_options(std::span<const char* const> all) {
  Options options;
  options.jobs = std::max(1U, std::thread::hardware_concurrency());
  Arguments arguments(all);
  while (const std::optional<std::string_view> argument = arguments.next()) {
    if (arguments.is_option()) {
      apply(*argument, arguments, options);
    } else if (!options.directory.empty()) {
      throw UsageError("there is one directory too many: " + std::string(*argument));
    } else {
      options.directory = *argument;
      if (argument->empty()) throw UsageError("the name of the directory is empty");
    }
  }
  if (options.help) return options;
  if (options.directory.empty()) throw UsageError("which directory?");
  if (options.store.empty()) throw UsageError("where is the store to be? --store DIRECTORY");
  return options;
}

const char* usage() noexcept {
  return "usage: merkle DIR --store STORE [OPTIONS]\n"
         "\n"
         "Describes a directory as recipes, computes the id that git gives its tree, and remembers every step in "
         "STORE:\n"
         "the next run computes what has changed, and nothing else.\n"
         "\n"
         "  --store STORE              where leaves, recipes and results are kept; created if missing; outside of DIR\n"
         "  --changes                  list what was computed, and why\n"
         "  --max N                    lines of that list at most (default: 20)\n"
         "  --jobs N                   threads (default: as many as the machine has)\n"
         "  --durability sync|relaxed  relaxed: a loss of power may take the last results back (default: sync)\n"
         "  --report FILE              write a page about this run: a timeline, what took longest, and why\n"
         "  --quiet                    print the id alone\n"
         "  --no-progress              no progress line, even on a terminal\n"
         "\n"
         "As in git, directories without files do not count, nor does anything named .git, nor sockets, FIFOs and\n"
         "devices. Unlike in git, .gitignore and .gitattributes mean nothing, and a repository inside is a plain "
         "directory.\n"
         "\n"
         "Exit status: 0 done, 1 it failed and nothing was printed on standard output, 2 wrong arguments.\n";
}

}  // namespace merkle
