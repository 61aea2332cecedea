#include "compare/plot.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <ostream>
#include <stdexcept>

namespace bench {
namespace {

constexpr double panel_width = 460;
constexpr double label_width = 140;
constexpr double bar_width = 230;
constexpr double bar_height = 16;
constexpr double head_height = 30;
constexpr double title_height = 40;

struct Place {
  double x;
  double y;
};

void write_text(std::ostream& out, Place at, const std::string& text, const std::string& attributes = "") {
  out << "<text x=\"" << at.x << "\" y=\"" << at.y << "\" " << attributes << ">";
  for (const char c : text) {
    switch (c) {
      case '&':
        out << "&amp;";
        break;
      case '<':
        out << "&lt;";
        break;
      default:
        out << c;
    }
  }
  out << "</text>\n";
}

double height_of(const Panel& panel) { return head_height + bar_height * static_cast<double>(panel.bars.size()) + 10; }

/// Lengths from 10 (a decade below the smallest) to the full width, by the logarithm.
class Scale {
 public:
  explicit Scale(const Panel& panel) {
    const auto by_value = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto [least, most] = std::minmax_element(panel.bars.begin(), panel.bars.end(), by_value);
    low_ = std::log10(least->second) - 0.5;
    high_ = std::max(std::log10(most->second), low_ + 1);
  }
  [[nodiscard]] double length(double value) const { return (std::log10(value) - low_) / (high_ - low_) * bar_width; }

 private:
  double low_;
  double high_;
};

void write_panel(std::ostream& out, const Panel& panel, Place at) {
  const char* const better = panel.better == Better::higher ? " (longer is better)" : " (shorter is better)";
  write_text(out, {at.x, at.y + 18}, panel.title + better, "class=\"head\"");
  const Scale scale(panel);
  double y = at.y + head_height;
  for (std::size_t i = 0; i < panel.bars.size(); ++i, y += bar_height) {
    const auto& [name, value] = panel.bars[i];
    const double length = scale.length(value);
    write_text(out, {at.x + label_width - 6, y + 12}, name, "class=\"name\"");
    out << "<rect x=\"" << at.x + label_width << "\" y=\"" << y + 2 << "\" width=\"" << length << "\" height=\""
        << bar_height - 4 << "\" class=\"" << (i == 0 ? "ours" : "peer") << "\"/>\n";
    write_text(out, {at.x + label_width + length + 4, y + 12}, to_text(value, panel.unit));
  }
}

}  // namespace

void write_svg(const std::filesystem::path& file, const std::string& title, const std::vector<Panel>& panels) {
  std::vector<Place> places;
  double y = title_height;
  for (std::size_t i = 0; i < panels.size(); i += 2) {
    const bool pair = i + 1 < panels.size();
    places.push_back({10, y});
    if (pair) places.push_back({10 + panel_width, y});
    y += std::max(height_of(panels[i]), pair ? height_of(panels[i + 1]) : 0);
  }
  std::ofstream out(file);
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << 2 * panel_width + 20 << "\" height=\"" << y << "\">\n"
      << "<style>text{font:11px sans-serif;fill:#222}.head{font-weight:bold}.name{text-anchor:end}"
      << ".ours{fill:#c2410c}.peer{fill:#94a3b8}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  write_text(out, {10, 24}, title, "style=\"font-size:15px;font-weight:bold\"");
  for (std::size_t i = 0; i < panels.size(); ++i) write_panel(out, panels[i], places[i]);
  out << "</svg>\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace bench
