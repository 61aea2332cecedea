#pragma once

#include <filesystem>

#include <deriva/store/store.hpp>

namespace bench {

/// An empty store, with relaxed durability, in the place of whatever is there. Throws `deriva::Exception`.
[[nodiscard]] deriva::Store open_relaxed(const std::filesystem::path& directory);

}  // namespace bench
