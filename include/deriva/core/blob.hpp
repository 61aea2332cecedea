#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <deriva/core/bytes.hpp>

namespace deriva {

namespace detail {
class BlobLoan;
}  // namespace detail

/// An immutable, reference-counted sequence of bytes. Copying copies a pointer. A default-constructed blob is empty.
/// Each thread keeps the memory of some small blobs that it destroys, 240 KiB at most, for those that it makes.
///
/// Thread safety: distinct blobs that share bytes may be used and destroyed from different threads; one blob object
/// follows the rules of `std::shared_ptr`.
/// Errors: the functions that allocate throw `std::bad_alloc`.
class Blob {
 public:
  Blob() noexcept = default;
  Blob(const Blob& other) noexcept;
  Blob(Blob&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        extent_(std::exchange(other.extent_, 0)) {}
  Blob& operator=(Blob other) noexcept {
    swap(other);
    return *this;
  }
  ~Blob() {
    if (block_ != nullptr && !is_lent()) release();
  }

  /// Copies the bytes into a new blob: one allocation, none for no bytes.
  [[nodiscard]] static Blob copy_of(BytesView bytes);
  [[nodiscard]] static Blob copy_of(std::string_view text) { return copy_of(as_bytes(text)); }

  /// Takes the bytes over without copying them.
  [[nodiscard]] static Blob adopt(std::vector<std::byte> bytes);
  [[nodiscard]] static Blob adopt(std::string text);

  /// The bytes. The view lives as long as any blob that shares them.
  [[nodiscard]] BytesView view() const noexcept { return {data_, size()}; }
  [[nodiscard]] std::size_t size() const noexcept { return extent_ / 2; }
  [[nodiscard]] bool empty() const noexcept { return extent_ < 2; }

  /// Heap memory that this blob keeps alive, in bytes as asked of the allocator: the whole buffer however little of it
  /// is in view, its unused capacity, and the block that counts the references.
  [[nodiscard]] std::size_t held_bytes() const noexcept;

  /// The same bytes under a reference count of its own, which refers to this one: copies of the two can be made and
  /// destroyed on different threads without contending for a cache line. One allocation of a cache line.
  [[nodiscard]] Blob replica() const;

  // NOLINTNEXTLINE(google-explicit-constructor): a blob is used wherever bytes are.
  operator BytesView() const noexcept { return view(); }

  void swap(Blob& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(extent_, other.extent_);
  }

  /// Compares the bytes. Complexity: linear in the size; constant for blobs that share their bytes.
  friend bool operator==(const Blob& a, const Blob& b) noexcept;

 private:
  friend detail::BlobLoan;
  struct Block;
  template <class Owner>
  struct OwningBlock;
  struct TrailingBlock;
  struct Replica;
  static Blob copy_of_any(BytesView bytes);
  void release() noexcept;
  Blob(Block* block, BytesView bytes) noexcept : block_(block), data_(bytes.data()), extent_(bytes.size() * 2) {}
  [[nodiscard]] bool is_lent() const noexcept { return extent_ % 2 != 0; }

  Block* block_ = nullptr;
  const std::byte* data_ = nullptr;
  std::size_t extent_ = 0;  ///< Twice the size; one more if the bytes are not counted as this one's.
};

}  // namespace deriva
