// Opening, creating and identifying an environment; docs/storage-format.md describes the files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "storage/environment_impl.hpp"
#include "storage/lmdb_error.hpp"
#include "storage/temporary_file.hpp"

namespace deriva {
namespace {

constexpr const char* meta_table = "meta";
constexpr std::string_view format_key = "format";
constexpr std::string_view id_key = "id";
constexpr std::uint64_t creation_transaction = 1;
constexpr std::uint64_t smallest_map = std::uint64_t{1} << 20U;

using StoreId = Environment::Impl::StoreId;

MDB_val value_of(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

struct CloseEnvironment {
  void operator()(MDB_env* native) const noexcept { mdb_env_close(native); }
};
using NativePointer = std::unique_ptr<MDB_env, CloseEnvironment>;

/// Writes the identity of a new store in the transaction that creates it.
int put_identity(MDB_env* native, const StoreId& id) {
  MDB_txn* transaction = nullptr;
  if (const int failed = mdb_txn_begin(native, nullptr, 0, &transaction)) return failed;
  MDB_dbi meta = 0;
  const std::uint32_t format = detail::storage_format;
  MDB_val format_name = value_of(format_key);
  MDB_val format_value{sizeof(format), const_cast<std::uint32_t*>(&format)};
  MDB_val id_name = value_of(id_key);
  MDB_val id_value{id.size(), const_cast<std::byte*>(id.data())};
  int failed = mdb_dbi_open(transaction, meta_table, MDB_CREATE, &meta);
  if (failed == 0) failed = mdb_put(transaction, meta, &format_name, &format_value, 0);
  if (failed == 0) failed = mdb_put(transaction, meta, &id_name, &id_value, 0);
  if (failed == 0) return mdb_txn_commit(transaction);
  mdb_txn_abort(transaction);
  return failed;
}

/// A complete data file with the identity in it, flushed.
int build_data_file(const std::string& path, const StoreId& id) {
  MDB_env* native = nullptr;
  if (const int failed = mdb_env_create(&native)) return failed;
  const NativePointer owner(native);
  int failed = mdb_env_set_mapsize(native, smallest_map);
  if (failed == 0) failed = mdb_env_set_maxdbs(native, 1);
  if (failed == 0) failed = mdb_env_open(native, path.c_str(), MDB_NOSUBDIR | MDB_NOLOCK, 0600);
  return failed != 0 ? failed : put_identity(native, id);
}

/// The content of store.id, none if it does not exist.
Result<std::optional<std::string>> read_identity_file(int directory) {
  const detail::FileDescriptor file = detail::open_at(directory, "store.id", O_RDONLY);
  if (!file.is_open()) {
    if (errno == ENOENT) return std::optional<std::string>();
    return detail::system_error(errno, "opening store.id");
  }
  std::string text(64, '\0');
  const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);  // all there is: nobody writes to the file
  if (got < 0) return detail::system_error(errno, "reading store.id");
  text.resize(static_cast<std::size_t>(got));
  return std::optional<std::string>(std::move(text));
}

/// Gives a finished file its name unless that is taken, and makes the name durable.
Result<void> publish(int directory, const detail::TemporaryFile& file, const char* name) {
  if (auto done = file.link_as(directory, name); !done) return done;
  if (const int unsynced = detail::sync_file(directory); unsynced != 0) {
    return detail::system_error(unsynced, "flushing the directory of the store");
  }
  return {};
}

Result<void> write_identity_file(int directory, const std::string& text) {
  const Result<detail::FileDescriptor> tmp = detail::open_subdirectory(directory, "tmp");
  if (!tmp) return tmp.error();
  const Result<detail::TemporaryFile> file = detail::TemporaryFile::create(tmp->get());
  if (!file) return file.error();
  int failed = detail::write_all(file->get(), as_bytes(text));
  if (failed == 0) failed = detail::sync_file(file->get());
  if (failed != 0) return detail::system_error(failed, "writing store.id");
  return publish(directory, *file, "store.id");
}

/// Ends a read transaction in the way that keeps the tables opened in it.
struct CommitRead {
  void operator()(MDB_txn* transaction) const noexcept { (void)mdb_txn_commit(transaction); }
};

struct Identity {
  std::uint32_t format = 0;
  StoreId id{};
  std::uint64_t transaction = 0;
};

Result<Identity> read_identity(MDB_env* native) {
  MDB_txn* transaction = nullptr;
  if (const int failed = mdb_txn_begin(native, nullptr, MDB_RDONLY, &transaction)) {
    return detail::lmdb_error(failed, "reading the identity of the store");
  }
  const std::unique_ptr<MDB_txn, CommitRead> owner(transaction);
  Identity identity;
  identity.transaction = mdb_txn_id(transaction);
  MDB_dbi meta = 0;
  int failed = mdb_dbi_open(transaction, meta_table, 0, &meta);
  const auto fetch = [&](std::string_view name, void* out, std::size_t size) {
    MDB_val key = value_of(name);
    MDB_val value{};
    if (failed == 0) failed = mdb_get(transaction, meta, &key, &value);
    if (failed == 0 && value.mv_size != size) failed = MDB_INCOMPATIBLE;
    if (failed == 0) std::memcpy(out, value.mv_data, size);
  };
  fetch(format_key, &identity.format, sizeof(identity.format));
  fetch(id_key, identity.id.data(), identity.id.size());
  if (failed == MDB_NOTFOUND || failed == MDB_INCOMPATIBLE) {
    return Error(Errc::format_mismatch, "data.mdb is an LMDB file, but not one of this library");
  }
  if (failed != 0) return detail::lmdb_error(failed, "reading the identity of the store");
  return identity;
}

}  // namespace

namespace detail {

namespace {

std::string descriptor_path(int directory) { return "/proc/self/fd/" + std::to_string(directory); }

}  // namespace

std::string lmdb_path(int directory, const std::filesystem::path& path) {
  std::string by_descriptor = descriptor_path(directory);
  struct stat named {};
  struct stat opened {};
  const bool same = ::stat(by_descriptor.c_str(), &named) == 0 && ::fstat(directory, &opened) == 0 &&
                    named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
  return same ? by_descriptor : path.string();
}

Result<void> create_data_file(int directory, const std::filesystem::path& path) {
  const Result<FileDescriptor> tmp = open_subdirectory(directory, "tmp");
  if (!tmp) return tmp.error();
  StoreId id{};
  if (auto done = random_bytes(id); !done) return done.error();
  const Result<TemporaryFile> file = TemporaryFile::create(tmp->get());
  if (!file) return file.error();
  if (const int failed = build_data_file(fmt::format("{}/tmp/{}", lmdb_path(directory, path), file->name()), id)) {
    return lmdb_error(failed, fmt::format("creating data.mdb in {}", path.string()));
  }
  return publish(directory, *file, "data.mdb");
}

}  // namespace detail

Environment::Impl::Impl(std::filesystem::path path, EnvironmentOptions options, detail::FileDescriptor directory)
    : path_(std::move(path)),
      options_(std::move(options)),
      directory_(std::move(directory)),
      fork_generation_(detail::fork_generation()),
      readers_(std::max<std::uint32_t>(options_.max_readers, 512)),
      queue_(std::max<std::uint32_t>(options_.max_group, 1)) {
  options_.max_readers = std::max<std::uint32_t>(options_.max_readers, 512);
}

Environment::Impl::~Impl() {
  // What a child inherited belongs to its parent: LMDB must not be called, not even to close it.
  if (native_ == nullptr || detail::fork_generation() != fork_generation_) return;
  readers_.for_each([](detail::ReaderPool::Place& place) { mdb_txn_abort(place.transaction); });
  mdb_env_close(native_);
}

Result<void> Environment::Impl::open(const detail::FileIdentity& file) {
  if constexpr (std::endian::native != std::endian::little) {
    return Error(Errc::unsupported, "the files of a store are little-endian, this machine is not");
  }
  file_ = file;
  Result<MDB_env*> native = open_native();
  if (!native) return native.error();
  native_ = *native;
  return check_identity();
}

Result<MDB_env*> Environment::Impl::open_native() {
  // What LMDB opened is looked at afterwards, so that this path needs no check.
  std::string path = detail::descriptor_path(directory_.get());
  bool by_descriptor = true;
  unsigned int flags = MDB_NOTLS;
  if (options_.durability == Durability::relaxed) flags |= MDB_NOMETASYNC;
  for (std::uint64_t map_bytes = std::max(options_.map_bytes, smallest_map);;) {
    MDB_env* native = nullptr;
    if (const int failed = mdb_env_create(&native)) return detail::lmdb_error(failed, "opening the store");
    NativePointer owner(native);
    int failed = mdb_env_set_mapsize(native, map_bytes);
    if (failed == 0) failed = mdb_env_set_maxdbs(native, options_.max_tables + 1);
    if (failed == 0) failed = mdb_env_set_maxreaders(native, options_.max_readers);
    if (failed == 0) failed = mdb_env_open(native, path.c_str(), flags, 0600);
    if ((failed == ENOMEM || failed == EINVAL) && map_bytes / 2 >= smallest_map) {
      map_bytes /= 2;
      continue;
    }
    if (failed == ENOENT && std::exchange(by_descriptor, false)) {  // no /proc
      path = path_.string();
      continue;
    }
    if (failed != 0) return detail::lmdb_error(failed, fmt::format("opening {}", path_.string()));
    if (auto done = check_descriptor(native); !done) return done.error();
    return owner.release();
  }
}

Result<void> Environment::Impl::check_descriptor(MDB_env* native) const {
  int descriptor = -1;
  (void)mdb_env_get_fd(native, &descriptor);
  struct stat status {};
  // LMDB sets close-on-exec for its other files, not for this one.
  if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0 || ::fstat(descriptor, &status) != 0) {
    return detail::system_error(errno, "looking at data.mdb");
  }
  if (detail::FileIdentity{status.st_dev, status.st_ino} == file_) return {};
  return Error(Errc::permission_denied, "data.mdb was replaced while it was being opened");
}

Result<void> Environment::Impl::check_identity() {
  const Result<Identity> identity = read_identity(native_);
  if (!identity) return identity.error();
  if (identity->format != detail::storage_format) {
    return Error(Errc::format_mismatch, fmt::format("{} is in storage format {}; this library reads format {}",
                                                    path_.string(), identity->format, detail::storage_format));
  }
  id_ = identity->id;
  return check_identity_file(identity->transaction == creation_transaction);
}

/// `fresh`: nothing was written since the creation, so that store.id may be missing because that was interrupted.
Result<void> Environment::Impl::check_identity_file(bool fresh) const {
  const std::string expected = detail::to_hex(id_) + '\n';
  Result<std::optional<std::string>> text = read_identity_file(directory_.get());
  if (text && !*text && fresh) {
    if (auto done = write_identity_file(directory_.get(), expected); !done) return done.error();
  }
  // Again also when not fresh: who created the store wrote the file before the next transaction.
  if (text && !*text) text = read_identity_file(directory_.get());
  if (!text) return text.error();
  if (!*text) return Error(Errc::corrupted, fmt::format("store.id is missing in {}", path_.string()));
  if (**text != expected) {
    return Error(Errc::corrupted, fmt::format("store.id and data.mdb in {} are of different stores", path_.string()));
  }
  return {};
}

}  // namespace deriva
