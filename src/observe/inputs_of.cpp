#include <deriva/observe/inputs_of.hpp>

#include <utility>

namespace deriva {

InputsOf inputs_from(const Store& store) {
  return [&store](const Address& address) -> std::vector<Address> {
    Result<std::optional<std::vector<Address>>> inputs = store.dag().inputs(address);
    if (!inputs || !*inputs) return {};
    return std::move(**inputs);
  };
}

}  // namespace deriva
