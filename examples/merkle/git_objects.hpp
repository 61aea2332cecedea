#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <deriva/core/bytes.hpp>

/// What git makes of files and directories: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
namespace merkle {

/// The SHA-1 that git names an object by.
using ObjectId = std::array<std::byte, 20>;

/// What a tree entry is. The text is git's: octal, without leading zeros.
enum class Mode { file, executable, symlink, directory };
[[nodiscard]] std::string_view to_string(Mode mode) noexcept;

/// The id of a blob object with this content. Thread safety: any thread.
[[nodiscard]] ObjectId blob_id(deriva::BytesView content);

/// The id of a tree object that consists of these entries. Thread safety: any thread.
[[nodiscard]] ObjectId tree_id(deriva::BytesView entries);

/// Appends one entry as it stands in a tree object: mode, space, name, zero byte, id.
void append_tree_entry(std::string& entries, std::string_view mode, std::string_view name, deriva::BytesView id);

/// Whether the entry `a` stands before the entry `b` in a tree: bytewise, a directory's name as if it ended with '/'.
[[nodiscard]] bool stands_before(std::string_view a, Mode a_mode, std::string_view b, Mode b_mode) noexcept;

/// Lower-case hexadecimal digits.
[[nodiscard]] std::string to_hex(deriva::BytesView bytes);

}  // namespace merkle
