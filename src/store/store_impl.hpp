#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include <deriva/core/address.hpp>
#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/blob_store.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/table.hpp>
#include <deriva/store/store.hpp>

namespace deriva {

/// A result on disk; docs/storage-format.md, "Results". Little-endian, like all that an environment holds.
struct StoredResult {
  std::array<std::byte, 32> digest;
  std::uint64_t size;
  std::int64_t compute_ns;
  std::int64_t computed_at_ns;
};
static_assert(sizeof(StoredResult) == 56 && std::has_unique_object_representations_v<StoredResult>);

struct Store::Impl {
  Environment environment;
  BlobStore blobs;
  Table<Address, BytesView> recipes;
  Table<Address, StoredResult> results;
  PersistentDag<> dag;

  Result<std::optional<Recipe>> recipe(const ReadTransaction& transaction, const Address& address) const;
  Result<Lookup::Answer> look_up(const ReadTransaction& transaction, const Address& address) const;

  std::mutex functions_mutex = {};
  std::deque<FunctionId> functions = {};
  std::map<FunctionId, std::uint32_t> function_numbers = {};
};

namespace detail {

inline Digest leaf_digest(const Address& address) {
  Digest digest;
  std::copy(address.bytes().begin(), address.bytes().end(), digest.bytes.begin());
  return digest;
}

/// What this layer knows of a store.
class StoreAccess {
 public:
  using Impl = Store::Impl;
  static Impl& impl(const Store& store) noexcept { return *store.impl_; }
};

}  // namespace detail
}  // namespace deriva
