#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "compute/cache_entry.hpp"
#include "compute/use_history.hpp"

namespace deriva::detail {

/// Which value goes when room is needed: the one that saves least time per byte, as far as its past tells.
///
/// A value is worth uses * cost / size. New ones pass a small window, first in, first out; at its end they have to be
/// worth more than the weakest of the main part, or go themselves: what is seen once does not displace what is used
/// (W-TinyLFU: Einziger, Friedman, Manes, ACM TOS 2017). The main part is ordered by inflation + worth, where inflation
/// is the priority of what went last, so that what is not used any more gets its turn however dear it was
/// (GreedyDual-Size-Frequency: Cherkasova, HPL-98-69R1, 1998). Worth is rounded to a power of two, with one queue for
/// each: then a queue is in order without sorting, and the weakest is the first of one of them (CAMP:
/// Ghandeharizadeh, Irani, Lam, Yap, Middleware 2014). A use only counts up; it moves an entry when it comes up.
///
/// Thread safety: none. Complexity: constant, amortized; the entries belong to the caller.
class CachePolicy {
 public:
  /// Bytes that new values have before they must prove themselves; memory for the history, as it wants it.
  CachePolicy(std::size_t window_bytes, std::span<std::uint8_t> counters)
      : history_(counters), window_limit_(window_bytes) {}

  /// Adds an entry that is new. `room`: nothing had to go for it, so that others need not leave the window either.
  void add(CacheEntry& entry, bool room);
  /// Puts an entry back that was held.
  void add_again(CacheEntry& entry);
  /// Takes an entry out, so that it is not chosen.
  void hold(CacheEntry& entry);
  /// Takes an entry out for good, and remembers how it was used.
  void remove(CacheEntry& entry);

  /// What has to go first; null if there is nothing. It stays where it is.
  [[nodiscard]] CacheEntry* victim();

  /// Nanoseconds that an entry saves, per byte.
  [[nodiscard]] float worth(CacheEntry& entry) const noexcept;
  /// What a value would be worth if it were added now; it is remembered that it was wanted.
  [[nodiscard]] float worth_of_new(std::size_t hash, float cost, std::size_t charge);

  [[nodiscard]] std::size_t memory() const noexcept { return history_.memory(); }

 private:
  struct Queue {
    CacheEntry* oldest = nullptr;
    CacheEntry* newest = nullptr;
  };
  static constexpr std::size_t queue_count = 64;
  static constexpr std::uint8_t window = queue_count;

  [[nodiscard]] CacheEntry* weakest();
  void move_to_main(CacheEntry& entry);
  void push(CacheEntry& entry, std::uint8_t queue);
  void unlink(CacheEntry& entry);

  UseHistory history_;
  const std::size_t window_limit_;
  std::size_t window_bytes_ = 0;
  std::size_t entries_ = 0;
  double inflation_ = 0;
  std::uint64_t occupied_ = 0;  ///< A bit for each queue of the main part that is not empty.
  std::array<Queue, queue_count + 1> queues_{};
};

}  // namespace deriva::detail
