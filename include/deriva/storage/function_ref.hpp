#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace deriva {

template <class Signature>
class FunctionRef;

/// A callable that someone else owns: two pointers, no allocation. Lifetime: ends with the callable's.
template <class Out, class... In>
class FunctionRef<Out(In...)> {
 public:
  template <class Callable>
  requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef> && std::is_invocable_r_v<Out, Callable&, In...>)
      // NOLINTNEXTLINE(google-explicit-constructor): made at the call, from a lambda.
      FunctionRef(Callable& callable)
  noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(callable)))),
        call_([](void* object, In... in) -> Out {
          return std::invoke(*static_cast<Callable*>(object), std::forward<In>(in)...);
        }) {}

  Out operator()(In... in) const { return call_(object_, std::forward<In>(in)...); }

 private:
  void* object_;
  Out (*call_)(void*, In...);
};

}  // namespace deriva
