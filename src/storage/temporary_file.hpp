#pragma once

#include <string>
#include <utility>

#include <deriva/core/error.hpp>

#include "storage/posix.hpp"

namespace deriva::detail {

/// A file under `tmp/` that is being written. Its lock tells other processes that someone is alive behind it; it is
/// removed unless it gets its final name.
class TemporaryFile {
 public:
  /// Lifetime: `directory` stays open as long as the file.
  [[nodiscard]] static Result<TemporaryFile> create(int directory);
  TemporaryFile(TemporaryFile&& other) noexcept = default;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  [[nodiscard]] int get() const noexcept { return file_.get(); }
  /// In the directory.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Gives the file its final name, replacing another file.
  [[nodiscard]] Result<void> rename_to(int directory, const std::string& path);
  /// Gives the file this name, too, unless there is such a file already.
  [[nodiscard]] Result<void> link_as(int directory, const char* name) const;

 private:
  TemporaryFile(int directory, std::string name, FileDescriptor file) noexcept
      : directory_(directory), name_(std::move(name)), file_(std::move(file)) {}

  int directory_;
  std::string name_;  // empty once it has another
  FileDescriptor file_;
};

/// Removes files of `tmp/` that nobody writes any more; looks at a bounded number of them.
[[nodiscard]] Result<void> remove_stale_temporaries(int directory);

}  // namespace deriva::detail
