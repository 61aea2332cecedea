#include <deriva/core/blob.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>

namespace deriva {

struct Blob::Block {
  using Destroy = void (*)(Block*) noexcept;

  explicit Block(Destroy how) noexcept : destroy(how) {}

  std::atomic<std::size_t> references{1};
  Destroy destroy;
};

template <class Owner>
struct Blob::OwningBlock : Block {
  explicit OwningBlock(Owner&& bytes) noexcept
      : Block([](Block* block) noexcept { delete static_cast<OwningBlock*>(block); }), owner(std::move(bytes)) {
    static_assert(std::is_nothrow_move_constructible_v<Owner>);
  }

  Owner owner;
};

Blob::Blob(const Blob& other) noexcept : block_(other.block_), data_(other.data_), size_(other.size_) {
  if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
}

Blob::~Blob() {
  if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) block_->destroy(block_);
}

Blob Blob::copy_of(BytesView bytes) {
  if (bytes.empty()) return {};
  void* memory = ::operator new(sizeof(Block) + bytes.size());
  auto* block = new (memory) Block([](Block* dead) noexcept {
    dead->~Block();
    ::operator delete(dead);
  });
  auto* data = static_cast<std::byte*>(memory) + sizeof(Block);
  std::memcpy(data, bytes.data(), bytes.size());
  return {block, {data, bytes.size()}};
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

bool operator==(const Blob& a, const Blob& b) noexcept {
  if (a.size_ != b.size_) return false;
  return a.data_ == b.data_ || std::memcmp(a.data_, b.data_, a.size_) == 0;
}

}  // namespace deriva
