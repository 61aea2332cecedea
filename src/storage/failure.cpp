#include "storage/failure.hpp"

#include <string>

namespace deriva::detail {

void throw_corrupted(const char* what) {
  throw Failure{Error(Errc::corrupted, std::string("the graph on disk is damaged: ") + what)};
}

}  // namespace deriva::detail
