#include <deriva/storage/function_ref.hpp>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

int twice(int x) { return 2 * x; }

}  // namespace

TEST_CASE("a function reference calls a copy of the callable") {
  int calls = 0;
  auto count = [&calls, own = 0](int x) mutable {
    ++calls;
    return own += x;
  };
  const FunctionRef<int(int)> reference(count);
  CHECK(reference(2) == 2);
  CHECK(reference(3) == 5);
  CHECK(count(1) == 6);
  CHECK(calls == 3);
}

TEST_CASE("a function reference does not convert what the callable returns") {
  auto small = [](short x) -> short { return x; };
  const FunctionRef<long(int)> reference(small);
  CHECK(reference(7) == 7L);
  auto function = &twice;
  const FunctionRef<int(int)> to_function(function);
  CHECK(to_function(4) == 8);
}

}  // namespace deriva::test
