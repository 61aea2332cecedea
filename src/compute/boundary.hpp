#pragma once

#include <exception>
#include <span>

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

/// Calls a plain function; nothing that it throws comes out. While it runs, `in_function()` is true on this thread.
[[nodiscard]] Result<Blob> call_guarded(const Function& function, std::span<const Blob> inputs, const Params& params,
                                        Context* context = nullptr);

/// Whether this thread is running a function for an executor: a plain one, or a coroutine function until its next
/// suspension.
[[nodiscard]] bool in_function() noexcept;

/// Makes `in_function()` say so on this thread, or the opposite, as long as it lives.
class FunctionScope {
 public:
  explicit FunctionScope(bool in_function) noexcept;
  FunctionScope(const FunctionScope&) = delete;
  FunctionScope& operator=(const FunctionScope&) = delete;
  ~FunctionScope();

 private:
  const bool before_;
};

/// Says of a function's error which function and recipe it is about (none, if the address is zero), and makes its code
/// `Errc::function_failed`, whatever it was: a function cannot say that it is not deterministic, or was cancelled.
[[nodiscard]] Error attribute(const Error& error, const Address& address, const FunctionId& function);

}  // namespace deriva::detail
