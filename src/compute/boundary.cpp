#include "compute/boundary.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace deriva::detail {
namespace {

thread_local bool is_in_function = false;

}  // namespace

Error error_of(const std::exception_ptr& thrown) noexcept {
  try {
    std::rethrow_exception(thrown);
  } catch (const Exception& exception) {
    return exception.error();
  } catch (const std::exception& exception) {
    return Error(Errc::function_failed, exception.what());
  } catch (...) {
    return Error(Errc::function_failed, "threw something that is not a std::exception");
  }
}

Result<Blob> call_guarded(const Function& function, std::span<const Blob> inputs, const Params& params,
                          Context* context) {
  const FunctionScope here(true);
  try {
    return function.call(inputs, params, context);
  } catch (...) {
    return error_of(std::current_exception());
  }
}

bool in_function() noexcept { return is_in_function; }

FunctionScope::FunctionScope(bool in_function) noexcept : before_(std::exchange(is_in_function, in_function)) {}

FunctionScope::~FunctionScope() { is_in_function = before_; }

Error attribute(const Error& error, const Address& address, const FunctionId& function) {
  const bool says_so = error.code() == Errc::function_failed;
  const std::string why = says_so ? std::string() : fmt::format("{}: {}", to_string(error.code()), error.message());
  const Error failed = says_so ? error : Error(Errc::function_failed, why).with_class(error.error_class());
  return (address == Address() ? failed : failed.with_address(address)).with_function(function);
}

}  // namespace deriva::detail
