#pragma once

#include <deriva/core/error.hpp>
#include <deriva/core/observer_hub.hpp>

namespace deriva {

/// Makes the events of the hub visible to bpftrace, perf and SystemTap, as USDT probes of the provider "deriva", until
/// the hub ends. While nobody traces, a probe is one instruction that does nothing. docs/observability.md has the
/// probes and their arguments. Errors: `unsupported` if deriva was built without DERIVA_USDT.
[[nodiscard]] Result<void> attach_usdt_probes(ObserverHub& hub);

}  // namespace deriva
