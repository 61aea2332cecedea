#include <deriva/core/error.hpp>

#include <array>
#include <limits>
#include <ostream>
#include <utility>

#include <boost/throw_exception.hpp>

#include <deriva/core/address.hpp>
#include <deriva/core/recipe.hpp>

#include "core/hex.hpp"

namespace deriva {

struct Error::Detail {
  std::string text;  ///< As given.
  std::optional<Address> address;
  std::optional<FunctionId> function;
  std::optional<std::uint64_t> offset;
  std::vector<std::byte> path;
  std::size_t key_size = 0;
  std::string note;
  std::string message;  ///< The text with all the rest.

  [[nodiscard]] std::string compose(Errc code) const;
};

namespace {

struct Words {
  std::string_view name;
  std::string_view sentence;
};

Words words_of(Errc code) noexcept {
  switch (code) {
    case Errc::not_found:
      return {"not_found", "nothing is known by this address"};
    case Errc::function_not_found:
      return {"function_not_found", "no such function is registered"};
    case Errc::function_failed:
      return {"function_failed", "the function failed"};
    case Errc::cycle:
      return {"cycle", "something would depend on itself"};
    case Errc::not_deterministic:
      return {"not_deterministic", "two executions gave different values"};
    case Errc::cancelled:
      return {"cancelled", "cancelled before the value was there"};
    case Errc::deadline_exceeded:
      return {"deadline_exceeded", "the deadline passed before the value was there"};
    case Errc::over_budget:
      return {"over_budget", "a single step needs more memory than the budget allows"};
    case Errc::invalid_argument:
      return {"invalid_argument", "a documented requirement was not met"};
    case Errc::malformed:
      return {"malformed", "not a canonical encoding"};
    case Errc::corrupted:
      return {"corrupted", "stored bytes are not what was written"};
    case Errc::disk_full:
      return {"disk_full", "no space left on the file system"};
    case Errc::io_error:
      return {"io_error", "the operating system refused a read or a write"};
    case Errc::format_mismatch:
      return {"format_mismatch", "the store has a format that this version does not read"};
    case Errc::locked:
      return {"locked", "held by someone else"};
    case Errc::permission_denied:
      return {"permission_denied", "access was refused"};
    case Errc::unsupported:
      return {"unsupported", "the platform cannot give what is needed"};
  }
  if (code == Errc{}) return {"none", "no error"};
  return {"unknown", "an unknown error"};
}

/// The sentences as strings that live as long as the process, for errors that have nothing else to say.
const std::string& sentence_of(Errc code) noexcept {
  constexpr std::size_t codes = static_cast<std::size_t>(Errc::unsupported) + 2;  // None, all, and an unknown one.
  static const auto sentences = [] {
    std::array<std::string, codes> all;
    for (std::size_t i = 0; i < codes; ++i) all[i] = words_of(static_cast<Errc>(i)).sentence;
    return all;
  }();
  const auto index = static_cast<std::size_t>(code);
  return sentences[index < codes ? index : codes - 1];
}

class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "deriva"; }
  [[nodiscard]] std::string message(int value) const override {
    using Number = std::underlying_type_t<Errc>;
    return sentence_of(static_cast<Errc>(std::in_range<Number>(value) ? value : std::numeric_limits<Number>::max()));
  }
};

/// The keys of a cycle of addresses; keys of another size have no known notation.
std::string path_text(std::span<const std::byte> path, std::size_t key_size) {
  constexpr std::size_t most_keys = 16;
  std::string text;
  if (key_size != Address::size_bytes) return text;
  const std::size_t keys = path.size() / key_size;
  for (std::size_t i = 0; i < keys; ++i) {
    if (i == most_keys) return text + " -> ... (" + std::to_string(keys) + " in all)";
    text += (i == 0 ? ": " : " -> ") + detail::to_hex(path.subspan(i * key_size, key_size));
  }
  return text;
}

}  // namespace

std::string Error::Detail::compose(Errc code) const {
  const std::string name = function ? function->name + '/' + function->version : std::string();
  std::string known;
  const auto add = [&known](std::string_view what, const std::string& which) {
    known.append(known.empty() ? " (" : ", ").append(what).append(" ").append(which);
  };
  std::string result = text.empty() ? std::string(words_of(code).sentence) : text;
  if (function && code == Errc::function_failed) {
    result = "function " + name + " failed" + (text.empty() ? "" : ": ") + text;
  } else if (function) {
    add("function", name);
  }
  if (address) add(function ? "recipe" : "address", address->to_string());
  if (offset) add("offset", std::to_string(*offset));
  if (!known.empty()) known += ')';
  return result + known + path_text(path, key_size) + note;
}

std::string_view to_string(Errc code) noexcept { return words_of(code).name; }

std::ostream& operator<<(std::ostream& out, Errc code) { return out << to_string(code); }

const boost::system::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), error_category()}; }

Error::Error(Errc code, std::string message) : code_(code) {
  Detail detail;
  detail.text = std::move(message);
  *this = Error(code, std::move(detail));
}

Error::Error(Errc code, Detail&& detail) : code_(code) {
  detail.message = detail.compose(code);
  detail_ = std::make_shared<const Detail>(std::move(detail));
}

const std::string& Error::message() const noexcept { return detail_ ? detail_->message : sentence_of(code_); }

const Address* Error::address() const noexcept { return detail_ && detail_->address ? &*detail_->address : nullptr; }

const FunctionId* Error::function() const noexcept {
  return detail_ && detail_->function ? &*detail_->function : nullptr;
}

std::optional<std::uint64_t> Error::offset() const noexcept { return detail_ ? detail_->offset : std::nullopt; }

std::span<const std::byte> Error::path_bytes(std::size_t key_size) const noexcept {
  if (!detail_ || detail_->key_size != key_size) return {};
  return detail_->path;
}

Error::Detail Error::copy_detail() const { return detail_ ? *detail_ : Detail(); }

Error Error::with_detail(Detail&& detail) const { return Error(code_, std::move(detail)).with_class(class_); }

Error Error::with_address(const Address& address) const {
  Detail detail = copy_detail();
  detail.address = address;
  return with_detail(std::move(detail));
}

Error Error::with_function(const FunctionId& function) const {
  Detail detail = copy_detail();
  detail.function = function;
  return with_detail(std::move(detail));
}

Error Error::with_offset(std::uint64_t offset) const {
  Detail detail = copy_detail();
  detail.offset = offset;
  return with_detail(std::move(detail));
}

Error Error::with_note(std::string note) const {
  Detail detail = copy_detail();
  detail.note = std::move(note);
  return with_detail(std::move(detail));
}

Error Error::with_path_bytes(std::span<const std::byte> bytes, std::size_t key_size) const {
  Detail detail = copy_detail();
  detail.path.assign(bytes.begin(), bytes.end());
  detail.key_size = key_size;
  return with_detail(std::move(detail));
}

std::ostream& operator<<(std::ostream& out, const Error& error) {
  return out << error.code() << ": " << error.message();
}

Exception::Exception(Error error)
    : error_(std::move(error)),
      what_(std::make_shared<const std::string>(std::string(to_string(error_.code())) + ": " + error_.message())) {}

const char* Exception::what() const noexcept { return what_->c_str(); }

void throw_exception_from_error(const Error& error, const boost::source_location& location) {
  boost::throw_with_location(Exception(error), location);
}

}  // namespace deriva
