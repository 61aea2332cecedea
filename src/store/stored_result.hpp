#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include <deriva/core/bytes.hpp>
#include <deriva/core/digest.hpp>
#include <deriva/store/result_record.hpp>

namespace deriva::detail {

/// Values of results up to this size are stored in the record instead of by digest.
/// Less than the entry of a table for values takes beside the value.
inline constexpr std::size_t inline_result_bytes = 64;

/// What is stored of a result: a head of 56 bytes, and the value behind it if it is that small.
/// docs/storage-format.md, "Results". Little-endian, like all that an environment holds.
struct StoredResult {
  struct Head {
    std::array<std::byte, 32> digest;
    std::uint64_t size;
    std::int64_t compute_ns;
    std::int64_t computed_at_ns;
  };
  static_assert(sizeof(Head) == 56 && std::has_unique_object_representations_v<Head>);

  Head head{};
  bool is_inline = false;
  BytesView value;  ///< if inline; as long as the bytes that this was read from

  [[nodiscard]] Digest digest() const noexcept { return Digest{head.digest}; }
  [[nodiscard]] ResultRecord record() const noexcept;
  /// The bytes, for the next change of a table at most.
  [[nodiscard]] BytesView encode(std::vector<std::byte>& out) const;
  /// Throws `Failure`: `corrupted`.
  [[nodiscard]] static StoredResult decode(BytesView bytes);
};

/// Which values have the same bytes.
[[nodiscard]] inline bool same_value(const StoredResult& a, const StoredResult& b) noexcept {
  return a.head.digest == b.head.digest;
}

}  // namespace deriva::detail
