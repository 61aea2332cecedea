#include <deriva/storage/environment.hpp>

#include <fcntl.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "storage/data_file.hpp"
#include "storage/environment_impl.hpp"

namespace deriva {
namespace {

constinit std::atomic<std::uint64_t> forks{0};

/// The environments that are open in this process, by the identity of `data.mdb`. LMDB uses POSIX record locks, which a
/// process loses as soon as it closes any descriptor of the file: a second environment of the same file would silently
/// break the first, so there never is one. This is the one piece of state of the whole process.
class Registry {
 public:
  struct Key {
    std::uint64_t fork_generation = 0;  // what a child inherits is not its own
    detail::FileIdentity file;
    friend bool operator==(const Key&, const Key&) = default;
  };

  static Registry& instance() noexcept;

  std::mutex mutex;

  /// How often the process has been forked off from another one that had called this. Requires: `mutex` is locked.
  std::uint64_t count_forks() noexcept {
    if (!std::exchange(counting_, true)) (void)::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });
    return detail::fork_generation();
  }

  /// The environment, or null. One that is being closed at this moment is waited for.
  std::shared_ptr<Environment::Impl> find(std::unique_lock<std::mutex>& lock, const Key& key) {
    for (;;) {
      const auto found = std::ranges::find(open_, key, &Entry::key);
      if (found == open_.end()) return nullptr;
      if (auto impl = found->impl.lock()) return impl;
      const std::uint32_t before = closings_.load();
      lock.unlock();
      closings_.wait(before);
      lock.lock();
    }
  }

  std::shared_ptr<Environment::Impl> add(const Key& key, std::unique_ptr<Environment::Impl> impl) {
    Entry& entry = open_.emplace_back(Entry{key, {}});
    std::shared_ptr<Environment::Impl> shared(impl.release(), [this, key](Environment::Impl* last) {
      delete last;
      const std::lock_guard lock(mutex);
      std::erase_if(open_, [&](const Entry& one) { return one.key == key; });
      closings_.fetch_add(1);
      closings_.notify_all();
    });
    entry.impl = shared;
    return shared;
  }

 private:
  struct Entry {
    Key key;
    std::weak_ptr<Environment::Impl> impl;
  };

  bool counting_ = false;
  std::vector<Entry> open_;
  std::atomic<std::uint32_t> closings_{0};
};

/// Never destroyed, because environments may be closed by destructors of static objects.
union Everlasting {
  constexpr Everlasting() noexcept : registry() {}
  ~Everlasting() {}
  Registry registry;
};
constinit Everlasting everlasting;

Registry& Registry::instance() noexcept { return everlasting.registry; }

/// Finds `data.mdb`, creating it in a directory that has none yet.
Result<detail::FileIdentity> find_data_file(int directory, const std::filesystem::path& path, bool create,
                                            ::uid_t user) {
  Result<detail::FileIdentity> file = detail::check_own_file(directory, "data.mdb", user);
  if (file || file.error().code() != Errc::not_found) return file;
  if (detail::check_own_file(directory, "store.id")) {
    // Unless another process has just created both, in the other order.
    file = detail::check_own_file(directory, "data.mdb", user);
    if (file || file.error().code() != Errc::not_found) return file;
    return Error(Errc::corrupted, fmt::format("{} has a store.id, but data.mdb is missing", path.string()));
  }
  if (!create) return Error(Errc::not_found, fmt::format("there is no store in {}", path.string()));
  if (auto done = detail::create_data_file(directory, path); !done) return done.error();
  return detail::check_own_file(directory, "data.mdb");
}

/// The checks that LMDB does not make. Only with no environment of the file open in this process.
Result<void> check_files(int directory, ::uid_t user) {
  if (auto lock_file = detail::check_own_file(directory, "lock.mdb", user);
      !lock_file && lock_file.error().code() != Errc::not_found) {
    return lock_file.error();
  }
  const detail::FileDescriptor file = detail::open_at(directory, "data.mdb", O_RDONLY);
  if (!file.is_open()) return detail::system_error(errno, "opening data.mdb");
  return detail::check_data_file(file.get());
}

}  // namespace

namespace detail {

std::uint64_t fork_generation() noexcept { return forks.load(std::memory_order_relaxed); }

}  // namespace detail

Result<Environment> Environment::open(const std::filesystem::path& directory, EnvironmentOptions options) {
  const ::uid_t user = ::geteuid();
  Result<detail::FileDescriptor> opened =
      detail::open_directory(directory, options.create_if_missing, options.allow_network_file_system, user);
  if (!opened) return opened.error();

  std::shared_ptr<Impl> impl;  // outlives the lock: the last handle must not go while it is held
  Registry& registry = Registry::instance();
  std::unique_lock lock(registry.mutex);
  const auto file = find_data_file(opened->get(), directory, options.create_if_missing, user);
  if (!file) return file.error();
  const Registry::Key key{registry.count_forks(), *file};
  impl = registry.find(lock, key);
  if (impl != nullptr) {
    if (impl->options().durability == options.durability) return Environment(std::move(impl));
    return Error(Errc::invalid_argument,
                 fmt::format("{} is open in this process with another durability", directory.string()));
  }
  if (auto done = check_files(opened->get(), user); !done) return done.error();
  auto fresh = std::make_unique<Impl>(directory, std::move(options), std::move(*opened));
  if (auto done = fresh->open(*file); !done) return done.error();
  impl = registry.add(key, std::move(fresh));
  return Environment(impl);
}

Result<void> Environment::read_erased(FunctionRef<void(const ReadTransaction&)> operation) const {
  return impl_->read(operation);
}

Result<void> Environment::write_erased(FunctionRef<Result<void>(WriteTransaction&)> operation) {
  return impl_->write(operation);
}

Result<EnvironmentStats> Environment::stats() const { return impl_->stats(); }
Result<void> Environment::flush() { return impl_->flush(); }
const std::filesystem::path& Environment::directory() const noexcept { return impl_->path(); }
Durability Environment::durability() const noexcept { return impl_->options().durability; }

}  // namespace deriva
