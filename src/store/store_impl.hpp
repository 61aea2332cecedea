#pragma once

#include <algorithm>
#include <memory>

#include <deriva/core/address.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/blob_store.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/store/ledger.hpp>
#include <deriva/store/store.hpp>

#include "store/block_pool.hpp"
#include "store/cutoff_table.hpp"
#include "store/discovered_inputs.hpp"
#include "store/flight_table.hpp"
#include "store/function_numbers.hpp"

namespace deriva {

struct Store::Impl {
  Environment environment;
  BlobStore blobs;
  detail::FunctionNumbers functions;
  detail::CutoffTable cutoffs;
  detail::DiscoveredInputs discovered;
  PersistentDag<> dag;
  Ledger ledger;
  std::shared_ptr<ObserverHub> observers;
  detail::FlightTable flights{};
  detail::BlockPool::Ptr blocks = std::make_shared<detail::BlockPool>();  ///< Executors outlive it.

  [[nodiscard]] detail::GraphEngine& graph() const noexcept { return detail::GraphAccess::engine(dag); }
};

namespace detail {

/// What this layer knows of a store.
class StoreAccess {
 public:
  using Impl = Store::Impl;
  static Impl& impl(const Store& store) noexcept { return *store.impl_; }
  static FlightTable& flights(const Store& store) noexcept { return store.impl_->flights; }
  static const BlockPool::Ptr& blocks(const Store& store) noexcept { return store.impl_->blocks; }
  /// Null: nobody.
  static ObserverHub* observers(const Store& store) noexcept { return store.impl_->observers.get(); }
};

[[nodiscard]] inline Digest leaf_digest(const Address& address) {
  Digest digest;
  std::copy(address.bytes().begin(), address.bytes().end(), digest.bytes.begin());
  return digest;
}

}  // namespace detail
}  // namespace deriva
