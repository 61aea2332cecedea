#include "dag/block.hpp"

#include <cstdint>
#include <random>
#include <vector>

#include "support/catch.hpp"

namespace {

using deriva::Errc;
using deriva::detail::Failure;
using deriva::detail::graph::Block;
using deriva::detail::graph::BlockShape;
using deriva::detail::graph::BlockView;
using deriva::detail::graph::EncodedList;
using deriva::detail::graph::Id;

struct Node {
  bool has_entry;
  bool dead;
  std::vector<Id> ids;
};

/// A block and what should be in it.
class Checked {
 public:
  Checked(std::uint32_t key_size, std::uint32_t number)
      : shape_(key_size), first_(shape_.first_of(number)), block_(shape_) {}

  const BlockShape& shape() const { return shape_; }
  Id first() const { return first_; }
  std::size_t size() const { return nodes_.size(); }
  void append(bool has_entry, const std::vector<Id>& ids) {
    REQUIRE(block_.append(first_ + static_cast<Id>(nodes_.size()), has_entry, ids));
    nodes_.push_back({has_entry, false, ids});
  }
  void replace(std::uint32_t slot, bool has_entry, const std::vector<Id>& ids) {
    REQUIRE(block_.replace(first_ + slot, has_entry, ids));
    nodes_[slot].has_entry = has_entry;
    nodes_[slot].ids = ids;
  }
  void kill(std::uint32_t slot) {
    block_.mark_dead(slot);
    nodes_[slot].dead = true;
  }

  void compare() const {
    const Block copy(shape_, block_.bytes());
    const BlockView view = copy.view();
    REQUIRE(view.count() == nodes_.size());
    for (std::uint32_t slot = 0; slot < nodes_.size(); ++slot) {
      REQUIRE(view.has_entry(slot) == nodes_[slot].has_entry);
      REQUIRE(view.is_dead(slot) == nodes_[slot].dead);
      EncodedList list = view.list(slot);
      REQUIRE(read(list, slot) == nodes_[slot].ids);
    }
    std::uint32_t expected = 0;
    view.read_all_lists([&](std::uint32_t slot, EncodedList& list) {
      REQUIRE(slot == expected++);
      REQUIRE(read(list, slot) == nodes_[slot].ids);
    });
    REQUIRE(expected == nodes_.size());
    for (std::uint32_t slot = 0; slot < 64 * shape_.words(); ++slot) {
      const bool live = slot < nodes_.size() && nodes_[slot].has_entry && !nodes_[slot].dead;
      REQUIRE(((view.live_entries(slot / 64) >> (slot % 64)) & 1U) == (live ? 1U : 0U));
    }
  }

 private:
  std::vector<Id> read(EncodedList& list, std::uint32_t slot) const {
    REQUIRE_FALSE(list.outside);
    std::vector<Id> ids;
    list.for_each(first_ + slot, [&](Id id) { return ids.push_back(id), true; });
    return ids;
  }

  BlockShape shape_;
  Id first_;
  Block block_;
  std::vector<Node> nodes_;
};

}  // namespace

TEST_CASE("a block of addresses is more or less than one page", "[dag]") {
  for (std::uint32_t key_size = 8; key_size <= 64; ++key_size) {
    const BlockShape shape(key_size);
    REQUIRE(shape.address_bytes() <= 4'072);
    REQUIRE(shape.address_bytes() + key_size > 4'072);
    // Every list at its longest: offsets have 16 bits.
    REQUIRE(std::size_t{shape.nodes()} * 98 < 65'536);
  }
  REQUIRE(BlockShape(32).nodes() == 127);
}

TEST_CASE("an id belongs to another block than division says", "[dag]") {
  std::minstd_rand generator(1);
  const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
  for (std::uint32_t key_size = 8; key_size <= 64; ++key_size) {
    const BlockShape shape(key_size);
    for (int i = 0; i < 2'000; ++i) {
      const std::uint32_t block = random() % (0x7fffffffU / shape.nodes());
      for (const Id id : {shape.first_of(block), shape.first_of(block) + shape.nodes() - 1, Id{0x7ffffffe}}) {
        if (shape.block_of(id) != id / shape.nodes() || shape.slot_of(id) != id % shape.nodes()) {
          FAIL("id " << id << " with keys of " << key_size);
        }
      }
    }
  }
}

TEST_CASE("lists of a block come back changed after appending and replacing", "[dag]") {
  const std::uint32_t key_size = GENERATE(8U, 12U, 32U, 64U);
  std::mt19937 random(key_size);
  Checked block(key_size, 40);
  const auto number = [&](std::uint32_t below) { return static_cast<std::uint32_t>(random() % below); };
  const auto some_ids = [&] {
    std::vector<Id> ids;
    for (std::size_t n = random() % 6; n > 0; --n) {
      ids.push_back(number(2) == 0 ? block.first() - 1 - number(100) : number(0x7fffffffU));
    }
    return ids;
  };
  while (block.size() < block.shape().nodes()) {
    block.append(random() % 4 != 0, some_ids());
    if (random() % 9 == 0) block.compare();
    if (random() % 3 == 0) block.replace(number(static_cast<std::uint32_t>(block.size())), true, some_ids());
    if (random() % 20 == 0) block.kill(number(static_cast<std::uint32_t>(block.size())));
  }
  block.compare();
}

TEST_CASE("a list that is too long spoils its block instead of going outside", "[dag]") {
  const BlockShape shape(32);
  Block block(shape);
  std::vector<Id> many(97);
  for (Id n = 0; n < many.size(); ++n) many[n] = 1'000'000 * n;
  REQUIRE(block.append(0, true, std::vector<Id>{5}));
  REQUIRE_FALSE(block.append(1, true, many));
  REQUIRE(block.append(2, true, std::vector<Id>{0, 1}));
  REQUIRE(block.view().list(1).outside);
  REQUIRE(block.view().list(1).count == many.size());
  REQUIRE(block.view().list(2).count == 2);
  REQUIRE(block.replace(1, false, {}));
  REQUIRE_FALSE(block.view().list(1).outside);
  REQUIRE(block.view().list(2).count == 2);
}

TEST_CASE("a damaged block is read beyond its end", "[dag]") {
  const BlockShape shape(32);
  Block block(shape);
  for (Id id = 0; id < 60; ++id) block.append(id + 1'000, true, std::vector<Id>{id, id / 2, 7});
  const std::vector<std::byte> good(block.bytes().begin(), block.bytes().end());
  std::mt19937 random(3);
  std::size_t refused = 0;
  for (int round = 0; round < 3'000; ++round) {
    // Exactly as many bytes as there are, so that a sanitizer sees what is read beyond.
    std::vector<std::byte> bytes(good.begin(),
                                 good.end() - static_cast<std::ptrdiff_t>(random() % 2 * (random() % good.size())));
    for (std::size_t n = random() % 4; n > 0 && !bytes.empty(); --n)
      bytes[random() % bytes.size()] = std::byte(random());
    try {
      const BlockView view(shape, bytes);
      for (std::uint32_t slot = 0; slot < view.count(); ++slot) {
        EncodedList list = view.list(slot);
        if (!list.outside) list.for_each(1'000 + slot, [](Id) { return true; });
      }
      view.read_all_lists([&](std::uint32_t slot, EncodedList& list) {
        if (!list.outside) list.for_each(1'000 + slot, [](Id) { return true; });
      });
    } catch (const Failure& failure) {
      REQUIRE(failure.error.code() == Errc::corrupted);
      ++refused;
    }
  }
  REQUIRE(refused > 500);
}
