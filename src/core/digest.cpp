#include <deriva/core/digest.hpp>

#include <new>
#include <ostream>

#include <openssl/evp.h>

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

Digest Digest::of(BytesView value) {
  thread_local Sha256 hasher;
  hasher.update(value);
  return hasher.finish();
}

std::string Digest::to_string() const { return detail::to_hex(bytes); }

std::ostream& operator<<(std::ostream& out, const Digest& digest) { return out << digest.to_string(); }

std::array<std::byte, 32> sha512_256(BytesView bytes) {
  thread_local Sha512_256 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

}  // namespace deriva
