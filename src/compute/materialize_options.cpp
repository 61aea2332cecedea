#include <deriva/compute/materialize_options.hpp>

namespace deriva {

std::string_view to_string(RunReason reason) noexcept {
  switch (reason) {
    case RunReason::never_computed:
      return "never computed";
    case RunReason::forced:
      return "forced";
    case RunReason::evicted:
      return "evicted";
    case RunReason::function_version_changed:
      return "function version changed";
    case RunReason::input_changed:
      return "input changed";
  }
  return "unknown";
}

}  // namespace deriva
