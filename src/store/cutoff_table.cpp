#include "store/cutoff_table.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "store/recipe_payload.hpp"
#include "store/stored_result.hpp"

namespace deriva::detail {

CutoffKey cutoff_key(std::uint32_t function, BytesView params, std::span<const Digest> inputs) {
  // The lengths in front make sure that no two computations are written alike.
  const std::array<std::uint64_t, 3> head{function, params.size(), inputs.size()};
  Sha256 hash;
  hash.update(std::as_bytes(std::span(head)));
  hash.update(params);
  hash.update(std::as_bytes(inputs));
  const Digest digest = hash.finish();
  CutoffKey key;
  std::copy_n(digest.bytes.begin(), key.bytes.size(), key.bytes.begin());
  return key;
}

std::optional<Digest> value_digest(graph::GraphView& graph, graph::Id id) {
  if (const BytesView record = graph.record(id); !record.empty()) return StoredResult::decode(record).digest();
  if (graph.has_entry(id)) return std::nullopt;
  Digest leaf;
  std::copy_n(graph.key_at(id), leaf.bytes.size(), leaf.bytes.begin());
  return leaf;
}

std::optional<CutoffKey> cutoff_key_of(graph::GraphView& graph, graph::Id id) {
  if (!graph.has_entry(id)) return std::nullopt;
  std::vector<graph::Id> inputs;
  graph.for_each_input(id, [&](graph::Id input) { return inputs.push_back(input), true; });
  std::vector<Digest> digests;
  digests.reserve(inputs.size());
  for (const graph::Id input : inputs) {
    const std::optional<Digest> digest = value_digest(graph, input);
    if (!digest) return std::nullopt;
    digests.push_back(*digest);
  }
  const RecipePayload payload = split_payload(graph.payload(id));
  return cutoff_key(payload.function, payload.params, digests);
}

CutoffEntry::CutoffEntry(const Address& of, const Digest& value) noexcept : recipe(of) {
  std::copy_n(value.bytes.begin(), check.size(), check.begin());
}

bool CutoffEntry::matches(const Digest& value) const noexcept {
  return std::equal(check.begin(), check.end(), value.bytes.begin());
}

Result<CutoffTable> CutoffTable::open(Environment& environment) {
  const Result<Table> table = Table::open(environment, "cutoff");
  if (!table) return table.error();
  return CutoffTable(*table);
}

Result<bool> CutoffTable::empty(const ReadTransaction& transaction) const {
  const Result<std::uint64_t> size = table_.size(transaction);
  if (!size) return size.error();
  return *size == 0;
}

Result<std::optional<CutoffEntry>> CutoffTable::find(const ReadTransaction& transaction, const CutoffKey& key) const {
  return table_.get(transaction, key);
}

Result<void> CutoffTable::put(WriteTransaction& transaction, const CutoffKey& key, const CutoffEntry& entry) const {
  return table_.put(transaction, key, entry);
}

Result<void> CutoffTable::erase(WriteTransaction& transaction, const CutoffKey& key, const Address& recipe) const {
  const Result<std::optional<CutoffEntry>> entry = table_.get(transaction, key);
  if (!entry) return entry.error();
  if (!*entry || (*entry)->recipe != recipe) return {};
  const Result<bool> erased = table_.erase(transaction, key);
  return erased ? Result<void>() : Result<void>(erased.error());
}

}  // namespace deriva::detail
