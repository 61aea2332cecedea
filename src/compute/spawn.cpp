#include "compute/spawn.hpp"

#include <exception>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "compute/boundary.hpp"

namespace deriva::detail {

namespace asio = boost::asio;

class Spawner::Work {
 public:
  explicit Work(Spawner& spawner) : spawner_(spawner) {
    const std::lock_guard lock(spawner_.mutex_);
    if (spawner_.under_way_++ == 0) {
      spawner_.work_ = asio::prefer(spawner_.io_, asio::execution::outstanding_work.tracked);
    }
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    const std::lock_guard lock(spawner_.mutex_);
    if (--spawner_.under_way_ == 0) spawner_.work_ = asio::any_io_executor();
  }

 private:
  Spawner& spawner_;
};

/// Makes one call.
class Spawner::Launch {
  // `co_spawn` does the same with twice the memory: it keeps several executors for each coroutine, leaves room for a
  // value of each type that the coroutine and the handler pass, and posts what ends without having been suspended. What
  // is used here of Asio's insides is as it was from Boost 1.77 on.
  using EntryPoint = asio::awaitable<asio::detail::awaitable_thread_entry_point>;
  using Thread = asio::detail::awaitable_thread<asio::any_io_executor>;

 public:
  Launch(Spawner& spawner, std::shared_ptr<Scheduler::Call> call) noexcept
      : spawner_(&spawner), call_(std::move(call)) {}

  void operator()() {
    Result<Function::Started> started = begin();
    if (!started) return call_->end(started.error());
    const auto launch = [this]<class T>(asio::awaitable<T>& function) {
      Thread(run(*spawner_, std::move(call_), std::move(function)), spawner_->io_, {}, {}).launch();
    };
    std::visit(launch, *started);
  }

 private:
  Result<Function::Started> begin() {
    try {
      return call_->begin(spawner_->io_);
    } catch (...) {
      return error_of(std::current_exception());
    }
  }

  /// Owns the call, to which the function's own coroutine refers. Of what is kept here there is one for each function
  /// that is suspended: temporaries are in functions of their own.
  template <class T>
  static EntryPoint run(Spawner& spawner, std::shared_ptr<Scheduler::Call> call, asio::awaitable<T> function) {
    const Work work(spawner);
    bool is_over = false;
    try {
      T value = co_await std::move(function);
      is_over = true;
      end(*call, value);
    } catch (...) {
      if (is_over) throw;
      fail(*call);
    }
  }
  template <class T>
  static void end(Scheduler::Call& call, T& value) {
    call.end(std::move(value));
  }
  static void fail(Scheduler::Call& call) { call.end(error_of(std::current_exception())); }

  Spawner* spawner_;
  std::shared_ptr<Scheduler::Call> call_;
};

void Spawner::spawn(std::shared_ptr<Scheduler::Call> call) { asio::dispatch(io_, Launch(*this, std::move(call))); }

}  // namespace deriva::detail
