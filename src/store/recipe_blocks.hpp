#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "store/recipe_block.hpp"
#include "store/store_reader.hpp"

namespace deriva::detail {

/// Blocks of recipes that were decoded lately, as long as that pays: who asks for few recipes of a block looks them up
/// faster one by one. A direct-mapped table.
class RecipeBlocks {
 public:
  using Id = graph::Id;

  /// To be called first, and for each snapshot.
  void begin(StoreReader& reader) {
    for (const std::unique_ptr<RecipeBlock>& block : blocks_) {
      if (block) block->number = RecipeBlock::no_block;
    }
    last_ = RecipeBlock::no_block;
    reader_ = &reader;
    shape_ = reader.shape();
  }

  /// The block of a node, if it is decoded.
  [[nodiscard]] const RecipeBlock* find(Id id) const noexcept {
    const std::uint32_t number = shape_.block_of(id);
    const RecipeBlock* const block = blocks_[number % blocks_.size()].get();
    return block != nullptr && block->number == number ? block : nullptr;
  }
  /// The same; decodes it if that is likely to pay. Null, too, if it cannot be decoded.
  const RecipeBlock* open(Id id) {
    if (const RecipeBlock* const block = find(id)) return count_use(), block;
    const std::uint32_t number = shape_.block_of(id);
    if (last_ == number) count_use();
    last_ = number;
    if (!pays()) return nullptr;
    if (decoded_ == history) decoded_ /= 2, used_ /= 2;
    ++decoded_;
    std::unique_ptr<RecipeBlock>& block = blocks_[number % blocks_.size()];
    if (!block) block = std::make_unique<RecipeBlock>();
    return reader_->decode(number, *block) ? block.get() : nullptr;
  }
  /// Whether most of what is asked for lies together: then it is best asked for as soon as the first of it is decoded.
  [[nodiscard]] bool lie_together() const noexcept { return used_ > 4 * worth * decoded_; }
  /// A recipe was taken from a decoded block.
  void count_use() noexcept { ++used_; }

 private:
  static constexpr std::uint32_t worth = 4;     ///< Recipes used of a block, for which it is decoded.
  static constexpr std::uint32_t credit = 8;    ///< Recipes that are taken for used to begin with.
  static constexpr std::uint32_t history = 64;  ///< Blocks.

  [[nodiscard]] bool pays() const noexcept { return worth * decoded_ < used_ + credit; }

  StoreReader* reader_ = nullptr;
  graph::BlockShape shape_{Address::size_bytes};
  std::array<std::unique_ptr<RecipeBlock>, 64> blocks_;
  std::uint32_t last_ = RecipeBlock::no_block;  ///< That was asked for and not decoded.
  std::uint32_t decoded_ = 0;
  std::uint32_t used_ = 0;
};

}  // namespace deriva::detail
