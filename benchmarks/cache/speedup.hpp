#pragma once

#include <cstddef>
#include <functional>

namespace bench {

/// How much more two threads do than one: 2 when they do not hinder each other. The operation gets a number that goes
/// up, and returns something that must not be 0.
///
/// Times of batches of a few hundred are compared, and of two threads only those during which the other one ran, too:
/// on a machine that does other things as well, total times would tell how often the threads were interrupted.
[[nodiscard]] double speedup_of_two(const std::function<std::size_t(std::size_t)>& operation);

}  // namespace bench
