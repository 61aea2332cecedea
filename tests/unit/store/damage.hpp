#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <deriva/core/address.hpp>
#include <deriva/dag/persistent_dag.hpp>
#include <deriva/storage/environment.hpp>

#include "dag/graph_view.hpp"
#include "storage/environment_impl.hpp"
#include "storage/table_access.hpp"

#include "support/catch.hpp"

namespace deriva::test {

/// Shows a store's graph to `visit(GraphView&)`.
template <class Visit>
void look_at_graph(Environment& environment, Visit&& visit) {
  const auto dag = PersistentDag<>::open(environment).value();
  auto look = [&](detail::GraphSnapshot& graph) { visit(graph.view()); };
  REQUIRE(environment.read(
      [&](const ReadTransaction& transaction) { return detail::GraphAccess::engine(dag).read(transaction, look); }));
}

/// The number of a node of a store's graph.
inline detail::graph::Id node_of(Environment& environment, const Address& address) {
  std::optional<detail::graph::Id> id;
  look_at_graph(environment, [&](detail::graph::GraphView& graph) { id = graph.find(address.bytes()); });
  return id.value();
}

using ChangeBytes = std::function<void(std::vector<std::byte>&)>;

/// Changes a value of a table of the graph behind its back. What has the store open may remember what was there.
inline void damage(Environment& environment, const char* table, std::uint64_t key, const ChangeBytes& change) {
  const MDB_dbi handle = environment.impl().table(table, MDB_INTEGERKEY, 0).value();
  REQUIRE(environment.write([&](WriteTransaction& transaction) -> Result<void> {
    const std::optional<BytesView> before = detail::get(transaction.native(), handle, key);
    std::vector<std::byte> bytes;
    if (before) bytes.assign(before->begin(), before->end());
    change(bytes);
    detail::put(transaction, handle, key, bytes);
    return {};
  }));
}

/// The same, and seals what comes of it: as if the graph itself had stored it.
inline void forge(Environment& environment, const char* table, std::uint64_t key, detail::graph::Part part,
                  std::uint32_t number, const ChangeBytes& change) {
  detail::graph::Seal seal{};
  look_at_graph(environment, [&](detail::graph::GraphView& graph) { seal = graph.state().seal(part, number); });
  damage(environment, table, key, [&](std::vector<std::byte>& bytes) {
    std::vector<std::byte> contents(bytes.begin() + detail::graph::Seal::size, bytes.end());
    change(contents);
    bytes.resize(detail::graph::Seal::size + contents.size());
    detail::graph::seal_into(bytes, seal, contents);
  });
}

/// Changes the payload of a node that is in the first block, from an offset on.
inline void forge_payload(Environment& environment, detail::graph::Id id, std::size_t offset, std::byte byte) {
  forge(environment, "dag.payloads.0", 0, detail::graph::Part::payloads, 0, [&](std::vector<std::byte>& block) {
    const detail::graph::BlockShape shape(Address::size_bytes);
    const detail::graph::PayloadView view(shape, block);
    block[static_cast<std::size_t>(view.at(id).data() - block.data()) + offset] = byte;
  });
}

}  // namespace deriva::test
