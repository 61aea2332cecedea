#include "core/blob_loan.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace deriva::test {
namespace {

using detail::BlobLoan;

const std::string text(200, 'a');

/// Whether the bytes of a blob are still its own: were they freed, the next one of this size would get their place.
bool is_kept(const Blob& blob) {
  std::vector<Blob> next;
  for (int i = 0; i < 8; ++i) next.push_back(Blob::copy_of(std::string(text.size(), 'b')));
  return as_text(blob) == text;
}

TEST_CASE("blob loan: what is lent has other bytes, or takes them along when it goes") {
  const Blob owner = Blob::copy_of(text);
  {
    Blob lent = BlobLoan::of(owner);
    REQUIRE(lent.view().data() == owner.view().data());
    REQUIRE(lent == owner);
    Blob moved = std::move(lent);
    REQUIRE(moved == owner);
    REQUIRE(lent.empty());  // NOLINT(bugprone-use-after-move)
    Blob other;
    other.swap(moved);
    REQUIRE(other.size() == text.size());
  }
  REQUIRE(is_kept(owner));
}

TEST_CASE("blob loan: a copy of what is lent does not keep the bytes") {
  std::optional<Blob> owner = Blob::copy_of(text);
  std::optional<Blob> lent = BlobLoan::of(*owner);
  const Blob copy = *lent;
  const Blob loan_of_loan = BlobLoan::of(*lent);
  lent.reset();
  owner.reset();
  REQUIRE(is_kept(copy));
}

TEST_CASE("blob loan: a loan that has ended depends on its owner, or lets go of what was its own") {
  std::optional<Blob> owner = Blob::copy_of(text);
  std::vector<Blob> blobs{BlobLoan::of(*owner), Blob(*owner), Blob()};
  BlobLoan::end(blobs);
  BlobLoan::end(blobs);
  owner.reset();
  blobs.erase(blobs.begin() + 1);
  REQUIRE(is_kept(blobs.front()));
  REQUIRE(blobs.back().empty());
}

}  // namespace
}  // namespace deriva::test
