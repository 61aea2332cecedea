#include <deriva/compute/static_registry.hpp>

namespace {

constexpr auto f = [](std::span<const deriva::Blob>, const deriva::Params&) { return deriva::Blob(); };

}  // namespace

#if TWICE
using Registry = deriva::StaticRegistry<deriva::StaticFunction<"f", "1", f>, deriva::StaticFunction<"f", "1", f>>;
#else
using Registry = deriva::StaticRegistry<deriva::StaticFunction<"f", "1", f>, deriva::StaticFunction<"f", "2", f>>;
#endif

bool has(const Registry& registry) { return static_cast<bool>(registry.find({"f", "1"})); }
