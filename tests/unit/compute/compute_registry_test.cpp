#include <deriva/compute/compute_registry.hpp>

#include "support/catch.hpp"
#include "unit/compute/compute_fixture.hpp"

namespace deriva::test {
namespace {

/// Becomes a function where one is asked for.
struct Convertible {
  operator Function() const {  // NOLINT(google-explicit-constructor)
    return Function::plain([](std::span<const Blob>, const Params&) { return Blob::copy_of("archetype"); });
  }
};

/// Has what the concept asks for and nothing else: cannot be made by default, copied, moved or assigned.
class Archetype {
 public:
  explicit Archetype(int) {}
  Archetype(const Archetype&) = delete;
  Archetype& operator=(const Archetype&) = delete;
  Convertible find(const FunctionId&) const { return {}; }
};
static_assert(ComputeRegistry<Archetype>);

struct WithoutFind {};
struct NotConst {
  Function find(const FunctionId&) { return {}; }
};
struct FindsSomethingElse {
  int find(const FunctionId&) const { return 0; }
};
struct WantsMore {
  Function find(const FunctionId&, int) const { return {}; }
};
static_assert(!ComputeRegistry<WithoutFind> && !ComputeRegistry<NotConst>);
static_assert(!ComputeRegistry<FindsSomethingElse> && !ComputeRegistry<WantsMore> && !ComputeRegistry<int>);

TEST_CASE("compute registry: executors ask of a registry what the concept says, and no more") {
  ComputeFixture f;
  const Archetype archetype(1);
  const Address target = f.recipe("whatever", {});
  SyncExecutor sync(*f.store, archetype);
  REQUIRE(text_of(sync.materialize(target)) == "archetype");
  boost::asio::thread_pool pool(1);
  Executor<Archetype> executor(pool.get_executor(), *f.store, archetype);
  REQUIRE(text_of(executor.materialize(f.numbered("whatever", 1))) == "archetype");
}

}  // namespace
}  // namespace deriva::test
