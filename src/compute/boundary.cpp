#include "compute/boundary.hpp"

#include <fmt/format.h>

#include <string>

namespace deriva::detail {

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

Error attribute(const Error& error, const Address& address, const FunctionId& function) {
  const bool says_so = error.code() == Errc::function_failed;
  const std::string why = says_so ? std::string() : fmt::format("{}: {}", to_string(error.code()), error.message());
  const Error failed = says_so ? error : Error(Errc::function_failed, why).with_class(error.error_class());
  return (address == Address() ? failed : failed.with_address(address)).with_function(function);
}

}  // namespace deriva::detail
