#include <algorithm>
#include <iostream>

#include "dag/contest.hpp"
#include "support/process.hpp"
#include "support/scratch.hpp"

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

/// ARGUMENTS: engine, directory, key, how many inputs it has, and the hub if it is to walk.
void cold_child(const std::vector<EngineKind>& kinds, const std::vector<std::string>& arguments) {
  const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                 [&](const EngineKind& candidate) { return candidate.name == arguments.at(0); });
  if (kind == kinds.end()) throw std::invalid_argument("no engine " + arguments.at(0));
  const Address key = Address::parse(arguments.at(2)).value();
  const bool walks = kind->walks && arguments.size() > 4;
  const std::uint64_t before = private_memory();
  const std::uint64_t mapped_before = mapped_memory();
  std::unique_ptr<Engine> engine;
  std::size_t inputs = 0;
  const double time = nanoseconds([&] {
    engine = kind->open(arguments.at(1), Commits::durable);
    inputs = engine->inputs(key);
  });
  const std::uint64_t opened = private_memory();
  require(inputs == std::stoull(arguments.at(3)), kind->name + " answered wrongly after opening");
  if (walks) {
    const Address hub = Address::parse(arguments.at(4)).value();
    require(engine->transitive_dependents(hub) > 0, kind->name + " found nothing that depends on the hub");
    static_cast<void>(engine->topological_order());
  }
  std::cout << time << ' ' << opened - before << ' ' << private_memory() - before << ' '
            << mapped_memory() - mapped_before << '\n';
}

std::vector<std::string> opening(const EngineKind& kind, const fs::path& directory, const Entry& question) {
  return {kind.name, directory.string(), question.first.to_string(), std::to_string(question.second.size())};
}

}  // namespace

Cold open_and_walk(const EngineKind& kind, const fs::path& directory, const Entry& question, const Address& hub) {
  std::vector<std::string> arguments = opening(kind, directory, question);
  arguments.push_back(hub.to_string());
  const std::vector<double> numbers = run_child("open", std::move(arguments));
  return {numbers.at(1), numbers.at(2), numbers.at(3)};
}

double open_cold(const EngineKind& kind, const fs::path& directory, const Entry& question) {
  return run_child("open", opening(kind, directory, question)).at(0);
}

Children cold_children(const std::vector<EngineKind>& kinds) {
  return {{"open", [kinds](const std::vector<std::string>& arguments) { cold_child(kinds, arguments); }}};
}

std::size_t fill_tail(Engine& engine, std::span<const Entry> entries) {
  constexpr std::size_t full = 1'900;
  constexpr std::size_t batch = 32;
  std::size_t added = 0;
  while (engine.tail().value_or(full) < full) {
    require(added + batch <= entries.size(), "the tail did not fill");
    engine.insert(entries.subspan(added, batch));
    added += batch;
  }
  return added;
}

std::uint64_t room_for(std::size_t recipes, std::size_t engines) {
  constexpr std::uint64_t bytes_per_recipe = 1'500;
  return std::uint64_t{recipes} * engines * bytes_per_recipe;
}

}  // namespace bench
