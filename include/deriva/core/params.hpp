#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/container/flat_map.hpp>

namespace deriva {

class List;

/// A parameter of a recipe. Equal values have equal encodings: -0.0 and +0.0 are one; NaN has no encoding.
using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::byte>, List>;

/// A sequence of values. A recipe takes lists that are nested up to `limits::nesting` deep; a list that is nested
/// deeper is still copied, compared and destroyed without recursion. Moving and destroying do not allocate.
class List {
 public:
  List() = default;
  explicit List(std::vector<Value> items) noexcept;
  List(const List&);
  List(List&&) noexcept;
  List& operator=(const List&);
  List& operator=(List&&) noexcept;
  ~List();

  [[nodiscard]] std::vector<Value>& items() noexcept { return items_; }
  [[nodiscard]] const std::vector<Value>& items() const noexcept { return items_; }

  friend bool operator==(const List& a, const List& b);

 private:
  std::vector<Value> items_;
};

/// The parameters of a recipe, by name, ascending.
using Params = boost::container::flat_map<std::string, Value>;

}  // namespace deriva
