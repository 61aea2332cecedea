#include <deriva/observe/explain.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "store/predecessor.hpp"
#include "store/store_reader.hpp"

namespace deriva {
namespace {

std::string name(const FunctionId& function) { return function.name + '/' + function.version; }

std::string changed_params(const Params& before, const Params& after) {
  std::set<std::string> names;
  for (const auto& [key, value] : before) {
    const auto found = after.find(key);
    if (found == after.end() || found->second != value) names.insert(key);
  }
  for (const auto& [key, value] : after) {
    if (before.find(key) == before.end()) names.insert(key);
  }
  std::string text;
  for (const std::string& one : names) text += (text.empty() ? "" : ", ") + one;
  return text;
}

/// Walks both graphs at once, from pairs of addresses that differ to pairs of their inputs.
class Differ {
 public:
  Differ(const Store& store, std::size_t limit) : store_(store), limit_(limit) {}

  Result<std::vector<Change>> run(const Address& before, const Address& after) {
    visit(before, after, none);
    for (std::size_t next = 0; next < pairs_.size() && changes_.size() < limit_; ++next) {
      if (Result<void> compared = compare(next); !compared) return compared.error();
    }
    changes_.resize(std::min(changes_.size(), limit_));
    return std::move(changes_);
  }

 private:
  static constexpr std::size_t none = ~std::size_t{0};
  struct Pair {
    Address before;
    Address after;
    std::size_t above;  ///< The pair that it was found in.
  };

  void visit(const Address& before, const Address& after, std::size_t above) {
    if (before != after && seen_.emplace(before, after).second) pairs_.push_back({before, after, above});
  }
  void add(Change::Kind kind, std::size_t at, const Address& before, const Address& after, std::string what = {}) {
    std::vector<Address> path;
    for (std::size_t i = at; i != none; i = pairs_[i].above) path.push_back(pairs_[i].after);
    std::reverse(path.begin(), path.end());
    changes_.push_back({kind, before, after, std::move(what), std::move(path)});
  }

  Result<void> compare(std::size_t at) {
    const Pair pair = pairs_[at];
    const Result<std::optional<Recipe>> before = store_.recipe(pair.before);
    if (!before) return before.error();
    const Result<std::optional<Recipe>> after = store_.recipe(pair.after);
    if (!after) return after.error();
    if (!*before || !*after) {
      add(!*before && !*after ? Change::Kind::leaf : Change::Kind::replaced, at, pair.before, pair.after);
      return {};
    }
    const Recipe& was = **before;
    const Recipe& is = **after;
    if (was.function != is.function) {
      const auto kind = was.function.name == is.function.name ? Change::Kind::function_version : Change::Kind::function;
      add(kind, at, pair.before, pair.after, name(was.function) + " -> " + name(is.function));
    }
    if (was.params != is.params) {
      add(Change::Kind::params, at, pair.before, pair.after, changed_params(was.params, is.params));
    }
    compare_inputs(was.inputs, is.inputs, at);
    return {};
  }

  /// Place by place if there are as many; else what is in both is left out, and the rest is compared in order.
  void compare_inputs(std::vector<Address> was, std::vector<Address> is, std::size_t at) {
    if (was.size() != is.size()) {
      std::map<Address, std::pair<std::size_t, std::size_t>> common;
      for (const Address& one : was) ++common[one].first;
      for (const Address& one : is) ++common[one].second;
      for (auto& [address, counts] : common) counts.first = counts.second = std::min(counts.first, counts.second);
      std::erase_if(was, [&](const Address& one) { return common[one].first > 0 && common[one].first-- > 0; });
      std::erase_if(is, [&](const Address& one) { return common[one].second > 0 && common[one].second-- > 0; });
    }
    const std::size_t both = std::min(was.size(), is.size());
    for (std::size_t i = 0; i < both; ++i) visit(was[i], is[i], at);
    for (std::size_t i = both; i < was.size(); ++i) add(Change::Kind::input_removed, at, was[i], Address());
    for (std::size_t i = both; i < is.size(); ++i) add(Change::Kind::input_added, at, Address(), is[i]);
  }

  const Store& store_;
  const std::size_t limit_;
  std::vector<Pair> pairs_;
  std::set<std::pair<Address, Address>> seen_;
  std::vector<Change> changes_;
};

/// The address of what the recipe was before something changed.
Result<std::optional<Address>> predecessor(const Store& store, const Address& recipe) {
  std::optional<Address> found;
  const Result<void> done = detail::read(store, [&](detail::StoreReader& reader) -> Result<void> {
    const std::optional<detail::StoreReader::Id> target = reader.find(recipe);
    if (!target) return {};
    const Result<std::optional<detail::StoreReader::Id>> previous = detail::find_predecessor(reader, *target);
    if (!previous) return previous.error();
    if (*previous) found = reader.address(**previous);
    return {};
  });
  if (!done) return done.error();
  return found;
}

event::Reason reason_of(const std::vector<Change>& changes) {
  const auto any = [&](auto... kinds) {
    return std::any_of(changes.begin(), changes.end(), [&](const Change& one) { return ((one.kind == kinds) || ...); });
  };
  if (any(Change::Kind::function_version)) return event::Reason::function_version_changed;
  if (any(Change::Kind::leaf, Change::Kind::input_added, Change::Kind::input_removed, Change::Kind::replaced)) {
    return event::Reason::input_changed;
  }
  const bool below = std::any_of(changes.begin(), changes.end(), [](const Change& one) { return one.path.size() > 1; });
  return below ? event::Reason::input_changed : event::Reason::never_computed;
}

}  // namespace

std::string_view to_string(Change::Kind kind) noexcept {
  switch (kind) {
    case Change::Kind::leaf:
      return "leaf";
    case Change::Kind::function_version:
      return "function version";
    case Change::Kind::function:
      return "function";
    case Change::Kind::params:
      return "params";
    case Change::Kind::input_added:
      return "input added";
    case Change::Kind::input_removed:
      return "input removed";
    case Change::Kind::replaced:
      return "replaced";
  }
  return "unknown";
}

Result<std::vector<Change>> difference(const Store& store, const Address& before, const Address& after,
                                       std::size_t limit) {
  return Differ(store, limit).run(before, after);
}

Result<Explanation> explain(const Store& store, const Address& recipe) {
  std::optional<Lookup::Answer> answer;
  auto visit = [&](std::size_t, Lookup::Answer one) { answer = std::move(one); };
  if (const Result<void> looked = store.look_up({&recipe, 1}, visit); !looked) return looked.error();
  Explanation explanation;
  explanation.stored = std::holds_alternative<Lookup::Stored>(*answer);
  const auto* computable = std::get_if<Lookup::Computable>(&*answer);
  const Result<std::optional<Recipe>> known = store.recipe(recipe);
  if (!known) return known.error();
  if (!*known) return Error(Errc::not_found, "there is no such recipe").with_address(recipe);
  if (computable != nullptr && computable->evicted) {
    explanation.reason = event::Reason::evicted;
    return explanation;
  }
  Result<std::optional<Address>> previous = predecessor(store, recipe);
  if (!previous) return previous.error();
  explanation.previous = *previous;
  if (!*previous) return explanation;
  Result<std::vector<Change>> changes = difference(store, **previous, recipe);
  if (!changes) return changes.error();
  explanation.changes = *std::move(changes);
  explanation.reason = reason_of(explanation.changes);
  return explanation;
}

}  // namespace deriva
