#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>

#include <deriva/storage/environment.hpp>

namespace merkle {

struct Options {
  std::filesystem::path directory;
  std::filesystem::path store;
  std::size_t jobs = 0;  ///< Threads; 0: as many as the machine has.
  deriva::Durability durability = deriva::Durability::sync;
  bool changes = false;
  std::size_t max_lines = 20;
  std::filesystem::path report;  ///< Empty: none.
  bool quiet = false;
  bool progress = true;
  bool help = false;
};

/// What is wrong with the arguments, in one sentence.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Reads the arguments, without the program's name. Errors: throws `UsageError`.
[[nodiscard]] Options parse_options(std::span<const char* const> arguments);

[[nodiscard]] const char* usage() noexcept;

}  // namespace merkle
