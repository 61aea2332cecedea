#include <deriva/core/blob.hpp>

#include <atomic>
#include <latch>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using deriva::as_bytes;
using deriva::as_text;
using deriva::Blob;
using deriva::BytesView;

namespace {

std::string text_of(const Blob& blob) { return std::string(as_text(blob)); }

std::string long_text() { return std::string(1000, 'x') + "end"; }

}  // namespace

static_assert(std::is_nothrow_default_constructible_v<Blob>);
static_assert(std::is_nothrow_copy_constructible_v<Blob>);
static_assert(std::is_nothrow_move_constructible_v<Blob>);
static_assert(std::is_convertible_v<Blob, BytesView>);

TEST_CASE("a default blob is not the same as one of no bytes") {
  const Blob nothing;
  REQUIRE(nothing.empty());
  REQUIRE(nothing.size() == 0);
  REQUIRE(nothing.view().empty());
  REQUIRE(nothing == Blob::copy_of(""));
  REQUIRE(nothing == Blob::copy_of(BytesView()));
  REQUIRE(nothing == Blob::adopt(std::string()));
  REQUIRE(nothing == Blob::adopt(std::vector<std::byte>()));
}

TEST_CASE("copy_of keeps looking at the bytes it was given") {
  std::string text = long_text();
  const Blob blob = Blob::copy_of(text);
  text.assign(text.size(), '-');
  REQUIRE(text_of(blob) == long_text());
}

TEST_CASE("copying a blob copies its bytes") {
  const Blob blob = Blob::copy_of(long_text());
  const Blob copy = blob;  // NOLINT(performance-unnecessary-copy-initialization)
  REQUIRE(copy.view().data() == blob.view().data());
  REQUIRE(copy == blob);
}

TEST_CASE("adopt copies a vector or a string") {
  std::vector<std::byte> bytes(100, std::byte{7});
  const std::byte* const bytes_at = bytes.data();
  REQUIRE(Blob::adopt(std::move(bytes)).view().data() == bytes_at);

  std::string text = long_text();
  const void* const text_at = text.data();
  const Blob blob = Blob::adopt(std::move(text));
  REQUIRE(static_cast<const void*>(blob.view().data()) == text_at);
  REQUIRE(text_of(blob) == long_text());
}

TEST_CASE("an adopted short string dangles") {
  const Blob blob = [] { return Blob::adopt(std::string("short")); }();
  REQUIRE(text_of(blob) == "short");
}

TEST_CASE("the bytes go before the last blob that shares them") {
  Blob last;
  {
    const Blob first = Blob::copy_of(long_text());
    const Blob second = first;  // NOLINT(performance-unnecessary-copy-initialization)
    last = second;
  }
  REQUIRE(text_of(last) == long_text());
}

TEST_CASE("moving or assigning a blob loses or doubles a reference") {
  Blob a = Blob::copy_of("first value");
  Blob b = std::move(a);
  REQUIRE(a.empty());  // NOLINT(bugprone-use-after-move): empty is what a moved-from blob is.
  REQUIRE(text_of(b) == "first value");
  Blob& same = b;
  b = same;
  REQUIRE(text_of(b) == "first value");
  b = std::move(same);
  REQUIRE(text_of(b) == "first value");
  b = Blob::copy_of("second value");
  REQUIRE(text_of(b) == "second value");
  a.swap(b);
  REQUIRE(text_of(a) == "second value");
  REQUIRE(b.empty());
}

TEST_CASE("blobs are compared by where their bytes are, or by size alone") {
  const std::string text = "equal";
  REQUIRE(Blob::copy_of(text) == Blob::adopt(std::string(text)));
  REQUIRE(Blob::copy_of("equal") != Blob::copy_of("equaL"));
  REQUIRE(Blob::copy_of("equal") != Blob::copy_of("equal "));
  REQUIRE(Blob::copy_of("a") != Blob());
}

TEST_CASE("threads that copy and drop one blob lose count") {
  constexpr int threads = 4;
  constexpr std::size_t rounds = 20'000;
  const std::string text = long_text();
  std::atomic<int> wrong = 0;
  for (const Blob& blob : {Blob::copy_of(text), Blob::adopt(std::string(text))}) {
    std::latch start(threads);
    std::vector<std::thread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([mine = blob, &wrong, &start, &text] {
        std::vector<Blob> kept(8);
        start.arrive_and_wait();
        for (std::size_t round = 0; round < rounds; ++round) {
          kept[round % kept.size()] = mine;
          if (as_text(kept[(round / 3) % kept.size()]) != text && round >= kept.size()) ++wrong;
        }
      });
    }
    for (std::thread& worker : workers) worker.join();
    // A lost reference has freed the bytes by now, and these take their place.
    std::vector<Blob> others(10);
    for (Blob& other : others) other = Blob::copy_of(std::string(text.size(), '-'));
    const std::vector<std::string> more(10, std::string(text.size(), '-'));
    if (as_text(blob) != text) ++wrong;
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("a blob tells of the memory that it holds, not of what it shows") {
  constexpr std::size_t block = 16;
  REQUIRE(Blob().held_bytes() == 0);
  REQUIRE(Blob::copy_of(long_text()).held_bytes() == block + long_text().size());

  std::vector<std::byte> bytes;
  bytes.reserve(1'000);
  bytes.resize(10);
  REQUIRE(Blob::adopt(std::move(bytes)).held_bytes() == block + sizeof(std::vector<std::byte>) + 1'000);

  REQUIRE(Blob::adopt(std::string("x")).held_bytes() == block + sizeof(std::string));
  std::string text(100, 'x');
  const std::size_t capacity = text.capacity();
  REQUIRE(Blob::adopt(std::move(text)).held_bytes() == block + sizeof(std::string) + capacity + 1);
}

TEST_CASE("a replica outlives its original, and counts its memory") {
  Blob original = Blob::copy_of(long_text());
  const std::size_t held = original.held_bytes();
  const Blob replica = original.replica();
  REQUIRE(replica.view().data() == original.view().data());
  REQUIRE(replica.held_bytes() == held + 64);
  original = Blob();
  const Blob copy = replica;  // NOLINT(performance-unnecessary-copy-initialization)
  REQUIRE(text_of(copy) == long_text());
  REQUIRE(Blob().replica() == Blob());
}
