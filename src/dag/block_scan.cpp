#include "dag/graph_view.hpp"

namespace deriva::detail::graph {

std::optional<BlockScan::Item> BlockScan::next() {
  const std::uint32_t number = number_;
  if (view_.shape_.first_of(number) >= view_.state().next) return std::nullopt;
  ++number_;
  if (!view_.only_reads() || number >= view_.clean_blocks_) return read(number);
  const std::byte* addresses = view_.session_.addresses[number];
  BytesView& lists = view_.session_.blocks[number];
  if (addresses == nullptr || lists.empty()) {
    const Item item = read(number);
    view_.remember_addresses(number, item.addresses);
    lists = item.block.bytes();
    return item;
  }
  if (number_ < view_.clean_blocks_) prefetch(number_);
  return Item{number, addresses, BlockView(view_.shape_, lists)};
}

// A page is where a processor's own prefetching ends (`dag.topo`).
void BlockScan::prefetch(std::uint32_t number) {
  if (const std::byte* addresses = view_.session_.addresses[number]) {
    for (std::size_t at = 0; at < view_.shape_.address_bytes(); at += 64) __builtin_prefetch(addresses + at);
  }
  const std::byte* lists = view_.session_.blocks[number].data();
  if (lists == nullptr) return;
  for (std::size_t at = 0; at < view_.shape_.header_bytes(); at += 64) __builtin_prefetch(lists + at);
}

BlockScan::Item BlockScan::read(std::uint32_t number) {
  const std::uint64_t key = 2 * std::uint64_t{number};
  if (!cursor_) cursor_ = Cursor(view_.transaction_, view_.tables().nodes);
  if (!entry_ || entry_->key != key) entry_ = cursor_.at_least(key);
  const bool addressed = entry_ && entry_->key == key;
  Item item{number, nullptr, {}};
  if (addressed) {
    item.addresses = view_.check_seal(Part::addresses, number, entry_->value).data();
    entry_ = cursor_.next();
  } else {
    item.addresses = view_.key_at(view_.shape_.first_of(number));
  }
  const Block* staged = view_.staged_block(number);
  const bool open = view_.is_open(number);
  if (staged) {
    item.block = staged->view();
  } else if (open) {
    item.block = BlockView(view_.shape_, view_.stored_block(number));
  } else {
    if (!addressed || !entry_ || entry_->key != key + 1) throw_corrupted("a block is missing");
    item.block = BlockView(view_.shape_, view_.check_inputs(number, entry_->value));
  }
  if (entry_ && entry_->key == key + 1) entry_ = cursor_.next();
  return item;
}

}  // namespace deriva::detail::graph
