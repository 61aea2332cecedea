#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/event_ring.hpp"

namespace deriva::detail {

/// The rings of the calling thread, one for each hub that it emits to.
class ThreadRings {
 public:
  /// The same as `of` if it was the last one; else null.
  [[nodiscard]] static EventRing* last(const void* owner) noexcept {
    return last_ != nullptr && last_->owner() == owner ? last_ : nullptr;
  }
  /// Null: the owner has none.
  [[nodiscard]] static EventRing* of(const void* owner) {
    for (const std::shared_ptr<EventRing>& ring : mine_.all) {
      if (ring->owner() == owner) return last_ = ring.get();
    }
    return nullptr;
  }
  /// Lets go of those whose owners are gone, and makes room for one more.
  static void prepare() {
    last_ = nullptr;
    std::erase_if(mine_.all, [](const std::shared_ptr<EventRing>& ring) { return ring->owner() == nullptr; });
    mine_.all.reserve(mine_.all.size() + 1);
  }
  static EventRing& add(std::shared_ptr<EventRing> ring) noexcept {
    last_ = ring.get();
    mine_.all.push_back(std::move(ring));
    return *last_;
  }

 private:
  struct All {
    All() = default;
    All(const All&) = delete;
    All& operator=(const All&) = delete;
    ~All() { last_ = nullptr; }
    std::vector<std::shared_ptr<EventRing>> all;
  };
  /// The one used last: found without the others, which have to be constructed and looked through.
  static constinit thread_local EventRing* last_;
  static thread_local All mine_;
};

inline constinit thread_local EventRing* ThreadRings::last_ = nullptr;
inline thread_local ThreadRings::All ThreadRings::mine_;

}  // namespace deriva::detail
