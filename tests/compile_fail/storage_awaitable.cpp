// Must not compile when AWAITABLE is 1: a coroutine would be suspended with the transaction open.
#include <boost/asio/awaitable.hpp>

#include <deriva/storage/environment.hpp>

namespace {

#if AWAITABLE
using Returned = boost::asio::awaitable<deriva::Result<int>>;
#else
using Returned = deriva::Result<int>;
#endif

Returned operation(deriva::WriteTransaction& transaction);

[[maybe_unused]] void use(deriva::Environment& environment) {
  [[maybe_unused]] auto result =
      environment.write([](deriva::WriteTransaction& transaction) -> Returned { return operation(transaction); });
}

}  // namespace
