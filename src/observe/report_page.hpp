#pragma once

#include <string>
#include <string_view>

namespace deriva::detail {

/// The page around the data: markup, style and script, and nothing that comes from elsewhere.
[[nodiscard]] std::string report_page(std::string_view title, std::string_view json);

/// The script that draws the page; report_script.cpp.
[[nodiscard]] std::string_view report_script() noexcept;

}  // namespace deriva::detail
