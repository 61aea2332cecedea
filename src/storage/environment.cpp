#include <deriva/storage/environment.hpp>

#include <fcntl.h>
#include <pthread.h>

#include <condition_variable>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "storage/data_file.hpp"
#include "storage/environment_impl.hpp"

namespace deriva {
namespace {

/// The environments that are open in this process, by the identity of `data.mdb`. LMDB uses POSIX record locks, which a
/// process loses as soon as it closes any descriptor of the file: a second environment of the same file would silently
/// break the first, so there never is one. This is the one piece of state of the whole process; it is never destroyed,
/// because environments may be closed by destructors of static objects.
class Registry {
 public:
  struct Key {
    std::uint64_t fork_generation = 0;  // what a child inherits is not its own
    detail::FileIdentity file;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  static Registry& instance() {
    static Registry& registry = *new Registry;
    return registry;
  }

  std::mutex mutex;

  /// The environment, or null. One that is being closed at this moment is waited for.
  std::shared_ptr<Environment::Impl> find(std::unique_lock<std::mutex>& lock, const Key& key) {
    for (;;) {
      const auto found = open_.find(key);
      if (found == open_.end()) return nullptr;
      if (auto impl = found->second.lock()) return impl;
      closed_.wait(lock);
    }
  }

  std::shared_ptr<Environment::Impl> add(const Key& key, std::unique_ptr<Environment::Impl> impl) {
    std::weak_ptr<Environment::Impl>& entry = open_[key];
    std::shared_ptr<Environment::Impl> shared(impl.release(), [this, key](Environment::Impl* last) {
      delete last;
      const std::lock_guard lock(mutex);
      open_.erase(key);
      closed_.notify_all();
    });
    entry = shared;
    return shared;
  }

 private:
  Registry() = default;

  std::map<Key, std::weak_ptr<Environment::Impl>> open_;
  std::condition_variable closed_;
};

/// Finds `data.mdb`, creating it in a directory that has none yet.
Result<detail::FileIdentity> find_data_file(int directory, const std::filesystem::path& path, bool create,
                                            ::uid_t user) {
  Result<detail::FileIdentity> file = detail::check_own_file(directory, "data.mdb", user);
  if (file || file.error().code() != Errc::not_found) return file;
  if (detail::check_own_file(directory, "store.id")) {
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

std::uint64_t fork_generation() noexcept {
  static constinit std::atomic<std::uint64_t> forks{0};
  static const int registered = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });
  (void)registered;
  return forks.load(std::memory_order_relaxed);
}

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
  const Registry::Key key{detail::fork_generation(), *file};
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
