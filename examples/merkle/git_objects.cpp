#include "git_objects.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <stdexcept>

#include <openssl/evp.h>

namespace merkle {
namespace {

/// SHA-1 of bytes that arrive in pieces. The context is reused: a new one for each object would cost more than hashing
/// a small file does.
class Sha1 {
 public:
  Sha1() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    if (algorithm == nullptr) throw std::runtime_error("OpenSSL provides no SHA-1");
    check(context_ != nullptr && EVP_DigestInit_ex2(context_.get(), algorithm, nullptr) == 1);
  }
  void update(deriva::BytesView bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }
  ObjectId finish() {
    ObjectId id;
    check(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(id.data()), nullptr) == 1);
    check(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1);
    return id;
  }

 private:
  static void check(bool succeeded) {
    if (!succeeded) throw std::bad_alloc();
  }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

ObjectId object_id(std::string_view type, deriva::BytesView content) {
  thread_local Sha1 sha1;
  std::string header(type);
  header += ' ';
  header += std::to_string(content.size());
  header += '\0';
  sha1.update(deriva::as_bytes(header));
  sha1.update(content);
  return sha1.finish();
}

}  // namespace

std::string_view to_string(Mode mode) noexcept {
  switch (mode) {
    case Mode::file:
      return "100644";
    case Mode::executable:
      return "100755";
    case Mode::symlink:
      return "120000";
    case Mode::directory:
      break;
  }
  return "40000";
}

ObjectId blob_id(deriva::BytesView content) { return object_id("blob", content); }

ObjectId tree_id(deriva::BytesView entries) { return object_id("tree", entries); }

void append_tree_entry(std::string& entries, std::string_view mode, std::string_view name, deriva::BytesView id) {
  entries += mode;
  entries += ' ';
  entries += name;
  entries += '\0';
  entries += deriva::as_text(id);
}

bool stands_before(std::string_view a, Mode a_mode, std::string_view b, Mode b_mode) noexcept {
  const std::size_t common = std::min(a.size(), b.size());
  const int order = a.substr(0, common).compare(b.substr(0, common));
  if (order != 0) return order < 0;
  const auto next = [common](std::string_view name, Mode mode) -> int {
    if (name.size() > common) return static_cast<unsigned char>(name[common]);
    return mode == Mode::directory ? '/' : -1;
  };
  return next(a, a_mode) < next(b, b_mode);
}

std::string to_hex(deriva::BytesView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<std::size_t>(byte >> 4U)];
    text += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

}  // namespace merkle
