#pragma once

#include <span>
#include <utility>

#include <deriva/core/blob.hpp>

namespace deriva::detail {

/// Blobs that refer to the bytes of others without being counted: counting one up and down takes as long as a short
/// function (executor.empty.ladder, executor.empty.layered). What is lent may be moved, and is lent as before; a copy
/// of it is counted as any.
class BlobLoan {
 public:
  /// Requires: `owner` refers to its bytes until what is returned is destroyed or assigned.
  [[nodiscard]] static Blob of(const Blob& owner) noexcept {
    Blob lent(owner.block_, owner.view());
    ++lent.extent_;
    return lent;
  }
  /// Makes those that are lent owners, too.
  static void end(std::span<Blob> blobs) noexcept {
    for (Blob& blob : blobs) {
      if (blob.is_lent()) blob = Blob(std::as_const(blob));
    }
  }
};

}  // namespace deriva::detail
