#include "store/result_writer.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "dag/writer.hpp"
#include "store/store_impl.hpp"
#include "store/stored_result.hpp"

namespace deriva::detail {

namespace {

Error contradiction(const Address& address, const StoredResult& stored, const StoredResult& result) {
  return Error(
             Errc::not_deterministic,
             fmt::format("the stored result has {} bytes with digest {}, the new one {} bytes with digest {}",
                         stored.head.size, stored.digest().to_string(), result.head.size, result.digest().to_string()))
      .with_address(address);
}

StoredResult to_stored(const ComputedResult& result, const PreparedBlob& blob) {
  StoredResult stored;
  stored.head = {blob.digest.bytes, blob.size, result.compute_time.count(),
                 result.computed_at.time_since_epoch().count()};
  stored.is_inline = !blob.is_file && blob.size <= inline_result_bytes;
  if (stored.is_inline) stored.value = result.value;
  return stored;
}

/// Puts results, inside one transaction.
class ResultWriter {
 public:
  ResultWriter(const StoreAccess::Impl& store, WriteTransaction& transaction, graph::Writer& graph)
      : store_(store), transaction_(transaction), graph_(graph) {}

  Result<void> put(std::span<const ComputedResult> results, std::span<const PreparedBlob> blobs) {
    // In the order of the records: neighbours one after the other.
    std::vector<std::pair<graph::Id, std::size_t>> order;
    order.reserve(results.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      order.emplace_back(graph_.find_or_add(results[i].address.bytes(), results[i].context.node), i);
    }
    std::sort(order.begin(), order.end());
    std::vector<PreparedBlob> apart;
    for (const auto& [id, i] : order) {
      const StoredResult stored = to_stored(results[i], blobs[i]);
      if (!stored.is_inline) apart.push_back(blobs[i]);
      if (auto put = add(id, results[i].address, stored); !put) return put;
      const std::vector<Address>& discovered = results[i].context.discovered;
      if (discovered.empty()) continue;
      if (auto put = store_.discovered.put(transaction_, results[i].address, discovered); !put) return put;
    }
    if (auto linked = store_.blobs.link_many(transaction_, apart); !linked) return linked;
    for (const auto& [id, i] : order) {  // Now that the inputs among them have their records.
      if (!results[i].context.by_inputs) continue;
      if (auto put = index(id, {results[i].address, blobs[i].digest}); !put) return put;
    }
    return {};
  }

 private:
  // The value of `stored` may end here.
  Result<void> add(graph::Id id, const Address& address, const StoredResult& stored) {
    const BytesView before = graph_.add_record(id, stored.encode(encoded_));
    if (before.empty()) return {};
    const StoredResult kept = StoredResult::decode(before);
    if (same_value(kept, stored)) return {};
    return contradiction(address, kept, stored);
  }

  /// Makes the result the one of its computation, unless another one still is.
  Result<void> index(graph::Id id, const CutoffEntry& entry) {
    const std::optional<CutoffKey> key = cutoff_key_of(graph_.view(), id);
    if (!key) return {};
    const Result<std::optional<CutoffEntry>> before = store_.cutoffs.find(transaction_, *key);
    if (!before) return before.error();
    if (*before && stands(**before)) return {};
    return store_.cutoffs.put(transaction_, *key, entry);
  }

  bool stands(const CutoffEntry& entry) {
    const std::optional<graph::Id> id = graph_.view().find(entry.recipe.bytes());
    const BytesView record = id ? graph_.view().record(*id) : BytesView();
    return !record.empty() && entry.matches(StoredResult::decode(record).digest());
  }

  const StoreAccess::Impl& store_;
  WriteTransaction& transaction_;
  graph::Writer& graph_;
  std::vector<std::byte> encoded_;
};

}  // namespace

Result<void> put_results(Store& store, std::span<const ComputedResult> results,
                         std::span<const Comparison> comparisons) {
  StoreAccess::Impl& impl = StoreAccess::impl(store);
  std::vector<BytesView> values;
  values.reserve(results.size());
  for (const ComputedResult& result : results) values.push_back(result.value);
  const Result<std::vector<PreparedBlob>> blobs = impl.blobs.prepare_many(values);
  if (!blobs) return blobs.error();
  return impl.environment.write([&](WriteTransaction& transaction) -> Result<void> {
    for (const Comparison& comparison : comparisons) {
      if (auto recorded = impl.ledger.record(transaction, comparison); !recorded) return recorded;
    }
    if (results.empty()) return {};
    auto change = [&](graph::Writer& graph) { return ResultWriter(impl, transaction, graph).put(results, *blobs); };
    return impl.graph().change(transaction, change);
  });
}

}  // namespace deriva::detail
