#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <deriva/compute/function_registry.hpp>
#include <deriva/compute/sync_executor.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/store/store.hpp>

#include "cache/contenders.hpp"
#include "cache/trace.hpp"
#include "support/relaxed_store.hpp"
#include "support/suite.hpp"

namespace bench {
namespace {

using deriva::Address;
using deriva::Blob;
using deriva::Recipe;
namespace fs = std::filesystem;

Blob digest_of(deriva::BytesView bytes) { return Blob::copy_of(deriva::BytesView(deriva::Digest::of(bytes).bytes)); }

/// A directory tree as recipes, one per file and directory; records what an executor computes of it.
class Recorder {
 public:
  Recorder(const fs::path& tree, const fs::path& scratch) : store_(open_relaxed(scratch / "recorded")) {
    registry_.add({"file", "1"},
                  [](std::span<const Blob> inputs, const deriva::Params&) { return digest_of(inputs[0]); });
    registry_.add({"directory", "1"}, [](std::span<const Blob> inputs, const deriva::Params&) {
      std::string entries;
      for (const Blob& input : inputs) entries += deriva::as_text(input);
      return digest_of(deriva::as_bytes(entries));
    });
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(tree)) {
      if (!entry.is_regular_file() || entry.is_symlink()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(in), {}};
      files_.push_back(entry.path());
      set_file(entry.path(), bytes);
      for (fs::path at = entry.path(); at != tree; at = at.parent_path()) entries_[at.parent_path()].insert({at, {}});
    }
    require(!files_.empty(), "there is no file in " + tree.string());
    for (auto directory = entries_.rbegin(); directory != entries_.rend(); ++directory) set_directory(directory->first);
    root_ = tree;
  }

  void materialize() {
    store_.put_recipes(new_recipes_).value();
    new_recipes_.clear();
    deriva::SyncExecutor executor(store_, registry_);
    deriva::MaterializeOptions options;
    options.on_computed = [this](const deriva::Computed& computed) {
      for (const Address& input : recipes_.at(computed.address).inputs) {
        if (const auto known = numbers_.find(input); known != numbers_.end()) trace_.accesses.push_back(known->second);
      }
      const auto number = static_cast<std::uint32_t>(trace_.items.size());
      numbers_.emplace(computed.address, number);
      const std::int64_t spent = computed.compute_time.count();
      trace_.items.push_back({computed.address, computed.size, static_cast<std::uint64_t>(spent)});
      trace_.accesses.push_back(number);
    };
    executor.materialize(address_[root_], options).value();
  }

  /// Appends to a file; the same few are changed more often than others.
  void change(std::mt19937_64& random) {
    const double share = std::uniform_real_distribution<>(0, 1)(random);
    const auto index = static_cast<std::size_t>(share * share * share * static_cast<double>(files_.size()));
    const fs::path& file = files_[index];
    std::ifstream in(file, std::ios::binary);
    set_file(file, std::string{std::istreambuf_iterator<char>(in), {}} + std::to_string(random()));
    for (fs::path at = file; at != root_; at = at.parent_path()) set_directory(at.parent_path());
  }

  Trace take() {
    std::size_t bytes = 0;
    for (const Trace::Item& item : trace_.items) bytes += item.size + entry_bytes;
    trace_.name = "merkle";
    trace_.capacity = bytes / 4;
    return std::move(trace_);
  }

 private:
  void set_file(const fs::path& path, const std::string& bytes) {
    set(path, {{"file", "1"}, {store_.put_leaf(deriva::as_bytes(bytes)).value()}, {}});
  }
  void set_directory(const fs::path& path) {
    Recipe recipe{{"directory", "1"}, {}, {}};
    for (const auto& [entry, nothing] : entries_[path]) recipe.inputs.push_back(address_.at(entry));
    set(path, std::move(recipe));
  }
  void set(const fs::path& path, Recipe recipe) {
    const Address address = recipe.address();
    address_[path] = address;
    new_recipes_.push_back(recipe);
    recipes_.insert_or_assign(address, std::move(recipe));
  }

  deriva::Store store_;
  deriva::FunctionRegistry registry_;
  fs::path root_;
  std::vector<fs::path> files_;
  std::map<fs::path, std::map<fs::path, bool>> entries_;
  std::map<fs::path, Address> address_;
  std::unordered_map<Address, Recipe> recipes_;
  std::vector<Recipe> new_recipes_;
  std::unordered_map<Address, std::uint32_t> numbers_;
  Trace trace_;
};

}  // namespace

Trace merkle_trace(const fs::path& tree, const fs::path& scratch) {
  constexpr int rounds = 400;
  constexpr int changes = 3;
  Recorder recorder(tree, scratch);
  recorder.materialize();
  std::mt19937_64 random(5);
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < changes; ++i) recorder.change(random);
    recorder.materialize();
  }
  return recorder.take();
}

}  // namespace bench
