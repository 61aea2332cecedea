#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include <deriva/core/error.hpp>
#include <deriva/core/observer.hpp>
#include <deriva/core/observer_hub.hpp>
#include <deriva/observe/inputs_of.hpp>

namespace deriva {

struct ChromeTraceOptions {
  /// Where the arrows from inputs to what was computed of them come from; without it there are none.
  InputsOf inputs = nullptr;
};

/// Writes a timeline that ui.perfetto.dev, chrome://tracing and speedscope open: a track for each thread with the
/// functions it ran, further tracks where coroutine functions overlap, the requests above them, arrows along
/// dependencies, and the memory that cached values take.
class ChromeTrace final : public Observer {
 public:
  /// Errors: `io_error`, `permission_denied`, `not_found` if the file cannot be created.
  [[nodiscard]] static Result<std::shared_ptr<ChromeTrace>> open(const std::filesystem::path& file,
                                                                 ChromeTraceOptions options = {});
  /// Closes the file.
  ~ChromeTrace() override;

  [[nodiscard]] EventSet wanted() const noexcept override;
  /// Throws `Exception` if the file cannot be written.
  void on_events(const EventBatch& batch) override;

  /// Completes the file; what comes later is ignored. Errors: `io_error`, `disk_full`.
  [[nodiscard]] Result<void> close();

 private:
  struct Impl;
  explicit ChromeTrace(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// If the environment variable DERIVA_TRACE names a file: attaches a trace that writes it, until the hub ends.
/// Errors: as `ChromeTrace::open`.
[[nodiscard]] Result<void> trace_from_environment(ObserverHub& hub, InputsOf inputs = {});

/// The same for a program that has no hub of its own: for `ExecutorOptions::observers`. Null if the variable names
/// nothing. Lifetime: the hub ends before the store, that is, with the last executor that it was given to.
[[nodiscard]] Result<std::shared_ptr<ObserverHub>> observers_from_environment(const Store& store);

}  // namespace deriva
