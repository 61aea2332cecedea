#include "dag/workload.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <stdexcept>

#include <boost/unordered/unordered_flat_set.hpp>

namespace bench {

using deriva::Address;

class Workload::Maker {
 public:
  Maker(Workload& workload, const Options& options) : workload_(workload), options_(options), random_(options.seed) {}

  void make() {
    std::vector<Address> keys(options_.recipes);
    for (Address& key : keys) key = address();
    workload_.inputs_.reserve(options_.recipes * 9 / 4);
    std::vector<std::size_t> ends;
    ends.reserve(options_.recipes);
    for (std::size_t i = 0; i < options_.recipes; ++i) {
      add_inputs(keys, i);
      ends.push_back(workload_.inputs_.size());
    }
    std::size_t begin = 0;
    workload_.entries_.reserve(options_.recipes);
    for (std::size_t i = 0; i < options_.recipes; ++i) {
      workload_.entries_.emplace_back(keys[i], std::span(workload_.inputs_).subspan(begin, ends[i] - begin));
      begin = ends[i];
    }
  }

 private:
  void add_inputs(const std::vector<Address>& keys, std::size_t i) {
    if (i == 0) return;
    std::vector<Address>& inputs = workload_.inputs_;
    const std::size_t begin = inputs.size();
    const std::size_t ordinary = counts_(random_);  // 2.02 on average
    const bool fifth = random_() % 5 == 0;
    for (std::size_t k = 0; k < ordinary + (fifth && !options_.hub ? 1 : 0); ++k) {
      const Address input = random_() % 10 == 0 ? leaf() : recipe(keys, i);
      const auto first = inputs.begin() + static_cast<std::ptrdiff_t>(begin);
      inputs.push_back(std::find(first, inputs.end(), input) == inputs.end() ? input : new_leaf());
    }
    const auto first = inputs.begin() + static_cast<std::ptrdiff_t>(begin);
    if (fifth && options_.hub && std::find(first, inputs.end(), keys.front()) == inputs.end()) {
      inputs.push_back(keys.front());
    }
  }

  Address recipe(const std::vector<Address>& keys, std::size_t i) {
    constexpr std::size_t recent = 1'000;
    const std::size_t range = random_() % 5 == 0 ? i : std::min(i, recent);
    return keys[i - 1 - random_() % range];
  }

  Address leaf() {
    const bool is_new = workload_.leaves_.empty() || random_() % 1'000 < 381;
    if (is_new) return new_leaf();
    const std::size_t range = std::min<std::size_t>(workload_.leaves_.size(), 1'000);
    return workload_.leaves_[workload_.leaves_.size() - 1 - random_() % range];
  }

  Address new_leaf() { return workload_.leaves_.emplace_back(address()); }

  Address address() {
    std::array<std::uint64_t, 4> words{random_(), random_(), random_(), random_()};
    std::array<std::byte, 32> bytes{};
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return Address(bytes);
  }

  Workload& workload_;
  Options options_;
  std::mt19937_64 random_;
  std::discrete_distribution<std::size_t> counts_{0, 34, 40, 18, 6, 2};
};

Workload::Workload(const Options& options) { Maker(*this, options).make(); }

std::vector<Address> Workload::unneeded(std::size_t end, std::size_t count) const {
  const boost::unordered_flat_set<Address, std::hash<Address>> needed(inputs_.begin(), inputs_.end());
  std::vector<Address> out;
  for (const Entry& entry : entries(0, end)) {
    if (!needed.contains(entry.first)) out.push_back(entry.first);
  }
  if (out.size() < count) throw std::logic_error("the workload has too few entries that nothing depends on");
  std::mt19937_64 random(23);
  std::shuffle(out.begin(), out.end(), random);
  out.resize(count);
  return out;
}

std::vector<Entry> Workload::shuffled(std::size_t window) const {
  std::vector<Entry> out = entries_;
  std::mt19937_64 random(17);
  for (std::size_t i = 0; i < out.size(); i += window) {
    const auto begin = out.begin() + static_cast<std::ptrdiff_t>(i);
    const auto end = out.begin() + static_cast<std::ptrdiff_t>(std::min(i + window, out.size()));
    std::shuffle(begin, end, random);
  }
  return out;
}

}  // namespace bench
