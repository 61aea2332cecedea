#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>

#include <deriva/core/event.hpp>

namespace deriva::detail {

/// Names and their numbers, from 1. Thread safety: all members. Names stay where they are as long as the table is.
class NameTable {
 public:
  /// Writes a name down, and gives the same id for the same name.
  [[nodiscard]] event::NameId id(std::string_view name) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
    }
    const std::lock_guard lock(mutex_);
    if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
    const std::string& kept = names_.emplace_back(name);
    const auto id = static_cast<event::NameId>(names_.size());
    ids_.emplace(kept, id);
    return id;
  }

  /// Empty for what is no id of a name.
  [[nodiscard]] std::string_view name(event::NameId id) const {
    const std::shared_lock lock(mutex_);
    const auto index = static_cast<std::size_t>(id);
    return index == 0 || index > names_.size() ? std::string_view() : names_[index - 1];
  }

 private:
  mutable std::shared_mutex mutex_;
  std::deque<std::string> names_;
  std::map<std::string_view, event::NameId, std::less<>> ids_;
};

}  // namespace deriva::detail
