#include "compute/boundary.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include <deriva/core/digest.hpp>

namespace deriva::detail {
namespace {

thread_local int functions_on_this_thread = 0;

struct InFunction {
  InFunction() noexcept { ++functions_on_this_thread; }
  InFunction(const InFunction&) = delete;
  InFunction& operator=(const InFunction&) = delete;
  ~InFunction() { --functions_on_this_thread; }
};

std::string describe(const Result<Blob>& run) {
  if (!run) return fmt::format("failed ({})", run.error().message());
  return fmt::format("{} bytes with digest {}", run->size(), Digest::of(*run).to_string());
}

}  // namespace

Error error_of(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& exception) {
    return Error(Errc::function_failed, exception.what());
  } catch (...) {
    return Error(Errc::function_failed, "threw something that is not a std::exception");
  }
}

Result<Blob> call_guarded(const Function& function, std::span<const Blob> inputs, const Params& params) {
  const InFunction here;
  try {
    return function.call(inputs, params);
  } catch (...) {
    return error_of(std::current_exception());
  }
}

bool in_function() noexcept { return functions_on_this_thread > 0; }

Error attribute(const Error& error, const Address& address, const FunctionId& function) {
  if (error.code() == Errc::function_failed) return error.with_address(address).with_function(function);
  return Error(Errc::function_failed, fmt::format("{}: {}", to_string(error.code()), error.message()))
      .with_address(address)
      .with_function(function);
}

Result<Blob> compare_runs(Result<Blob> first, const Result<Blob>& second, const Address& address,
                          const FunctionId& function) {
  if (first && second && *first == *second) return first;
  const auto error = [&](Errc code, std::string message) {
    return Error(code, std::move(message)).with_address(address).with_function(function);
  };
  if (!first && !second) {
    return error(first.error().code(),
                 fmt::format("{}; and when run again: {}", first.error().message(), second.error().message()));
  }
  return error(Errc::not_deterministic,
               fmt::format("the first run gave {}, the second {}", describe(first), describe(second)));
}

}  // namespace deriva::detail
