#include "store/result_writer.hpp"

#include <algorithm>
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
    for (const auto& [id, i] : order) {
      const StoredResult stored = to_stored(results[i], blobs[i]);
      if (!stored.is_inline) {
        if (const Result<bool> linked = store_.blobs.link(transaction_, blobs[i]); !linked) return linked.error();
      }
      if (auto put = add(id, results[i].address, stored); !put) return put;
      if (!results[i].context.cutoff) continue;
      if (auto put = store_.cutoffs.insert(transaction_, *results[i].context.cutoff, encoded_); !put) return put;
    }
    return {};
  }

  Result<void> reuse(const ReusedResult& reused) {
    const Result<std::optional<StoredResult>> found = store_.cutoffs.find(transaction_, reused.cutoff);
    if (!found) return found.error();
    if (!*found) return {};
    if (!(*found)->is_inline) {
      const Result<bool> stored = store_.blobs.contains(transaction_, (*found)->digest());
      if (!stored) return stored.error();
      if (!*stored) return {};
    }
    return add(graph_.find_or_add(reused.address.bytes(), reused.node), reused.address, **found);
  }

 private:
  // Leaves the encoded result in `encoded_`. The value of `stored` may end here.
  Result<void> add(graph::Id id, const Address& address, const StoredResult& stored) {
    const BytesView before = graph_.add_record(id, stored.encode(encoded_));
    if (before.empty()) return {};
    const StoredResult kept = StoredResult::decode(before);
    if (same_value(kept, stored)) return {};
    return contradiction(address, kept, stored);
  }

  const StoreAccess::Impl& store_;
  WriteTransaction& transaction_;
  graph::Writer& graph_;
  std::vector<std::byte> encoded_;
};

}  // namespace

Result<void> put_results(Store& store, std::span<const ComputedResult> computed, std::span<const ReusedResult> reused,
                         std::span<const Comparison> comparisons) {
  StoreAccess::Impl& impl = StoreAccess::impl(store);
  std::vector<BytesView> values;
  values.reserve(computed.size());
  for (const ComputedResult& result : computed) values.push_back(result.value);
  const Result<std::vector<PreparedBlob>> blobs = impl.blobs.prepare_many(values);
  if (!blobs) return blobs.error();
  return impl.environment.write([&](WriteTransaction& transaction) -> Result<void> {
    for (const Comparison& comparison : comparisons) {
      if (auto recorded = impl.ledger.record(transaction, comparison); !recorded) return recorded;
    }
    if (computed.empty() && reused.empty()) return {};
    auto change = [&](graph::Writer& graph) -> Result<void> {
      ResultWriter writer(impl, transaction, graph);
      if (auto put = writer.put(computed, *blobs); !put) return put;
      for (const ReusedResult& one : reused) {
        if (auto put = writer.reuse(one); !put) return put;
      }
      return {};
    };
    return impl.graph().change(transaction, change);
  });
}

}  // namespace deriva::detail
