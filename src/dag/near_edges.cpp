#include "dag/near_edges.hpp"

namespace deriva::detail::graph {

namespace {

// Goes through sorted edges, input by input.
class Groups {
 public:
  Groups(const std::vector<std::uint64_t>& edges, Id end) : at_(edges.begin()), edges_end_(edges.end()), end_(end) {}

  bool at_end() const noexcept { return at_ == edges_end_; }
  Id input() const noexcept { return static_cast<Id>(*at_ >> 32U); }

  /// The dependents of this input, without those beyond the segment.
  const std::vector<Id>& take(Id input) {
    dependents_.clear();
    for (; !at_end() && this->input() == input; ++at_) {
      const auto dependent = static_cast<Id>(*at_ & 0xffffffffU);
      if (dependent < end_) dependents_.push_back(dependent);
    }
    return dependents_;
  }

 private:
  std::vector<std::uint64_t>::const_iterator at_;
  std::vector<std::uint64_t>::const_iterator edges_end_;
  Id end_;
  std::vector<Id> dependents_;
};

}  // namespace

std::vector<std::uint64_t> store_near(WriteTransaction& transaction, const TableSet& tables, const GraphState& state,
                                      Segment segment, const std::vector<std::uint64_t>& edges) {
  const BlockShape shape = state.shape();
  std::vector<std::uint64_t> far;
  const auto put_far = [&](Id input, const std::vector<Id>& dependents) {
    for (const Id dependent : dependents) far.push_back(std::uint64_t{input} << 32U | dependent);
  };
  Groups groups(edges, segment.end);
  while (!groups.at_end() && groups.input() < segment.begin) {
    const Id input = groups.input();
    put_far(input, groups.take(input));
  }
  for (Id first = segment.begin; first < segment.end; first += shape.nodes()) {
    Block block(shape);
    for (Id input = first; input < first + shape.nodes(); ++input) {
      const std::vector<Id>& dependents = groups.take(input);
      if (block.append(input, false, dependents)) continue;
      block.replace(input, false, {});
      put_far(input, dependents);
    }
    const std::uint32_t number = shape.block_of(first);
    put_sealed(transaction, tables.near, number, state.seal(Part::near, number), block.bytes(), Place::last);
  }
  while (!groups.at_end()) {
    const Id input = groups.input();
    put_far(input, groups.take(input));
  }
  return far;
}

}  // namespace deriva::detail::graph
