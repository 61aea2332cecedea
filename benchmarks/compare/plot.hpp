#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "support/row.hpp"

namespace bench {

/// One measure of several engines, as horizontal bars.
struct Panel {
  std::string title;
  Unit unit = Unit::per_second;
  Better better = Better::higher;
  std::vector<std::pair<std::string, double>> bars;
};

/// Draws panels, two side by side, on logarithmic scales. The first bar of each is ours, and is set off.
/// Throws `std::runtime_error` if the file cannot be written.
void write_svg(const std::filesystem::path& file, const std::string& title, const std::vector<Panel>& panels);

}  // namespace bench
