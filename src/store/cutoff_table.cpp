#include "store/cutoff_table.hpp"

#include <algorithm>
#include <array>

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

Result<CutoffTable> CutoffTable::open(Environment& environment) {
  const Result<Table> table = Table::open(environment, "cutoff");
  if (!table) return table.error();
  return CutoffTable(*table);
}

Result<std::optional<StoredResult>> CutoffTable::find(const ReadTransaction& transaction, const CutoffKey& key) const {
  const Result<std::optional<BytesView>> found = table_.get(transaction, key);
  if (!found) return found.error();
  if (!*found) return std::optional<StoredResult>();
  return std::optional(StoredResult::decode(**found));
}

Result<void> CutoffTable::insert(WriteTransaction& transaction, const CutoffKey& key, BytesView result) const {
  if (const Result<bool> put = table_.insert(transaction, key, result); !put) return put.error();
  return {};
}

}  // namespace deriva::detail
