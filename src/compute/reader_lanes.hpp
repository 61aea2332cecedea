#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

namespace deriva::detail {

/// A lock for data that is read much more often than written. Readers announce themselves in a lane, a cache line for
/// each processor: those of different lanes write to nothing in common. A writer waits until all lanes are empty.
/// Neither starves: who comes while there is a writer queues for its mutex, readers included.
///
/// Memory order: a reader counts itself and then looks for a writer, a writer announces itself and then looks at the
/// counts. Both in sequentially consistent order, so that at least one of them sees the other.
class ReaderLanes {
 public:
  struct alignas(64) Lane {
    std::atomic<std::uint32_t> readers{0};
    std::atomic<std::uint64_t> hits{0};
    std::atomic<std::uint64_t> misses{0};
  };

  explicit ReaderLanes(std::size_t count) : lanes_(std::make_unique<Lane[]>(count)), count_(count) {}

  /// The right to read, through a lane.
  class Reading {
   public:
    Reading(ReaderLanes& lanes, std::size_t lane) : lane_(lanes.lanes_[lane]), queued_(lanes.mutex_, std::defer_lock) {
      lane_.readers.fetch_add(1, std::memory_order_seq_cst);
      if (!lanes.writing_.load(std::memory_order_seq_cst)) return;
      lane_.readers.fetch_sub(1, std::memory_order_release);
      queued_.lock();
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() {
      if (!queued_.owns_lock()) lane_.readers.fetch_sub(1, std::memory_order_release);
    }
    void count(bool hit) noexcept { (hit ? lane_.hits : lane_.misses).fetch_add(1, std::memory_order_relaxed); }

   private:
    Lane& lane_;
    std::unique_lock<std::mutex> queued_;
  };

  /// The right to write.
  class Writing {
   public:
    explicit Writing(ReaderLanes& lanes) : lanes_(lanes), lock_(lanes.mutex_) {
      lanes_.writing_.store(true, std::memory_order_seq_cst);
      for (std::size_t i = 0; i < lanes_.count_; ++i) {
        while (lanes_.lanes_[i].readers.load(std::memory_order_seq_cst) != 0) std::this_thread::yield();
      }
    }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing() { lanes_.writing_.store(false, std::memory_order_release); }

   private:
    ReaderLanes& lanes_;
    std::lock_guard<std::mutex> lock_;
  };

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] const Lane& lane(std::size_t i) const noexcept { return lanes_[i]; }
  [[nodiscard]] std::size_t memory() const noexcept { return count_ * sizeof(Lane); }

 private:
  const std::unique_ptr<Lane[]> lanes_;
  const std::size_t count_;
  std::mutex mutex_;
  alignas(64) std::atomic<bool> writing_{false};
};

}  // namespace deriva::detail
