// OpenSSL 3 marks the algorithms themselves as deprecated in favor of EVP, and keeps them; see `Digest::of`.
#define OPENSSL_API_COMPAT 0x10100000L

#include <deriva/core/digest.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <ostream>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <deriva/core/error.hpp>

#include "core/hex.hpp"

namespace deriva {
namespace {

/// Fetched once and kept until the process ends: fetching for every digest costs three times as much as hashing 64
/// bytes does.
const EVP_MD* fetch(const char* name) {
  const EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  if (algorithm == nullptr) throw Exception(Error(Errc::unsupported, std::string("OpenSSL provides no ") + name));
  return algorithm;
}

const EVP_MD* sha256() {
  static const EVP_MD* const algorithm = fetch("SHA2-256");
  return algorithm;
}

const EVP_MD* sha512_256_algorithm() {
  static const EVP_MD* const algorithm = fetch("SHA2-512/256");
  return algorithm;
}

/// OpenSSL's digests fail for lack of memory only.
void check(int openssl_result) {
  if (openssl_result != 1) throw std::bad_alloc();
}

}  // namespace

namespace detail {

void HashContext::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

HashContext::HashContext(const evp_md_st* algorithm) : context_(EVP_MD_CTX_new()) {
  check(context_ != nullptr ? 1 : 0);
  check(EVP_DigestInit_ex2(context_.get(), algorithm, nullptr));
}

void HashContext::update(BytesView bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }

std::array<std::byte, 32> HashContext::finish() {
  std::array<std::byte, 32> digest;
  unsigned int size = 0;
  check(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(digest.data()), &size));
  check(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr));
  return digest;
}

}  // namespace detail

Sha256::Sha256() : context_(sha256()) {}

Sha512_256::Sha512_256() : context_(sha512_256_algorithm()) {}

// Bytes that are all there are hashed without EVP, which takes 35 ns more per digest, and registers all that OpenSSL
// has with the first digest of a process: milliseconds in which a stored value could have been there (executor.null).

Digest Digest::of(BytesView value) {
  SHA256_CTX context;
  Digest digest;
  SHA256_Init(&context);
  SHA256_Update(&context, value.data(), value.size());
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.bytes.data()), &context);
  return digest;
}

std::string Digest::to_string() const { return detail::to_hex(bytes); }

std::ostream& operator<<(std::ostream& out, const Digest& digest) { return out << digest.to_string(); }

/// SHA-512 from another start, cut off (FIPS 180-4, sections 5.3.6.2 and 6.7).
std::array<std::byte, 32> sha512_256(BytesView bytes) {
  SHA512_CTX context;
  SHA512_Init(&context);
  constexpr std::array<std::uint64_t, 8> start{0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151,
                                               0x963877195940eabd, 0x96283ee2a88effe3, 0xbe5e1e2553863992,
                                               0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2};
  std::copy(start.begin(), start.end(), context.h);
  SHA512_Update(&context, bytes.data(), bytes.size());
  std::array<unsigned char, SHA512_DIGEST_LENGTH> whole;
  SHA512_Final(whole.data(), &context);
  std::array<std::byte, 32> digest;
  std::memcpy(digest.data(), whole.data(), digest.size());
  return digest;
}

}  // namespace deriva
