#include <deriva/compute/static_registry.hpp>

namespace {

deriva::Blob f(std::span<const deriva::Blob>, const deriva::Params&) { return {}; }

}  // namespace

using Registry = deriva::StaticRegistry<deriva::StaticFunction<"f", "1", &f>>;

#if UNKNOWN
constexpr auto found = Registry::callable<"f", "2">();
#else
constexpr auto found = Registry::callable<"f", "1">();
#endif

static_assert(found == &f);
