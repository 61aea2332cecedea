#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace deriva::detail {

/// How long functions take, and how long the engine holds its mutex for each of them: whether threads that share them
/// would only wait for each other. Running averages, in nanoseconds. Thread safety: none.
class Pace {
 public:
  /// A function that was measured.
  void function_took(std::chrono::nanoseconds time) noexcept { follow(function_, per_node(time, 1)); }
  /// Functions that ran together: one that takes longer than it does on average shows here at the latest, and at once.
  void functions_took(std::chrono::nanoseconds time, std::size_t count) noexcept {
    const float value = per_node(time, count);
    value > function_ ? static_cast<void>(function_ = value) : follow(function_, value);
  }
  /// What was done for them under the mutex.
  void engine_took(std::chrono::nanoseconds time, std::size_t count) noexcept {
    follow(engine_, std::min(per_node(time, count), longest));
  }

  [[nodiscard]] float function() const noexcept { return function_; }
  /// Of functions that take so long each: whether one thread can prepare and settle some while another one runs some.
  /// What is done under the mutex takes longer then, since its memory goes to and fro between the processors: if both
  /// took as long as each other, nothing would be won (executor.empty.wide.t2).
  [[nodiscard]] bool worth_sharing(float function) const noexcept {
    return function >= std::min(1.5F * engine_, longest);
  }
  /// The same, of what runs at present; nothing is known at first.
  [[nodiscard]] bool worth_sharing() const noexcept { return function_ == 0 || worth_sharing(function_); }

 private:
  static float per_node(std::chrono::nanoseconds time, std::size_t count) noexcept {
    return static_cast<float>(time.count()) / static_cast<float>(count);
  }
  static void follow(float& average, float value) noexcept {
    constexpr float weight = 1.0F / 16;
    average += (value - average) * weight;
  }

  /// Functions that take so long are shared in any case: what takes longer under the mutex was interrupted.
  static constexpr float longest = 400;

  float function_ = 0;
  float engine_ = 250;
};

}  // namespace deriva::detail
