#pragma once

#include <span>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/core/error.hpp>
#include <deriva/storage/environment.hpp>
#include <deriva/storage/table.hpp>
#include <deriva/storage/transaction.hpp>

namespace deriva::detail {

/// What functions asked for while they ran, beside the inputs of their recipes; in both directions.
/// Thread safety: all members, from any thread. Throw nothing.
class DiscoveredInputs {
 public:
  [[nodiscard]] static Result<DiscoveredInputs> open(Environment& environment);

  /// In the place of what was recorded before.
  [[nodiscard]] Result<void> put(WriteTransaction& transaction, const Address& recipe,
                                 std::span<const Address> inputs) const;
  [[nodiscard]] Result<void> erase(WriteTransaction& transaction, const Address& recipe) const;

  /// In the order in which they were asked for. Empty: none.
  [[nodiscard]] Result<std::vector<Address>> inputs(const ReadTransaction& transaction, const Address& recipe) const;
  /// The recipes whose functions asked for the address.
  [[nodiscard]] Result<std::vector<Address>> dependents(const ReadTransaction& transaction,
                                                        const Address& address) const;

 private:
  using Inputs = Table<Address, BytesView>;
  using Dependents = SetTable<Address, Address>;
  DiscoveredInputs(Inputs inputs, Dependents dependents) noexcept : inputs_(inputs), dependents_(dependents) {}

  Inputs inputs_;
  Dependents dependents_;
};

}  // namespace deriva::detail
