#pragma once

// Formatters for {fmt}. Not part of <deriva/deriva.hpp>: a host that includes this header links fmt itself.

#include <string_view>

#include <fmt/format.h>

#include <deriva/core/address.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/recipe.hpp>

/// Formats take the specification of strings: `{:>70}`, `{:.8}` for the first eight digits.
template <>
struct fmt::formatter<deriva::Address> : fmt::formatter<std::string_view> {
  template <class FormatContext>
  auto format(const deriva::Address& address, FormatContext& context) const {
    return fmt::formatter<std::string_view>::format(address.to_string(), context);
  }
};

template <>
struct fmt::formatter<deriva::Digest> : fmt::formatter<std::string_view> {
  template <class FormatContext>
  auto format(const deriva::Digest& digest, FormatContext& context) const {
    return fmt::formatter<std::string_view>::format(digest.to_string(), context);
  }
};

template <>
struct fmt::formatter<deriva::FunctionId> : fmt::formatter<std::string_view> {
  template <class FormatContext>
  auto format(const deriva::FunctionId& function, FormatContext& context) const {
    return fmt::formatter<std::string_view>::format(function.name + '/' + function.version, context);
  }
};

template <>
struct fmt::formatter<deriva::Errc> : fmt::formatter<std::string_view> {
  template <class FormatContext>
  auto format(deriva::Errc code, FormatContext& context) const {
    return fmt::formatter<std::string_view>::format(deriva::to_string(code), context);
  }
};

template <>
struct fmt::formatter<deriva::Error> : fmt::formatter<std::string_view> {
  template <class FormatContext>
  auto format(const deriva::Error& error, FormatContext& context) const {
    return fmt::formatter<std::string_view>::format(fmt::format("{}: {}", error.code(), error.message()), context);
  }
};
