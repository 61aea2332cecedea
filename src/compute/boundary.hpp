#pragma once

#include <exception>
#include <span>
#include <utility>

#include <deriva/compute/function.hpp>
#include <deriva/core/address.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>
#include <deriva/core/recipe.hpp>

namespace deriva::detail {

/// What a function threw: the error of an `Exception`, else an `Errc::function_failed` with its message. Requires: not
/// null.
[[nodiscard]] Error error_of(const std::exception_ptr& thrown) noexcept;

/// Makes `in_function()` say so on this thread, or the opposite, as long as it lives.
class FunctionScope {
 public:
  explicit FunctionScope(bool in_function) noexcept : before_(std::exchange(now_, in_function)) {}
  FunctionScope(const FunctionScope&) = delete;
  FunctionScope& operator=(const FunctionScope&) = delete;
  ~FunctionScope() { now_ = before_; }

 private:
  friend bool in_function() noexcept;
  static constinit thread_local bool now_;

  const bool before_;
};
[[gnu::tls_model("initial-exec")]] inline constinit thread_local bool FunctionScope::now_ = false;  // As `SmallBlocks`.

/// Whether this thread is running a function for an executor: a plain one, or a coroutine function until its next
/// suspension.
[[nodiscard]] inline bool in_function() noexcept { return FunctionScope::now_; }

/// Calls a plain function; nothing that it throws comes out. While it runs, `in_function()` is true on this thread. In
/// line: a call takes as long as a function that does next to nothing (executor.empty.*).
[[nodiscard, gnu::always_inline]] inline Result<Blob> call_guarded(const Function& function,
                                                                   std::span<const Blob> inputs, const Params& params,
                                                                   Context* context = nullptr) {
  const FunctionScope here(true);
  try {
    return function.call(inputs, params, context);
  } catch (...) {
    return error_of(std::current_exception());
  }
}

/// Says of a function's error which function and recipe it is about (none, if the address is zero), and makes its code
/// `Errc::function_failed`, whatever it was: a function cannot say that it is not deterministic, or was cancelled.
[[nodiscard]] Error attribute(const Error& error, const Address& address, const FunctionId& function);

}  // namespace deriva::detail
