#include <deriva/core/blob.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/small_blocks.hpp"

namespace deriva {

struct Blob::Block {
  struct Operations {
    void (*destroy)(Block*) noexcept;
    std::size_t (*held_bytes)(const Block*) noexcept;
  };

  explicit Block(const Operations& kind, std::uint32_t trailing = 0) noexcept
      : trailing_bytes(trailing), operations(&kind) {}

  template <class Kind>
  static constexpr Operations of{
      [](Block* block) noexcept { delete static_cast<Kind*>(block); },
      [](const Block* block) noexcept { return sizeof(Kind) + static_cast<const Kind*>(block)->heap_bytes(); }};

  std::atomic<std::uint32_t> references{1};
  std::uint32_t trailing_bytes;  ///< That follow the block in its allocation.
  const Operations* operations;
};

template <class Owner>
struct Blob::OwningBlock : Block {
  explicit OwningBlock(Owner&& bytes) noexcept : Block(of<OwningBlock>), owner(std::move(bytes)) {
    static_assert(std::is_nothrow_move_constructible_v<Owner>);
  }

  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    if constexpr (std::is_same_v<Owner, std::string>) {
      const bool within = owner.capacity() == std::string().capacity();
      return within ? 0 : owner.capacity() + 1;
    } else {
      return owner.capacity();
    }
  }

  Owner owner;
};

/// Alone on its cache line.
struct alignas(64) Blob::Replica : Block {
  explicit Replica(const Blob& blob) noexcept : Block(of<Replica>), original(blob) {}

  [[nodiscard]] std::size_t heap_bytes() const noexcept { return original.held_bytes(); }

  Blob original;
};

Blob::Blob(const Blob& other) noexcept : Blob(other.block_, other.view()) {
  if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
}

/// Who has the only reference need not count it down: nobody else can make another one.
void Blob::release() noexcept {
  if (block_->references.load(std::memory_order_acquire) == 1 ||
      block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    block_->operations->destroy(block_);
  }
}

/// Its bytes follow it.
struct Blob::TrailingBlock : Block {
  explicit TrailingBlock(std::size_t size) noexcept : Block(trailing, static_cast<std::uint32_t>(size)) {}

  static constexpr Operations trailing{
      [](Block* dead) noexcept {
        const std::size_t held = sizeof(Block) + dead->trailing_bytes;
        dead->~Block();
        detail::SmallBlocks::free(dead, held);
      },
      [](const Block* block) noexcept { return detail::SmallBlocks::size_of(sizeof(Block) + block->trailing_bytes); }};
};

/// A number, or two, into memory that is at hand: without any call, which would take longer (executor.empty.*).
Blob Blob::copy_of(BytesView bytes) {
  constexpr std::size_t word = 8;
  const std::size_t size = bytes.size();
  if (size < word || size > 2 * word) return copy_of_any(bytes);
  void* const memory = detail::SmallBlocks::allocate_kept(sizeof(Block) + size);
  if (memory == nullptr) return copy_of_any(bytes);
  auto* const data = static_cast<std::byte*>(memory) + sizeof(Block);
  std::memcpy(data, bytes.data(), word);
  std::memcpy(data + size - word, bytes.data() + size - word, word);
  return {new (memory) TrailingBlock(size), {data, size}};
}

[[gnu::noinline]] Blob Blob::copy_of_any(BytesView bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max()) {
    return adopt(std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
  void* const memory = detail::SmallBlocks::allocate(sizeof(Block) + bytes.size());
  auto* const data = static_cast<std::byte*>(memory) + sizeof(Block);
  std::memcpy(data, bytes.data(), bytes.size());
  return {new (memory) TrailingBlock(bytes.size()), {data, bytes.size()}};
}

Blob Blob::adopt(std::vector<std::byte> bytes) {
  if (bytes.empty()) return {};
  auto* block = new OwningBlock<std::vector<std::byte>>(std::move(bytes));
  return {block, BytesView(block->owner)};
}

Blob Blob::adopt(std::string text) {
  if (text.empty()) return {};
  auto* block = new OwningBlock<std::string>(std::move(text));
  return {block, as_bytes(block->owner)};
}

std::size_t Blob::held_bytes() const noexcept { return block_ == nullptr ? 0 : block_->operations->held_bytes(block_); }

Blob Blob::replica() const {
  if (block_ == nullptr) return {};
  return {new Replica(*this), view()};
}

bool operator==(const Blob& a, const Blob& b) noexcept {
  if (a.size() != b.size()) return false;
  return a.data_ == b.data_ || std::memcmp(a.data_, b.data_, a.size()) == 0;
}

}  // namespace deriva
