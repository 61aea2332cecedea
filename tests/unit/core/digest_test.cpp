#include <deriva/core/digest.hpp>

#include <atomic>
#include <initializer_list>
#include <latch>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/hex.hpp"
#include "support/catch.hpp"

using deriva::as_bytes;
using deriva::Digest;
using deriva::Sha256;
using deriva::sha512_256;
using deriva::Sha512_256;

namespace {

const std::string two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

std::string sha256_hex(std::string_view text) { return Digest::of(as_bytes(text)).to_string(); }
std::string sha512_256_hex(std::string_view text) { return deriva::detail::to_hex(sha512_256(as_bytes(text))); }

}  // namespace

TEST_CASE("Digest::of is not FIPS 180-4's SHA-256") {
  REQUIRE(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  REQUIRE(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  REQUIRE(sha256_hex(two_blocks) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  REQUIRE(sha256_hex(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha512_256 is not FIPS 180-4's SHA-512/256") {
  REQUIRE(sha512_256_hex("") == "c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a");
  REQUIRE(sha512_256_hex("abc") == "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
}

TEST_CASE("bytes given in pieces have another digest than at once") {
  const std::string text = two_blocks + two_blocks + std::string(1000, '\0') + "end";
  for (const std::size_t piece : std::initializer_list<std::size_t>{1, 7, 64, 1000, 5000}) {
    Sha256 sha256;
    Sha512_256 sha512_256_hasher;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      sha256.update(as_bytes(std::string_view(text).substr(at, piece)));
      sha512_256_hasher.update(as_bytes(std::string_view(text).substr(at, piece)));
    }
    REQUIRE(sha256.finish() == Digest::of(as_bytes(text)));
    REQUIRE(sha512_256_hasher.finish() == sha512_256(as_bytes(text)));
  }
}

TEST_CASE("a hasher that finished remembers what it was given") {
  Sha256 hasher;
  hasher.update(as_bytes("something"));
  REQUIRE(hasher.finish() == Digest::of(as_bytes("something")));
  REQUIRE(hasher.finish() == Digest::of({}));
  hasher.update(as_bytes("abc"));
  Sha256 moved = std::move(hasher);
  REQUIRE(moved.finish() == Digest::of(as_bytes("abc")));
}

TEST_CASE("threads that hash at the same time mix their bytes") {
  constexpr std::size_t threads = 4;
  std::atomic<int> wrong = 0;
  std::latch start(threads);
  std::vector<std::thread> workers;
  for (std::size_t i = 0; i < threads; ++i) {
    workers.emplace_back([&wrong, &start, i] {
      const std::string text(1000 + i, 'a');
      Sha256 own;
      own.update(as_bytes(text));
      const Digest expected = own.finish();
      start.arrive_and_wait();
      for (int round = 0; round < 5'000; ++round) {
        if (Digest::of(as_bytes(text)) != expected) ++wrong;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("digests are ordered or hashed by something else than their bytes") {
  Digest low;
  Digest high;
  low.bytes[0] = std::byte{0x7F};
  high.bytes[0] = std::byte{0x80};
  REQUIRE(low < high);
  REQUIRE(low != high);
  REQUIRE(low.to_string().substr(0, 4) == "7f00");
  std::unordered_set<Digest> set{low, high, low};
  REQUIRE(set.size() == 2);
  REQUIRE(set.contains(high));
}
