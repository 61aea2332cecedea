#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <deriva/core/bytes.hpp>

namespace deriva::detail {

/// A journal as one transaction sees it: the bytes of frames, one behind the other, each an appended change. A frame
/// carries a checksum whose seed is the checksum of the one before, the first one's the epoch of the journal: so the
/// bytes that an earlier journal left behind never pass for frames of this one.
/// Thread safety: none.
class JournalContents {
 public:
  /// 0: there is no journal.
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  /// Whose changes they are.
  [[nodiscard]] const std::string& owner() const noexcept { return owner_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] BytesView from(std::size_t offset) const noexcept { return BytesView(bytes_).subspan(offset); }

  /// Becomes the journal of this epoch, without frames.
  void reset(std::uint64_t epoch = 0, std::string_view owner = {});
  /// Adds a frame.
  void append(BytesView payload);
  /// Forgets the frames from an offset on, where one began. Requires: `seal_at` was the seal there.
  void truncate(std::size_t size, std::uint64_t seal) noexcept;
  /// The checksum of the last frame, or the epoch.
  [[nodiscard]] std::uint64_t seal() const noexcept { return seal_; }

  /// Takes over as many whole, sound frames as `bytes` begins with. Returns how many bytes they have.
  std::size_t adopt(BytesView bytes);

  /// The payload of the frame at `offset`, which moves behind it; nothing at the end, or where none can begin.
  [[nodiscard]] std::optional<BytesView> next(std::size_t& offset) const noexcept;
  /// The payload of the last frame; nothing if there is none.
  [[nodiscard]] std::optional<BytesView> last() const noexcept;

  /// Bytes of a frame besides its payload.
  static constexpr std::size_t frame_overhead = 16;

 private:
  std::uint64_t epoch_ = 0;
  std::uint64_t seal_ = 0;
  std::size_t last_ = 0;  // where the last frame begins
  std::string owner_;
  std::vector<std::byte> bytes_;
};

/// The lower half of an epoch.
[[nodiscard]] constexpr std::uint32_t era_of(std::uint64_t epoch) noexcept { return static_cast<std::uint32_t>(epoch); }

}  // namespace deriva::detail
