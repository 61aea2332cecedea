#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include <deriva/core/error.hpp>
#include <deriva/core/observer.hpp>
#include <deriva/observe/inputs_of.hpp>

namespace deriva {

struct ReportOptions {
  std::string title = "deriva";
  /// Where the critical path comes from; without it the report has none.
  InputsOf inputs = nullptr;
  /// Functions that are drawn one by one; further ones are counted, and not drawn.
  std::size_t timeline_runs = 200'000;
};

/// Collects what happens, and makes of it one page that needs nothing else: a timeline, the critical path, the slowest
/// functions, hit rates, the reasons, bytes over time, and what verification found.
/// Thread safety: all members, from any thread.
class Report final : public Observer {
 public:
  explicit Report(ReportOptions options = {});
  ~Report() override;
  [[nodiscard]] EventSet wanted() const noexcept override;
  void on_events(const EventBatch& batch) override;

  /// The page, of what was delivered until now: HTML with its styles, script and data. Complexity: n log n in the
  /// functions that ran, whose inputs are asked for once each.
  [[nodiscard]] std::string html() const;
  /// Writes the page. Errors: `io_error`, `disk_full`, `permission_denied`, `not_found`.
  [[nodiscard]] Result<void> write(const std::filesystem::path& file) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deriva
