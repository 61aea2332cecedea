#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

#include "dag/graph_view.hpp"
#include "storage/reader_pool.hpp"

namespace deriva::detail::graph {

/// Keeps the sessions of readers between uses. A thread takes the one that it used last, if it can, from a place that
/// it shares with few others: readers do not wait for each other, nor write to a cache line that others write to.
/// Thread safety: all members.
class SessionPool {
  static constexpr std::size_t count = 32;
  struct alignas(64) Place {
    std::atomic<Session*> session{nullptr};
  };

 public:
  SessionPool() = default;
  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;
  ~SessionPool() {
    for (Place& place : places_) delete place.session.load();
  }

  /// A session in use by one thread.
  class Lease {
   public:
    explicit Lease(SessionPool& pool)
        : place_(pool.places_[thread_number() % count]),
          session_(place_.session.exchange(nullptr, std::memory_order_acquire)) {
      if (!session_) session_ = std::make_unique<Session>();
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { delete place_.session.exchange(session_.release(), std::memory_order_acq_rel); }

    Session& operator*() noexcept { return *session_; }

   private:
    Place& place_;
    std::unique_ptr<Session> session_;
  };

 private:
  std::array<Place, count> places_;
};

}  // namespace deriva::detail::graph
