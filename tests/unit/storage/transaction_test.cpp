#include <deriva/storage/transaction.hpp>

#include "support/catch.hpp"

#include <boost/asio/awaitable.hpp>
#include <future>
#include <optional>
#include <type_traits>

namespace deriva::test {

TEST_CASE("a transaction can be copied, moved or kept") {
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<ReadTransaction>);
  STATIC_REQUIRE_FALSE(std::is_move_constructible_v<ReadTransaction>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<ReadTransaction>);
  STATIC_REQUIRE_FALSE(std::is_move_assignable_v<ReadTransaction>);
  STATIC_REQUIRE_FALSE(std::is_default_constructible_v<ReadTransaction>);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<WriteTransaction>);
  STATIC_REQUIRE_FALSE(std::is_move_constructible_v<WriteTransaction>);
  STATIC_REQUIRE_FALSE(std::is_move_assignable_v<WriteTransaction>);
  STATIC_REQUIRE_FALSE(std::is_default_constructible_v<WriteTransaction>);
}

TEST_CASE("something else than a result of a value may leave a transaction") {
  STATIC_REQUIRE(is_transaction_result<Result<void>>);
  STATIC_REQUIRE(is_transaction_result<Result<std::optional<int>>>);
  STATIC_REQUIRE_FALSE(is_transaction_result<int>);
  STATIC_REQUIRE_FALSE(is_transaction_result<void>);
  STATIC_REQUIRE_FALSE(is_transaction_result<Result<int>&>);
  STATIC_REQUIRE_FALSE(is_transaction_result<boost::asio::awaitable<void>>);
  STATIC_REQUIRE_FALSE(is_transaction_result<boost::asio::awaitable<Result<int>>>);
  STATIC_REQUIRE_FALSE(is_transaction_result<Result<boost::asio::awaitable<int>>>);
}

}  // namespace deriva::test
