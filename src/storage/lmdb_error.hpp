#pragma once

#include <string_view>

#include <lmdb.h>

#include <deriva/core/error.hpp>

namespace deriva::detail {

/// The error for a return code of LMDB (its own codes, or an error number of the operating system).
[[nodiscard]] Error lmdb_error(int code, std::string_view doing);

/// Whether an operation that returned this code left its write transaction usable. After any other code the
/// transaction must be aborted.
[[nodiscard]] bool leaves_transaction_usable(int code) noexcept;

}  // namespace deriva::detail
