// What belongs to nodes: payloads, which come and go with entries, and records.
#include "dag/writer.hpp"

namespace deriva::detail::graph {

PayloadBlock& Writer::changing_payloads(std::uint32_t number) {
  only_appends_ = false;
  if (const auto found = staging_.payloads.find(number); found != staging_.payloads.end()) return found->second;
  const BytesView bytes = view_->stored_payloads(number);
  const BlockShape& shape = view_->shape();
  return staging_.payloads.emplace(number, bytes.empty() ? PayloadBlock(shape) : PayloadBlock(shape, bytes))
      .first->second;
}

void Writer::set_payload(Id id, BytesView payload) {
  if (payload.empty()) return;
  const BlockShape& shape = view_->shape();
  if (changing_payloads(shape.block_of(id)).set(shape.slot_of(id), payload)) return;
  staging_.long_payloads[id].assign(payload.begin(), payload.end());
}

void Writer::drop_payload(Id id) {
  if (view_->payload(id).empty()) return;
  const BlockShape& shape = view_->shape();
  PayloadBlock& block = changing_payloads(shape.block_of(id));
  const bool outside = block.view().is_outside(shape.slot_of(id));
  block.set(shape.slot_of(id), {});
  if (!outside || staging_.long_payloads.erase(id) != 0) return;
  erase(*transaction_, view_->tables().payloads, long_payload_key(shape, id));
  stored_ = true;
}

void Writer::store_payloads() {
  const MDB_dbi table = view_->tables().payloads;
  for (const auto& [number, block] : staging_.payloads) {
    put_sealed(*transaction_, table, payload_key(number), state().seal(Part::payloads, number), block.bytes());
  }
  for (const auto& [id, payload] : staging_.long_payloads) {
    put_sealed(*transaction_, table, long_payload_key(view_->shape(), id), state().seal(Part::payload, id), payload);
  }
  std::erase_if(staging_.payloads, [&](const auto& staged) { return staged.first < full_blocks_; });
  staging_.long_payloads.clear();
}

void Writer::put_record(Id id, BytesView record) {
  put_sealed(*transaction_, view_->tables().records, id, state().seal(Part::record, id), record);
  stored_ = true;
}

BytesView Writer::add_record(Id id, BytesView record) {
  const Seal seal = state().seal(Part::record, id);
  sealed_.resize(Seal::size + record.size());
  seal_into(sealed_, seal, record);
  const std::optional<BytesView> before = detail::insert(*transaction_, view_->tables().records, id, sealed_);
  stored_ = stored_ || !before;
  return before ? unseal(*before, seal) : BytesView();
}

bool Writer::erase_record(Id id) {
  const MDB_dbi table = view_->tables().records;
  if (!get(view_->transaction(), table, id)) return false;
  erase(*transaction_, table, id);
  return stored_ = true;
}

}  // namespace deriva::detail::graph
