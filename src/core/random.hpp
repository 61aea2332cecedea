#pragma once

#include <cstdint>

namespace deriva::detail {

/// 64 random bits, others each time. Not from a `std::random_device`, which asks the processor what it can do: in a
/// virtual machine that takes 50 us, more than all the rest of making an executor.
/// Errors: throws `std::exception` if the system has none. Thread safety: any thread.
[[nodiscard]] std::uint64_t random_seed();

}  // namespace deriva::detail
