#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include <deriva/compute/context.hpp>
#include <deriva/core/blob.hpp>
#include <deriva/core/error.hpp>
#include <deriva/core/params.hpp>

namespace deriva {

/// A plain function that is also given its `Context`: `(std::span<const Blob>, const Params&, Context&)`. It is asked
/// to stop when nobody waits for it any more, or its time is over.
// clang-format off
template <class Callable>
concept PlainFunctionWithContext =
    std::invocable<const Callable&, std::span<const Blob>, const Params&, Context&> &&
    std::convertible_to<std::invoke_result_t<const Callable&, std::span<const Blob>, const Params&, Context&>,
                        Result<Blob>>;

/// A callable that computes a value on the thread that calls it: `(std::span<const Blob>, const Params&)` to `Blob` or
/// `Result<Blob>`, and a `Context&` if it likes. It may throw anything, and is called from several threads at once. The
/// inputs and the params live until it returns; of an input it may keep a copy.
template <class Callable>
concept PlainFunction = PlainFunctionWithContext<Callable> ||
    (std::invocable<const Callable&, std::span<const Blob>, const Params&> &&
     std::convertible_to<std::invoke_result_t<const Callable&, std::span<const Blob>, const Params&>, Result<Blob>>);
// clang-format on

/// A callable that computes a value as a coroutine: `(std::vector<Blob>, Params, Context&)` to
/// `boost::asio::awaitable` of `Blob` or `Result<Blob>`. It may throw anything, and is called from several threads.
template <class Callable>
concept CoroutineFunction = std::invocable<const Callable&, std::vector<Blob>, Params, Context&> &&
                            (std::same_as<std::invoke_result_t<const Callable&, std::vector<Blob>, Params, Context&>,
                                          boost::asio::awaitable<Blob>> ||
                             std::same_as<std::invoke_result_t<const Callable&, std::vector<Blob>, Params, Context&>,
                                          boost::asio::awaitable<Result<Blob>>>);

/// What an executor has to know of a function to run it.
struct FunctionOptions {
  /// A limit that it takes a place of while it runs, and only then; see `ExecutorOptions::resources`. Empty: none.
  std::string resource{};
  /// It waits more than it computes (for a file, a process, a lock): it runs apart from the others, who go on.
  /// Of plain functions; a coroutine is suspended instead.
  bool blocking = false;
  /// How long it may take, from its call on, before it fails with `Errc::deadline_exceeded` and is asked to stop. 0: as
  /// long as it likes. A coroutine function fails at once; a plain one when it returns, whatever it returns.
  std::chrono::nanoseconds timeout{0};
};

/// A plain or a coroutine function, or none; what a registry finds. Copies share the callable, which lives as long as
/// any of them. Thread safety: as `std::shared_ptr<const T>`.
class Function {
 public:
  Function() noexcept = default;

  template <PlainFunction Callable>
  [[nodiscard]] static Function plain(Callable callable) {
    return Function(std::make_shared<const Plain<Callable>>(std::move(callable)));
  }
  template <CoroutineFunction Callable>
  [[nodiscard]] static Function coroutine(Callable callable) {
    return Function(std::make_shared<const Coroutine<Callable>>(std::move(callable)));
  }

  /// The same callable under other options.
  [[nodiscard]] Function with(FunctionOptions options) const {
    Function copy = *this;
    copy.options_ = std::make_shared<const FunctionOptions>(std::move(options));
    return copy;
  }
  [[nodiscard]] const FunctionOptions& options() const noexcept {
    static const FunctionOptions defaults;
    return options_ ? *options_ : defaults;
  }

  [[nodiscard]] explicit operator bool() const noexcept { return body_ != nullptr; }
  [[nodiscard]] bool is_coroutine() const noexcept { return body_ != nullptr && body_->kind == Kind::coroutine; }
  /// Whether it can be asked to stop: a coroutine function, or a plain one that takes a `Context`.
  [[nodiscard]] bool takes_context() const noexcept { return body_ != nullptr && body_->kind != Kind::plain; }

  /// Runs a plain function. Errors: the function's; throws what it throws. Requires: a plain function; a context if it
  /// takes one.
  [[nodiscard]] Result<Blob> call(std::span<const Blob> inputs, const Params& params,
                                  Context* context = nullptr) const {
    return body_->call(*body_, inputs, params, context);
  }
  /// What a coroutine function gives its caller to await.
  using Started = std::variant<boost::asio::awaitable<Result<Blob>>, boost::asio::awaitable<Blob>>;
  /// Starts a coroutine function. Requires: a coroutine function; this object and `context` outlive the coroutine.
  [[nodiscard]] boost::asio::awaitable<Result<Blob>> call(std::vector<Blob> inputs, Params params,
                                                          Context& context) const {
    Started started = start(std::move(inputs), std::move(params), context);
    if (auto* plain = std::get_if<boost::asio::awaitable<Blob>>(&started)) co_return co_await std::move(*plain);
    co_return co_await std::get<boost::asio::awaitable<Result<Blob>>>(std::move(started));
  }
  /// The same without a coroutine of its own around that of the function; throws what the callable throws.
  [[nodiscard]] Started start(std::vector<Blob> inputs, Params params, Context& context) const {
    return body_->start(*body_, std::move(inputs), std::move(params), context);
  }

 private:
  enum class Kind : std::uint8_t { plain, with_context, coroutine };

  /// What is known of the callable without its type. `call` and `start` are called with this object.
  struct Body {
    Body(const Body&) = delete;
    Body& operator=(const Body&) = delete;

    const Kind kind;
    Result<Blob> (*const call)(const Body&, std::span<const Blob>, const Params&, Context*);
    Started (*const start)(const Body&, std::vector<Blob>, Params, Context&);

   protected:
    Body(Kind of, decltype(call) plain, decltype(start) coroutine) noexcept : kind(of), call(plain), start(coroutine) {}
    ~Body() = default;  // As what it is: whoever holds it was given a `Plain` or a `Coroutine`.
  };

  template <class Callable>
  struct Plain final : Body {
    static constexpr bool with_context = PlainFunctionWithContext<Callable>;
    explicit Plain(Callable callable)
        : Body(with_context ? Kind::with_context : Kind::plain, &run, &no_coroutine), callable_(std::move(callable)) {}
    static Result<Blob> run(const Body& body, std::span<const Blob> inputs, const Params& params,
                            [[maybe_unused]] Context* context) {
      const Callable& callable = static_cast<const Plain&>(body).callable_;
      if constexpr (with_context) {
        if (context == nullptr) return Error(Errc::invalid_argument, "the function was called without a context");
        return callable(inputs, params, *context);
      } else {
        return callable(inputs, params);
      }
    }
    Callable callable_;
  };

  template <class Callable>
  struct Coroutine final : Body {
    explicit Coroutine(Callable callable)
        : Body(Kind::coroutine, &no_plain_function, &run), callable_(std::move(callable)) {}
    static Started run(const Body& body, std::vector<Blob> inputs, Params params, Context& context) {
      return static_cast<const Coroutine&>(body).callable_(std::move(inputs), std::move(params), context);
    }
    Callable callable_;
  };

  static Result<Blob> no_plain_function(const Body&, std::span<const Blob>, const Params&, Context*) {
    return Error(Errc::invalid_argument, "a coroutine function was called as a plain one");
  }
  // NOLINTNEXTLINE(performance-unnecessary-value-param): as that of a coroutine function.
  static Started no_coroutine(const Body&, std::vector<Blob>, Params, Context&) { return refused(); }
  static boost::asio::awaitable<Result<Blob>> refused() {
    co_return Error(Errc::invalid_argument, "a plain function was called as a coroutine");
  }

  explicit Function(std::shared_ptr<const Body> body) noexcept : body_(std::move(body)) {}
  std::shared_ptr<const Body> body_;
  std::shared_ptr<const FunctionOptions> options_;  ///< Null: the defaults.
};

}  // namespace deriva
