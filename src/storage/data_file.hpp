#pragma once

#include <deriva/core/error.hpp>

namespace deriva::detail {

/// Checks what LMDB does not: that the file is not empty, and not shorter than its newest meta page says (reading
/// beyond its end would be a SIGBUS). Pages that are free need not be in the file: LMDB does not write what a
/// transaction allocated and freed again. Only when the file is short is the list of free pages read to find that out.
/// Errors: `corrupted`, `format_mismatch` (another version of LMDB's file format), `io_error`.
/// Complexity: constant for a file of full length.
[[nodiscard]] Result<void> check_data_file(int file);

}  // namespace deriva::detail
