#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include <deriva/core/recipe.hpp>
#include <deriva/storage/function_ref.hpp>

namespace deriva {

/// What a store knows of an address, without reading a value.
struct Lookup {
  /// Nothing.
  struct Unknown {};
  /// The value is stored, as a leaf or as a result: this many bytes.
  struct Stored {
    std::uint64_t size = 0;
  };
  /// There is a recipe and no value. `evicted`: it was computed before, and its value is gone.
  struct Computable {
    Recipe recipe;
    bool evicted = false;
  };
  using Answer = std::variant<Unknown, Stored, Computable>;
};

/// Receives the index of an address and what is known of it. Runs inside a read transaction: it must not wait, and must
/// not call the store.
using LookupVisitor = FunctionRef<void(std::size_t index, Lookup::Answer answer)>;

}  // namespace deriva
