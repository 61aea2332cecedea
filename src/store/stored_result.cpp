#include "store/stored_result.hpp"

#include <cstring>

#include "storage/failure.hpp"

namespace deriva::detail {

ResultRecord StoredResult::record() const noexcept {
  return {digest(), head.size, std::chrono::nanoseconds(head.compute_ns),
          std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(head.computed_at_ns))};
}

BytesView StoredResult::encode(std::vector<std::byte>& out) const {
  const BytesView bytes = std::as_bytes(std::span(&head, 1));
  out.assign(bytes.begin(), bytes.end());
  if (is_inline) out.insert(out.end(), value.begin(), value.end());
  return out;
}

StoredResult StoredResult::decode(BytesView bytes) {
  StoredResult result;
  if (bytes.size() >= sizeof(Head)) {
    std::memcpy(static_cast<void*>(&result.head), bytes.data(), sizeof(Head));
    result.value = bytes.subspan(sizeof(Head));
    result.is_inline = result.value.size() == result.head.size;
    if (result.is_inline || result.value.empty()) return result;
  }
  throw Failure{Error(Errc::corrupted, "what is stored of a result has the wrong size")};
}

}  // namespace deriva::detail
