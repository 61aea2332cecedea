#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include <deriva/core/bytes.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>
#include <deriva/storage/table.hpp>

namespace deriva::detail {

/// The functions that recipes name, by number. A number is given once, and means the same function for ever.
/// Thread safety: all members, from any thread.
class FunctionNumbers {
 public:
  [[nodiscard]] static Result<FunctionNumbers> open(Environment& environment);

  /// The number of a function, which gets one if need be. Requires: a function that has an encoding.
  [[nodiscard]] Result<std::uint32_t> give(WriteTransaction& transaction, const FunctionId& function) const;
  /// The function of a number; the reference lives as long as this. Errors: `corrupted` if nothing has the number.
  [[nodiscard]] Result<const FunctionId*> find(const ReadTransaction& transaction, std::uint32_t number) const;

 private:
  using Table = deriva::Table<BytesView, BytesView>;
  struct Known {
    std::mutex mutex;
    std::map<std::uint32_t, FunctionId> functions;  // as far as anyone asked, inside a transaction that only reads
  };

  explicit FunctionNumbers(Table table) : table_(table), known_(std::make_unique<Known>()) {}

  Table table_;
  std::unique_ptr<Known> known_;
};

}  // namespace deriva::detail
