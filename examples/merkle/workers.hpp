#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <latch>
#include <mutex>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace merkle {

/// The threads of the program: they read files, and they are what deriva's executor runs on.
class Workers {
 public:
  explicit Workers(std::size_t threads) : threads_(threads), pool_(threads) {}

  [[nodiscard]] std::size_t threads() const noexcept { return threads_; }
  [[nodiscard]] boost::asio::thread_pool::executor_type get_executor() { return pool_.get_executor(); }

  /// Calls `body(0)` to `body(count - 1)`, each once, on all threads, and waits. If one throws, the rest is not begun,
  /// and the first exception is thrown here. Requires: not called from one of the threads.
  template <class Body>
  void for_each(std::size_t count, const Body& body) {
    const std::size_t tasks = std::min(threads_, count);
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex mutex;
    std::latch done(static_cast<std::ptrdiff_t>(tasks));
    const auto task = [&] {
      try {
        for (std::size_t i = next++; i < count; i = next++) body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
      done.count_down();
    };
    for (std::size_t i = 0; i < tasks; ++i) boost::asio::post(pool_, task);
    done.wait();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  std::size_t threads_;
  boost::asio::thread_pool pool_;
};

}  // namespace merkle
