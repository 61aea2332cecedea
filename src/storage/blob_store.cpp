#include <deriva/storage/blob_store.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <deriva/storage/table.hpp>

#include "storage/blob_directory.hpp"
#include "storage/environment_impl.hpp"

namespace deriva {

struct BlobStore::Impl {
  Environment environment;
  BlobStoreOptions options;
  detail::BlobDirectory directory;
  Table<Digest, BytesView> small;      // the bytes
  Table<Digest, std::uint64_t> large;  // the size of the file
  Table<std::uint32_t, std::uint64_t> totals;

  Result<bool> link(WriteTransaction& transaction, const PreparedBlob& blob) const;
  Result<void> add_bytes(WriteTransaction& transaction, std::uint64_t bytes) const;
  [[nodiscard]] Result<void> mark_known(std::span<detail::BlobDirectory::Item> items) const;
};

namespace {

constexpr std::uint32_t total_bytes = 0;  // a key of `totals`

std::vector<Digest> digests_of(std::span<const BytesView> values) {
  std::vector<Digest> digests;
  digests.reserve(values.size());
  for (const BytesView value : values) digests.push_back(Digest::of(value));
  return digests;
}

}  // namespace

Result<BlobStore> BlobStore::open(Environment environment, BlobStoreOptions options) {
  Result<detail::BlobDirectory> directory =
      detail::BlobDirectory::open(environment.impl().directory(), options.sync_together_from);
  if (!directory) return directory.error();
  const auto small = Table<Digest, BytesView>::open(environment, "blobs");
  if (!small) return small.error();
  const auto large = Table<Digest, std::uint64_t>::open(environment, "blob_files");
  if (!large) return large.error();
  const auto totals = Table<std::uint32_t, std::uint64_t>::open(environment, "blob_totals");
  if (!totals) return totals.error();
  return BlobStore(std::make_shared<const Impl>(
      Impl{std::move(environment), options, std::move(*directory), *small, *large, *totals}));
}

Result<void> BlobStore::Impl::mark_known(std::span<detail::BlobDirectory::Item> items) const {
  return environment.read([&](const ReadTransaction& transaction) -> Result<void> {
    for (detail::BlobDirectory::Item& item : items) {
      const Result<bool> known = large.contains(transaction, item.digest);
      if (!known) return known.error();
      item.known = *known;
    }
    return {};
  });
}

Result<PreparedBlob> BlobStore::prepare(BytesView value) const { return prepare(value, Digest::of(value)); }

Result<PreparedBlob> BlobStore::prepare(BytesView value, const Digest& digest) const {
  if (value.size() <= impl_->options.inline_limit) return PreparedBlob{digest, value.size(), false, value};
  const auto prepared = prepare_many({&value, 1}, {&digest, 1});
  if (!prepared) return prepared.error();
  return prepared->front();
}

Result<std::vector<PreparedBlob>> BlobStore::prepare_many(std::span<const BytesView> values) const {
  return prepare_many(values, digests_of(values));
}

Result<std::vector<PreparedBlob>> BlobStore::prepare_many(std::span<const BytesView> values,
                                                          std::span<const Digest> digests) const {
  if (values.size() != digests.size()) {
    return Error(Errc::invalid_argument, fmt::format("{} values with {} digests", values.size(), digests.size()));
  }
  std::vector<PreparedBlob> prepared;
  prepared.reserve(values.size());
  std::vector<detail::BlobDirectory::Item> files;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool is_file = values[i].size() > impl_->options.inline_limit;
    prepared.push_back({digests[i], values[i].size(), is_file, is_file ? BytesView() : values[i]});
    if (is_file) files.push_back({digests[i], values[i]});
  }
  if (files.empty()) return prepared;
  if (auto done = impl_->mark_known(files); !done) return done.error();
  if (auto done = impl_->directory.write(files); !done) return done.error();
  return prepared;
}

Result<bool> BlobStore::Impl::link(WriteTransaction& transaction, const PreparedBlob& blob) const {
  if (blob.is_file) {
    const Result<bool> elsewhere = small.contains(transaction, blob.digest);
    if (!elsewhere || *elsewhere) return elsewhere ? Result<bool>(false) : elsewhere;
    return large.insert(transaction, blob.digest, blob.size);
  }
  const Result<bool> elsewhere = large.contains(transaction, blob.digest);
  if (!elsewhere || *elsewhere) return elsewhere ? Result<bool>(false) : elsewhere;
  return small.insert(transaction, blob.digest, blob.bytes);
}

Result<void> BlobStore::Impl::add_bytes(WriteTransaction& transaction, std::uint64_t bytes) const {
  if (bytes == 0) return {};
  const Result<std::optional<std::uint64_t>> before = totals.get(transaction, total_bytes);
  if (!before) return before.error();
  return totals.put(transaction, total_bytes, before->value_or(0) + bytes);
}

Result<bool> BlobStore::link(WriteTransaction& transaction, const PreparedBlob& blob) const {
  Result<bool> is_new = impl_->link(transaction, blob);
  if (!is_new || !*is_new) return is_new;
  if (auto added = impl_->add_bytes(transaction, blob.size); !added) return added.error();
  return true;
}

Result<void> BlobStore::link_many(WriteTransaction& transaction, std::span<const PreparedBlob> blobs) const {
  std::uint64_t bytes = 0;
  for (const PreparedBlob& blob : blobs) {
    const Result<bool> is_new = impl_->link(transaction, blob);
    if (!is_new) return is_new.error();
    if (*is_new) bytes += blob.size;
  }
  return impl_->add_bytes(transaction, bytes);
}

Result<std::uint64_t> BlobStore::bytes(const ReadTransaction& transaction) const {
  const Result<std::optional<std::uint64_t>> total = impl_->totals.get(transaction, total_bytes);
  if (!total) return total.error();
  return total->value_or(0);
}

Result<std::optional<std::uint64_t>> BlobStore::size(const ReadTransaction& transaction, const Digest& digest) const {
  const auto bytes = impl_->small.get(transaction, digest);
  if (!bytes) return bytes.error();
  if (*bytes) return std::optional<std::uint64_t>((*bytes)->size());
  return impl_->large.get(transaction, digest);
}

Result<bool> BlobStore::contains(const ReadTransaction& transaction, const Digest& digest) const {
  const auto found = size(transaction, digest);
  if (!found) return found.error();
  return found->has_value();
}

Result<std::uint64_t> BlobStore::count(const ReadTransaction& transaction) const {
  Result<std::uint64_t> small = impl_->small.size(transaction);
  if (!small) return small;
  Result<std::uint64_t> large = impl_->large.size(transaction);
  if (!large) return large;
  return *small + *large;
}

Result<std::optional<StoredBlob>> BlobStore::find(const ReadTransaction& transaction, const Digest& digest) const {
  const auto bytes = impl_->small.get(transaction, digest);
  if (!bytes) return bytes.error();
  if (*bytes) return std::optional(StoredBlob{digest, (*bytes)->size(), false, Blob::copy_of(**bytes)});
  const auto file_size = impl_->large.get(transaction, digest);
  if (!file_size) return file_size.error();
  if (!*file_size) return std::optional<StoredBlob>();
  return std::optional(StoredBlob{digest, **file_size, true, Blob()});
}

Result<Blob> BlobStore::load(StoredBlob stored) const {
  if (stored.is_file) return impl_->directory.read(stored.digest, stored.size);
  if (Digest::of(stored.bytes) == stored.digest) return std::move(stored.bytes);
  return Error(Errc::corrupted,
               fmt::format("value {} has other bytes in the database than were written", stored.digest.to_string()));
}

Result<std::optional<Blob>> BlobStore::read(const ReadTransaction& transaction, const Digest& digest) const {
  Result<std::optional<StoredBlob>> stored = find(transaction, digest);
  if (!stored) return stored.error();
  if (!*stored) return std::optional<Blob>();
  Result<Blob> blob = load(std::move(**stored));
  if (!blob) return blob.error();
  return std::optional<Blob>(std::move(*blob));
}

}  // namespace deriva
