#include "support/suite.hpp"

#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>

namespace bench {
namespace {

constexpr const char* usage =
    " [--json FILE] [--n COUNT] [--repetitions COUNT] [--scratch DIRECTORY] [--docs DIRECTORY] [--program FILE]"
    " [--tree DIRECTORY] [--only NAME,...]\n";

std::uint64_t count_of(const std::string& text) {
  std::size_t end = 0;
  const std::uint64_t value = std::stoull(text, &end);
  if (end != text.size() || value == 0) throw std::invalid_argument("not a count: " + text);
  return value;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  options.scratch = std::filesystem::temp_directory_path();
  const std::map<std::string, std::function<void(const std::string&)>> setters{
      {"--json", [&](const std::string& value) { options.json = value; }},
      {"--scratch", [&](const std::string& value) { options.scratch = value; }},
      {"--docs", [&](const std::string& value) { options.docs = value; }},
      {"--program", [&](const std::string& value) { options.program = value; }},
      {"--tree", [&](const std::string& value) { options.tree = value; }},
      {"--n", [&](const std::string& value) { options.n = count_of(value); }},
      {"--repetitions", [&](const std::string& value) { options.repetitions = count_of(value); }},
      {"--only", [&](const std::string& value) { options.contenders = split(value); }},
  };
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const auto setter = setters.find(arguments[i]);
    if (setter == setters.end() || i + 1 == arguments.size()) throw std::invalid_argument(arguments[i]);
    setter->second(arguments[i + 1]);
  }
  return options;
}

void run(const std::string& name, const Suite& suite, const Options& options) {
  Report report;
  suite(options, report);
  std::cout << name << '\n';
  report.print(std::cout);
  if (!options.json.empty()) report.write_json(options.json);
  if (options.docs.empty()) return;
  std::filesystem::create_directories(options.docs);
  std::ofstream table(options.docs / (name + ".md"));
  table << "# " << name << "\n\nWritten by `./dev bench " << name << "`; see [benchmarks](../benchmarks.md).\n\n";
  report.print_markdown(table);
  if (!table.flush()) throw std::runtime_error("cannot write into " + options.docs.string());
}

}  // namespace

int suite_main(int argc, char** argv, const std::string& name, const Suite& suite, const Children& children) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() >= 2 && arguments[0] == "--child") {
      std::cout.precision(17);
      children.at(arguments[1])({arguments.begin() + 2, arguments.end()});
      return 0;
    }
    run(name, suite, parse(arguments));
    return 0;
  } catch (const std::invalid_argument& problem) {
    std::cerr << name << ": " << problem.what() << "\nusage: " << name << usage;
    return 2;
  } catch (const std::exception& problem) {
    std::cerr << name << ": " << problem.what() << '\n';
    return 1;
  }
}

}  // namespace bench
