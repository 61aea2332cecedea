#pragma once

// Does the same to a PersistentDag and to a std::map, and compares the answers.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <deriva/dag/persistent_dag.hpp>

#include "unit/dag/persistent_fixture.hpp"
#include "unit/dag/plain_graph.hpp"

namespace deriva::test {

template <DagKey K>
class DagFuzz {
 public:
  using Key = K;
  using Keys = std::vector<Key>;
  using Entries = std::vector<std::pair<Key, Keys>>;

  explicit DagFuzz(std::uint64_t seed) : random_(seed) {
    options_.tail_nodes = static_cast<std::uint32_t>(below(3) == 0 ? 400 : 20 + below(60));
    late_share_ = below(4) == 0 ? 25 : below(2) * 3;
    if (below(2) == 0) {
      durability_ = Durability::sync;
      options_.journal_after = static_cast<std::uint32_t>(below(3));
    }
    open();
  }

  /// Returns what went wrong, or an empty string.
  std::string run(std::size_t steps, bool readers) {
    std::atomic<bool> stop{false};
    std::atomic<bool> torn{false};
    std::vector<std::thread> threads;
    for (std::size_t n = 0; readers && n < 2; ++n) {
      threads.emplace_back([&, n] { torn = read_until(stop, n) || torn; });
    }
    for (std::size_t step = 0; step < steps && wrong_.empty(); ++step) {
      one_step(!readers);
      if (!wrong_.empty()) wrong_ += " in step " + std::to_string(step);
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    if (wrong_.empty() && torn) wrong_ = "a reader saw a torn graph";
    if (wrong_.empty()) compare_all();
    return wrong_;
  }

 private:
  std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : random_() % end; }
  static Key k(std::uint64_t n) { return make_key<Key>(n); }
  void expect(bool agreed, const char* what) {
    if (!agreed && wrong_.empty()) wrong_ = what;
  }

  void open() {
    dag_.reset();
    environment_.reset();
    environment_.emplace(open_environment(directory_, durability_));
    dag_.emplace(PersistentDag<Key>::open(*environment_, options_).value());
  }

  // A key that is known, or was, or may be one day.
  std::uint64_t some() {
    if (next_ == 0 || below(20) == 0) return next_ + below(50);
    if (below(10) < 7) return next_ - 1 - below(std::min<std::uint64_t>(next_, 100));
    if (below(3) == 0) return below(3);  // hubs
    return below(next_);
  }
  Keys some_inputs() {
    Keys inputs;
    const std::uint64_t count = below(200) == 0 ? 100 : below(5);
    for (std::uint64_t n = 0; n < count; ++n) inputs.push_back(k(some()));
    return inputs;
  }
  std::pair<Key, Keys> some_entry() {
    const bool fresh = below(100) >= late_share_ + 3;
    std::uint64_t key = some();
    Keys inputs = some_inputs();
    if (fresh) key = next_++;
    if (below(30) == 0 && model_.forward.contains(k(key))) inputs = model_.inputs(k(key));
    return {k(key), inputs};
  }

  void one_step(bool may_reopen) {
    switch (below(20)) {
      case 0:
      case 1:
        remove();
        break;
      case 2:
        remove_many();
        break;
      case 3:
        undo();
        break;
      case 4:
        several();
        break;
      case 5:
        if (may_reopen) open();
        break;
      case 6:
        if (below(4) == 0) expect(dag_->compact().has_value(), "compact failed");
        break;
      case 7:
        if (below(4) == 0) expect(dag_->rebuild_indexes().has_value(), "rebuild_indexes failed");
        break;
      case 8:
        check(*dag_);
        break;
      case 9:
      case 10:
      case 11:
        for (int i = 0; i < 5; ++i) ask(k(some()));
        break;
      default:
        insert_many(below(3) == 0 ? 200 : 1 + below(40));
    }
    expect(dag_->size() == model_.forward.size(), "size differs");
  }

  // What the entries do to the model; false: they are refused.
  static bool apply(PlainGraph<Key>& model, const Entries& entries, std::size_t& added, Errc& refused) {
    for (const auto& [key, inputs] : entries) {
      if (const auto known = model.forward.find(key); known != model.forward.end()) {
        if (known->second == inputs) continue;
        refused = Errc::invalid_argument;
        return false;
      }
      if (model.closes_cycle(key, inputs)) {
        refused = Errc::cycle;
        return false;
      }
      model.insert(key, inputs);
      ++added;
    }
    return true;
  }

  void insert_many(std::uint64_t count) {
    Entries entries;
    PlainGraph<Key> after = model_;
    std::size_t added = 0;
    Errc refused{};
    for (std::uint64_t n = 0; n < count; ++n) {
      const std::size_t before = added;
      const std::pair<Key, Keys> entry = some_entry();
      const bool taken = apply(after, {entry}, added, refused);
      if (!taken && below(10) != 0) {
        added = before;
        continue;  // mostly leave bad ones out
      }
      entries.push_back(entry);
      if (!taken) break;
      refused = Errc{};
    }
    const bool all = entries.empty() || apply_again(entries);
    const auto done = dag_->insert_many(entries);
    if (all) {
      expect(done.has_value() && *done == added, "insert_many did not add what it should");
      model_ = std::move(after);
    } else {
      expect(done.has_error() && done.error().code() == refused, "insert_many took what it should refuse");
      if (done.has_error() && refused == Errc::cycle) check_path(done.error(), entries);
    }
  }
  bool apply_again(const Entries& entries) {
    PlainGraph<Key> copy = model_;
    std::size_t added = 0;
    Errc refused{};
    return apply(copy, entries, added, refused);
  }

  void check_path(const Error& error, const Entries& entries) {
    PlainGraph<Key> with = model_;
    for (const auto& [key, inputs] : entries) {
      if (!with.forward.contains(key)) with.insert(key, inputs);
    }
    const Key key = entries.back().first;
    expect(is_cycle(error, key, [&](const Key& at) { return with.inputs(at); }), "the path is not a cycle");
  }

  void remove() {
    const Key key = k(some());
    const bool there = model_.forward.contains(key);
    const bool needed = !model_.dependents(key).empty();
    if (below(3) == 0) {
      const auto done = dag_->force_remove(key);
      expect(done.has_value() && *done == there, "force_remove differs");
      model_.remove(key);
      return;
    }
    const auto done = dag_->remove(key);
    if (there && needed) {
      expect(done.has_error() && done.error().code() == Errc::invalid_argument, "remove took what is needed");
    } else {
      expect(done.has_value() && *done == there, "remove differs");
      model_.remove(key);
    }
  }

  void remove_many() {
    const auto above = model_.transitive(k(some()));
    Keys keys(above.begin(), above.end());
    if (keys.size() > 30) return;
    std::shuffle(keys.begin(), keys.end(), random_);
    const auto done = dag_->remove_many(keys);
    expect(done.has_value() && *done == keys.size(), "remove_many differs");
    for (const Key& key : keys) model_.remove(key);
  }

  // A transaction that ends in an error has not happened.
  void undo() {
    Entries entries;
    for (std::uint64_t n = 0; n < 30 + below(100); ++n) entries.emplace_back(k(1'000'000 + n), some_inputs());
    const Result<std::size_t> undone = environment_->write([&](WriteTransaction& transaction) -> Result<std::size_t> {
      (void)dag_->insert_many(transaction, entries);
      return Error(Errc::cancelled);
    });
    expect(undone.has_error(), "an undone transaction has a value");
  }

  // Changes and questions in one transaction.
  void several() {
    const Result<bool> done = environment_->write([&](WriteTransaction& transaction) -> Result<bool> {
      PlainGraph<Key> after = model_;
      bool agreed = true;
      for (int i = 0; i < 3; ++i) {
        const Key key = k(next_ + 500'000 + static_cast<std::uint64_t>(i));
        const Keys inputs = {k(some()), k(next_ + 500'000 + static_cast<std::uint64_t>(i) + 1)};
        if (after.forward.contains(key) || after.closes_cycle(key, inputs)) continue;
        const auto added = dag_->insert(transaction, key, inputs);
        after.insert(key, inputs);
        agreed = agreed && added && *added && *dag_->inputs(transaction, key).value() == inputs;
        agreed = agreed && same(dag_->direct_dependents(transaction, inputs[0]).value(), after.dependents(inputs[0]));
      }
      staged_ = std::move(after);
      return agreed;
    });
    expect(done.has_value() && *done, "a transaction does not see its own changes");
    model_ = staged_;
    expect(!dag_->contains(k(987'654'321)).value(), "an unknown key is known");
  }

  template <class Set>
  static bool same(Keys keys, const Set& expected) {
    std::sort(keys.begin(), keys.end(), typename PlainGraph<Key>::Less());
    return std::ranges::equal(keys, expected);
  }
  bool in_order(const Keys& keys) const {
    std::map<Key, std::size_t, typename PlainGraph<Key>::Less> position;
    for (std::size_t at = 0; at < keys.size(); ++at) position[keys[at]] = at;
    return std::ranges::all_of(keys, [&](const Key& key) {
      return std::ranges::all_of(model_.inputs(key), [&](const Key& input) {
        const auto found = position.find(input);
        return found == position.end() || found->second < position.at(key);
      });
    });
  }

  void ask(const Key& key) {
    const bool there = model_.forward.contains(key);
    expect(dag_->contains(key).value() == there, "contains differs");
    const auto inputs = dag_->inputs(key).value();
    expect(inputs.has_value() == there && (!there || *inputs == model_.inputs(key)), "inputs differ");
    expect(same(dag_->direct_dependents(key).value(), model_.dependents(key)), "direct dependents differ");
    const Keys above = dag_->transitive_dependents(key).value();
    expect(same(above, model_.transitive(key)), "transitive dependents differ");
    expect(in_order(above), "transitive dependents are out of order");
    const Keys below_it = dag_->resolve_order(key).value();
    expect(same(below_it, model_.needed(key)), "resolve order differs");
    expect(in_order(below_it), "resolve order is out of order");
  }

  template <class Dag>
  void check(const Dag& dag) {
    const auto checked = dag.check();
    if (!checked && wrong_.empty()) wrong_ = checked.error().message();
  }

  void compare_all() {
    check(*dag_);
    Keys all;
    expect(dag_->for_each([&](const Key& key) { return all.push_back(key), true; }).has_value(), "for_each failed");
    expect(in_order(all), "for_each is out of order");
    std::set<Key, typename PlainGraph<Key>::Less> expected;
    for (const auto& [key, inputs] : model_.forward) expected.insert(key);
    expect(same(all, expected), "for_each differs");
    for (std::uint64_t n = 0; n < next_ + 10 && wrong_.empty(); n += 1 + next_ / 200) ask(k(n));
    const auto stats = dag_->stats().value();
    std::uint64_t edges = 0;
    for (const auto& [key, inputs] : model_.forward) edges += inputs.size();
    expect(stats.recipes == model_.forward.size() && stats.edges == edges, "the statistics differ");
  }

  // Whether a snapshot was not one state.
  bool read_until(const std::atomic<bool>& stop, std::uint64_t seed) const {
    std::mt19937_64 random(seed);
    const PersistentDag<Key> dag = *dag_;
    bool torn = false;
    while (!stop && !torn) {
      const Key key = k(random() % 500);
      const auto seen = dag.snapshot([&](const DagSnapshot<Key>& at) -> Result<bool> {
        bool good = true;
        const auto dependents = at.direct_dependents(key).value();
        for (const Key& dependent : dependents) {
          const auto inputs = at.inputs(dependent).value();
          good = good && inputs && std::ranges::find(*inputs, key) != inputs->end();
        }
        if (const auto inputs = at.inputs(key).value()) {
          for (const Key& input : *inputs) {
            const auto back = at.direct_dependents(input).value();
            good = good && std::ranges::find(back, key) != back.end();
          }
        }
        return good;
      });
      torn = !seen || !*seen;
    }
    return torn;
  }

  GraphDirectory directory_;
  std::optional<Environment> environment_;
  Durability durability_ = Durability::relaxed;
  PersistentDagOptions options_;
  std::optional<PersistentDag<Key>> dag_;
  PlainGraph<Key> model_;
  PlainGraph<Key> staged_;
  std::mt19937_64 random_;
  std::uint64_t next_ = 0;
  std::uint64_t late_share_ = 0;
  std::string wrong_;
};

}  // namespace deriva::test
