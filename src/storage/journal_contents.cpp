#include "storage/journal_contents.hpp"

#include <cstring>
#include <span>

#include "storage/checksum.hpp"

namespace deriva::detail {
namespace {

/// What a frame begins with.
struct FrameHeader {
  std::uint64_t seal;  // the checksum of the rest of the frame
  std::uint64_t size;  // of the payload
};
static_assert(sizeof(FrameHeader) == JournalContents::frame_overhead);

FrameHeader header_at(BytesView bytes) noexcept {
  FrameHeader header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header;
}

std::uint64_t seal_of(BytesView frame, std::uint64_t before) noexcept {
  return checksum(frame.subspan(sizeof(FrameHeader::seal)), before);
}

}  // namespace

void JournalContents::reset(std::uint64_t epoch, std::string_view owner) {
  owner_ = owner;
  bytes_ = {};  // a journal may be long, and the next one far away
  last_ = 0;
  epoch_ = seal_ = epoch;
}

void JournalContents::append(BytesView payload) {
  const std::size_t begin = bytes_.size();
  bytes_.reserve(begin + frame_overhead + payload.size());
  FrameHeader header{0, payload.size()};
  const BytesView head = std::as_bytes(std::span(&header, 1));
  bytes_.insert(bytes_.end(), head.begin(), head.end());
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  seal_ = seal_of(from(begin), seal_);
  std::memcpy(bytes_.data() + begin, &seal_, sizeof(seal_));
  last_ = begin;
}

void JournalContents::truncate(std::size_t size, std::uint64_t seal) noexcept {
  if (size == bytes_.size()) return;
  bytes_.resize(size);
  seal_ = seal;
  last_ = 0;
  for (std::size_t at = 0; at < size; at += frame_overhead + header_at(from(at)).size) last_ = at;
}

std::size_t JournalContents::adopt(BytesView bytes) {
  bytes_.reserve(bytes_.size() + bytes.size());
  std::size_t taken = 0;
  std::size_t last = last_;
  while (bytes.size() - taken >= frame_overhead) {
    const FrameHeader header = header_at(bytes.subspan(taken));
    if (header.size > bytes.size() - taken - frame_overhead) break;
    const BytesView frame = bytes.subspan(taken, frame_overhead + header.size);
    if (seal_of(frame, seal_) != header.seal) break;
    seal_ = header.seal;
    last = bytes_.size() + taken;
    taken += frame.size();
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
  last_ = last;
  return taken;
}

std::optional<BytesView> JournalContents::next(std::size_t& offset) const noexcept {
  if (offset + frame_overhead > bytes_.size()) return std::nullopt;
  const BytesView frame = from(offset);
  const std::size_t size = header_at(frame).size;
  if (size > frame.size() - frame_overhead) return std::nullopt;
  offset += frame_overhead + size;
  return frame.subspan(frame_overhead, size);
}

std::optional<BytesView> JournalContents::last() const noexcept {
  std::size_t offset = last_;
  return next(offset);
}

}  // namespace deriva::detail
