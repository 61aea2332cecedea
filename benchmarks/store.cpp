// What the store does: opening, storing recipes, reading values; against LMDB with nothing around it.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <deriva/store/store.hpp>

#include "recipes.hpp"
#include "support/micro.hpp"
#include "support/process.hpp"
#include "support/raw_lmdb.hpp"
#include "support/relaxed_store.hpp"
#include "support/samples.hpp"
#include "support/scratch.hpp"
#include "support/suite.hpp"

namespace {

using namespace bench;
using deriva::Address;
using deriva::BytesView;
using deriva::Recipe;
using deriva::Store;
namespace fs = std::filesystem;

constexpr std::size_t batch = 1'000;
const std::string ours = "deriva";
const std::string raw = "raw LMDB";

/// Recipes with what LMDB alone is given for them.
struct Encoded {
  explicit Encoded(std::vector<Recipe> list) : recipes(std::move(list)) {
    for (const Recipe& recipe : recipes) {
      addresses.push_back(recipe.address());
      encodings.push_back(deriva::encode(recipe));
    }
    for (std::size_t i = 0; i < recipes.size(); ++i) items.emplace_back(addresses[i].bytes(), encodings[i]);
  }
  std::vector<Recipe> recipes;
  std::vector<Address> addresses;
  std::vector<std::vector<std::byte>> encodings;
  std::vector<RawLmdb::Item> items;
};

fs::path fresh(const fs::path& directory) {
  fs::remove_all(directory);
  fs::create_directories(directory);
  fs::permissions(directory, fs::perms::owner_all);
  return directory;
}

std::uint64_t recipes_in(const Store& store) { return store.stats().value().recipes; }

/// Calls `put` for one batch after the other; returns the time of each, in ns.
template <class T, class Put>
std::vector<double> time_batches(const std::vector<T>& all, const Put& put) {
  std::vector<double> times;
  for (std::size_t i = 0; i < all.size(); i += batch) {
    const auto part = std::span(all).subspan(i, std::min(batch, all.size() - i));
    times.push_back(nanoseconds([&] { put(part); }));
  }
  return times;
}

void add_batches(Samples& samples, const std::string& contender, const std::vector<double>& times) {
  double total = 0;
  for (const double time : times) total += time;
  const std::size_t tenth = std::max<std::size_t>(times.size() / 10, 1);
  double last = 0;
  for (std::size_t i = times.size() - tenth; i < times.size(); ++i) last += times[i];
  samples.add(contender, "all", rate(times.size() * batch, total));
  samples.add(contender, "last tenth", rate(tenth * batch, last));
  samples.add(contender, "p99", percentile(times, 0.99));
}

void measure_puts(const Options& options, Report& report, const Encoded& encoded, const Scratch& scratch) {
  const std::uint64_t n = encoded.recipes.size();
  Samples samples;
  const auto put_ours = [&] {
    Store store = Store::open(fresh(scratch.path() / "put")).value();
    const auto put = [&](std::span<const Recipe> part) { store.put_recipes(part).value(); };
    add_batches(samples, ours, time_batches(encoded.recipes, put));
    require(recipes_in(store) == n, "put_recipes stored something else than " + std::to_string(n) + " recipes");
  };
  const auto put_raw = [&] {
    RawLmdb lmdb(fresh(scratch.path() / "raw"));
    add_batches(samples, raw,
                time_batches(encoded.items, [&](std::span<const RawLmdb::Item> part) { lmdb.put(part); }));
  };
  take_turns(options.repetitions, {put_ours, put_raw});
  const auto row = [&](const std::string& id, const std::string& measure, std::optional<double> goal, Unit unit) {
    report.add({id, samples.median(ours, measure), unit, goal,
                unit == Unit::per_second ? Better::higher : Better::lower, raw + " put", samples.median(raw, measure),
                n});
  };
  row("store.put_recipes.sync1k", "all", 50'000, Unit::per_second);
  row("store.put_recipes.sync1k.last_tenth", "last tenth", std::nullopt, Unit::per_second);
  row("store.put_recipes.sync1k.commit_p99", "p99", std::nullopt, Unit::nanoseconds);
  report.add({"store.put_recipes.sync1k.vs_raw", samples.ratio(ours, raw, "all"), Unit::factor, std::nullopt,
              Better::higher, raw + " put", 1, n});
  report.note(
      "put_recipes: batches of 1,000, Durability::sync; the peer puts the same encodings under the same keys, "
      "in the same batches, with the same flushes, and without edges, checks, encoding or hashing");
}

/// An LMDB environment whose file is about as large as another one, with as many entries.
void make_raw_of_size(const fs::path& directory, std::uint64_t bytes, const Encoded& encoded) {
  constexpr double fill = 0.69;  // of pages that were filled in random order
  constexpr double per_entry = 32 + 10;
  const double each = static_cast<double>(bytes) / static_cast<double>(encoded.items.size()) * fill - per_entry;
  const std::vector<std::byte> value(static_cast<std::size_t>(std::clamp(each, 8.0, 1e6)));
  std::vector<RawLmdb::Item> items;
  for (const Address& address : encoded.addresses) items.emplace_back(address.bytes(), value);
  RawLmdb lmdb(fresh(directory), RawLmdb::Flush::data);
  time_batches(items, [&](std::span<const RawLmdb::Item> part) { lmdb.put(part); });
}

void measure_open(const Options& options, Report& report, const Encoded& encoded, const Scratch& scratch) {
  const fs::path store = scratch.path() / "open-store";
  const fs::path lmdb = scratch.path() / "open-raw";
  const std::uint64_t n = encoded.recipes.size();
  {
    Store filled = open_relaxed(store);
    time_batches(encoded.recipes, [&](std::span<const Recipe> part) { filled.put_recipes(part).value(); });
    filled.flush().value();
  }
  make_raw_of_size(lmdb, fs::file_size(store / "data.mdb"), encoded);
  const std::string key = encoded.addresses[encoded.addresses.size() / 2].to_string();

  Samples samples;
  bool dropped = true;
  const auto open_in_child = [&](const std::string& child, const fs::path& directory, bool cold) {
    if (cold) dropped = drop_from_page_cache(directory) && dropped;
    const double time = run_child(child, {directory.string(), key, std::to_string(n)}).at(0);
    samples.add(child, cold ? "cold" : "warm", time);
  };
  std::vector<std::function<void()>> turns;
  for (const bool cold : {true, false}) {
    turns.emplace_back([&, cold] { open_in_child("open-store", store, cold); });
    turns.emplace_back([&, cold] { open_in_child("open-raw", lmdb, cold); });
  }
  take_turns(std::max<std::uint64_t>(options.repetitions, 9), turns);
  require(dropped, "the files could not be removed from the page cache: the cold figures would be warm ones");
  const auto row = [&](const std::string& id, const std::string& measure, std::optional<double> goal) {
    report.add({id, samples.median("open-store", measure), Unit::nanoseconds, goal, Better::lower, raw + " open + get",
                samples.median("open-raw", measure), n});
  };
  row("store.open.100k", "warm", 1e6);
  row("store.open.100k.cold_pages", "cold", std::nullopt);
  report.note(
      "store.open: a new process each time, timed inside around the call; for .cold_pages the files were removed from "
      "the page cache before (checked with mincore), else they were in it; files of " +
      to_text(static_cast<double>(fs::file_size(store / "data.mdb")), Unit::bytes) + " and " +
      to_text(static_cast<double>(fs::file_size(lmdb / "data.mdb")), Unit::bytes));
}

void open_store_child(const std::vector<std::string>& arguments) {
  std::optional<deriva::Result<Store>> store;
  const double time = nanoseconds([&] { store = Store::open(arguments.at(0)); });
  require(recipes_in(store->value()) == std::stoull(arguments.at(2)), "not the store that was to be opened");
  std::cout << time << '\n';
}

void open_raw_child(const std::vector<std::string>& arguments) {
  const Address key = Address::parse(arguments.at(1)).value();
  std::optional<RawLmdb> lmdb;
  std::size_t size = 0;
  const double time = nanoseconds([&] {
    lmdb.emplace(arguments.at(0));
    lmdb->get(key.bytes(), [&](BytesView value) { size = value.size(); });
  });
  require(size != 0, "the key is not there");
  std::cout << time << '\n';
}

void measure_values(const Options& options, Report& report, const Scratch& scratch) {
  constexpr std::size_t count = 10'000;
  constexpr std::size_t value_bytes = 100;
  Store store = Store::open(fresh(scratch.path() / "values")).value();
  RawLmdb lmdb(fresh(scratch.path() / "raw-values"));
  std::mt19937_64 random(7);
  std::vector<std::string> values(count, std::string(value_bytes, ' '));
  for (std::string& value : values)
    std::generate(value.begin(), value.end(), [&] { return static_cast<char>(random()); });
  std::vector<BytesView> views;
  for (const std::string& value : values) views.push_back(deriva::as_bytes(value));
  const std::vector<Address> addresses = store.put_leaves(views).value();
  std::vector<RawLmdb::Item> items;
  for (std::size_t i = 0; i < count; ++i) items.emplace_back(addresses[i].bytes(), views[i]);
  lmdb.put(items);

  Micro micro;
  micro.add(ours, [&](benchmark::State& state) {
    std::size_t bytes = 0;
    std::size_t i = 0;
    for (auto _ : state) bytes += store.value(addresses[(i += 7'919) % count]).value().value().size();
    if (bytes != value_bytes * static_cast<std::size_t>(state.iterations())) state.SkipWithError("values are missing");
  });
  micro.add(raw, [&](benchmark::State& state) {
    std::size_t bytes = 0;
    std::size_t i = 0;
    for (auto _ : state) {
      lmdb.get(addresses[(i += 7'919) % count].bytes(),
               [&](BytesView value) { bytes += deriva::Blob::copy_of(value).size(); });
    }
    if (bytes != value_bytes * static_cast<std::size_t>(state.iterations())) state.SkipWithError("values are missing");
  });
  const auto medians = micro.run(options.repetitions);
  report.add({"store.value.hit", medians.at(ours), Unit::nanoseconds, std::nullopt, Better::lower, raw + " get + copy",
              medians.at(raw), count});
}

void run_suite(const Options& options, Report& report) {
  const Scratch scratch(options.scratch);
  measure_open(options, report, Encoded(make_recipes(100'000)), scratch);
  measure_puts(options, report, Encoded(make_recipes(options.n.value_or(100'000))), scratch);
  measure_values(options, report, scratch);
}

}  // namespace

int main(int argc, char** argv) {
  return suite_main(argc, argv, "store", run_suite, {{"open-store", open_store_child}, {"open-raw", open_raw_child}});
}
