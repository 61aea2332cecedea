#include <deriva/store/store.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <deriva/core/digest.hpp>
#include <deriva/storage/table.hpp>

namespace deriva {
namespace {

/// A result on disk; docs/storage-format.md, "Results". Little-endian, like all that an environment holds.
struct StoredResult {
  std::array<std::byte, 32> digest;
  std::uint64_t size;
  std::int64_t compute_ns;
  std::int64_t computed_at_ns;
};
static_assert(sizeof(StoredResult) == 56 && std::has_unique_object_representations_v<StoredResult>);

StoredResult pack(const ComputedResult& result, const PreparedBlob& blob) {
  return {blob.digest.bytes, blob.size, result.compute_time.count(), result.computed_at.time_since_epoch().count()};
}

ResultRecord unpack(const StoredResult& stored) {
  return {Digest{stored.digest}, stored.size, std::chrono::nanoseconds(stored.compute_ns),
          std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(stored.computed_at_ns))};
}

Digest leaf_digest(const Address& address) {
  Digest digest;
  std::copy(address.bytes().begin(), address.bytes().end(), digest.bytes.begin());
  return digest;
}

Error contradiction(const Address& address, const StoredResult& stored, const PreparedBlob& blob) {
  return Error(Errc::not_deterministic,
               fmt::format("the stored result has {} bytes with digest {}, the new one {} bytes with digest {}",
                           stored.size, Digest{stored.digest}.to_string(), blob.size, blob.digest.to_string()))
      .with_address(address);
}

}  // namespace

struct Store::Impl {
  Environment environment;
  BlobStore blobs;
  Table<Address, BytesView> recipes;
  Table<Address, StoredResult> results;
  PersistentDag<> dag;
  Ledger ledger;

  Result<std::optional<Recipe>> recipe(const ReadTransaction& transaction, const Address& address) const;
  Result<Lookup::Answer> look_up(const ReadTransaction& transaction, const Address& address) const;
};

Store::Store(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const std::filesystem::path& directory, StoreOptions options) {
  Result<Environment> environment = Environment::open(directory, options.environment);
  if (!environment) return environment.error();
  Result<BlobStore> blobs = BlobStore::open(*environment, options.blobs);
  if (!blobs) return blobs.error();
  auto recipes = Table<Address, BytesView>::open(*environment, "recipes");
  if (!recipes) return recipes.error();
  auto results = Table<Address, StoredResult>::open(*environment, "results");
  if (!results) return results.error();
  Result<PersistentDag<>> dag = PersistentDag<>::open(*environment, options.dag);
  if (!dag) return dag.error();
  Result<Ledger> ledger = Ledger::open(*environment, options.ledger);
  if (!ledger) return ledger.error();
  return Store(std::unique_ptr<Impl>(new Impl{*std::move(environment), *std::move(blobs), *std::move(recipes),
                                              *std::move(results), *std::move(dag), *std::move(ledger)}));
}

// --- Leaves

Result<Address> Store::put_leaf(BytesView bytes) {
  Result<std::vector<Address>> addresses = put_leaves({&bytes, 1});
  if (!addresses) return addresses.error();
  return addresses->front();
}

Result<std::vector<Address>> Store::put_leaves(std::span<const BytesView> leaves) {
  Result<std::vector<PreparedBlob>> blobs = impl_->blobs.prepare_many(leaves);
  if (!blobs) return blobs.error();
  const Result<void> written = impl_->environment.write([&](WriteTransaction& transaction) -> Result<void> {
    for (const PreparedBlob& blob : *blobs) {
      if (Result<bool> linked = impl_->blobs.link(transaction, blob); !linked) return linked.error();
    }
    return {};
  });
  if (!written) return written.error();
  std::vector<Address> addresses;
  addresses.reserve(blobs->size());
  for (const PreparedBlob& blob : *blobs) addresses.push_back(Address::of_leaf(blob.digest));
  return addresses;
}

// --- Recipes

Result<Address> Store::put_recipe(const Recipe& recipe) {
  Result<std::vector<Address>> addresses = put_recipes({&recipe, 1});
  if (!addresses) return addresses.error();
  return addresses->front();
}

Result<std::vector<Address>> Store::put_recipes(std::span<const Recipe> recipes) {
  std::vector<std::vector<std::byte>> encodings;
  std::vector<Address> addresses;
  encodings.reserve(recipes.size());
  addresses.reserve(recipes.size());
  for (const Recipe& recipe : recipes) {
    Result<std::vector<std::byte>> encoding = try_encode(recipe);
    if (!encoding) return encoding.error();
    addresses.push_back(recipe_address(*encoding));
    encodings.push_back(*std::move(encoding));
  }
  // Neighbours in the table one after the other; the graph takes them as they come, inputs first.
  std::vector<std::size_t> by_address(recipes.size());
  std::iota(by_address.begin(), by_address.end(), std::size_t{0});
  std::sort(by_address.begin(), by_address.end(),
            [&](std::size_t a, std::size_t b) { return addresses[a] < addresses[b]; });
  const Result<void> written = impl_->environment.write([&](WriteTransaction& transaction) -> Result<void> {
    std::vector<bool> is_new(recipes.size());
    for (const std::size_t i : by_address) {
      const Result<bool> inserted = impl_->recipes.insert(transaction, addresses[i], encodings[i]);
      if (!inserted) return inserted.error();
      is_new[i] = *inserted;
    }
    std::vector<std::pair<Address, std::span<const Address>>> entries;
    for (std::size_t i = 0; i < recipes.size(); ++i) {
      if (is_new[i]) entries.emplace_back(addresses[i], recipes[i].inputs);
    }
    if (const Result<std::size_t> linked = impl_->dag.insert_many(transaction, entries); !linked) return linked.error();
    return {};
  });
  if (!written) return written.error();
  return addresses;
}

/// Reads a recipe and checks that it is the one of this address.
Result<std::optional<Recipe>> Store::Impl::recipe(const ReadTransaction& transaction, const Address& address) const {
  const Result<std::optional<BytesView>> encoding = recipes.get(transaction, address);
  if (!encoding) return encoding.error();
  if (!*encoding) return std::optional<Recipe>();
  Result<Recipe> recipe = decode_recipe(**encoding);
  if (!recipe || recipe_address(**encoding) != address) {
    return Error(Errc::corrupted, "the stored recipe is not the one of its address").with_address(address);
  }
  return std::optional<Recipe>(*std::move(recipe));
}

Result<std::optional<Recipe>> Store::recipe(const Address& address) const {
  return std::as_const(impl_->environment).read([&](const ReadTransaction& transaction) {
    return impl_->recipe(transaction, address);
  });
}

// --- Values and results

Result<std::optional<Blob>> Store::value(const Address& address) const {
  // A large value is read after the transaction.
  Result<std::optional<StoredBlob>> found =
      std::as_const(impl_->environment)
          .read([&](const ReadTransaction& transaction) -> Result<std::optional<StoredBlob>> {
            const Result<std::optional<StoredResult>> result = impl_->results.get(transaction, address);
            if (!result) return result.error();
            return impl_->blobs.find(transaction, *result ? Digest{(*result)->digest} : leaf_digest(address));
          });
  if (!found) return found.error();
  if (!*found) return std::optional<Blob>();
  Result<Blob> value = impl_->blobs.load(std::move(**found));
  if (!value) return value.error().with_address(address);
  return std::optional<Blob>(*std::move(value));
}

Result<std::optional<ResultRecord>> Store::result(const Address& address) const {
  return std::as_const(impl_->environment)
      .read([&](const ReadTransaction& transaction) -> Result<std::optional<ResultRecord>> {
        const Result<std::optional<StoredResult>> result = impl_->results.get(transaction, address);
        if (!result) return result.error();
        if (!*result) return std::optional<ResultRecord>();
        return std::optional<ResultRecord>(unpack(**result));
      });
}

Result<void> Store::put_results(std::span<const ComputedResult> results, std::span<const Comparison> comparisons) {
  std::vector<BytesView> values;
  values.reserve(results.size());
  for (const ComputedResult& result : results) values.push_back(result.value);
  const Result<std::vector<PreparedBlob>> blobs = impl_->blobs.prepare_many(values);
  if (!blobs) return blobs.error();
  return impl_->environment.write([&](WriteTransaction& transaction) -> Result<void> {
    for (std::size_t i = 0; i < results.size(); ++i) {
      const PreparedBlob& blob = (*blobs)[i];
      const Address& address = results[i].address;
      if (const Result<bool> linked = impl_->blobs.link(transaction, blob); !linked) return linked.error();
      const Result<bool> is_new = impl_->results.insert(transaction, address, pack(results[i], blob));
      if (!is_new) return is_new.error();
      if (*is_new) continue;
      const Result<std::optional<StoredResult>> stored = impl_->results.get(transaction, address);
      if (!stored) return stored.error();
      if (*stored && (*stored)->digest != blob.digest.bytes) return contradiction(address, **stored, blob);
    }
    for (const Comparison& comparison : comparisons) {
      if (Result<void> recorded = impl_->ledger.record(transaction, comparison); !recorded) return recorded;
    }
    return {};
  });
}

// --- Looking up

Result<Lookup::Answer> Store::Impl::look_up(const ReadTransaction& transaction, const Address& address) const {
  const Result<std::optional<StoredResult>> result = results.get(transaction, address);
  if (!result) return result.error();
  const Digest digest = *result ? Digest{(*result)->digest} : leaf_digest(address);
  if (*result) {
    const Result<std::optional<std::uint64_t>> size = blobs.size(transaction, digest);
    if (!size) return size.error();
    if (*size) return Lookup::Answer(Lookup::Stored{**size});
  }
  Result<std::optional<Recipe>> found = recipe(transaction, address);
  if (!found) return found.error();
  if (*found) return Lookup::Answer(Lookup::Computable{std::move(**found), result->has_value()});
  const Result<std::optional<std::uint64_t>> leaf = blobs.size(transaction, leaf_digest(address));
  if (!leaf) return leaf.error();
  if (*leaf) return Lookup::Answer(Lookup::Stored{**leaf});
  return Lookup::Answer(Lookup::Unknown{});
}

Result<void> Store::look_up(std::span<const Address> addresses, LookupVisitor visitor) const {
  return std::as_const(impl_->environment).read([&](const ReadTransaction& transaction) -> Result<void> {
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      Result<Lookup::Answer> answer = impl_->look_up(transaction, addresses[i]);
      if (!answer) return answer.error();
      visitor(i, *std::move(answer));
    }
    return {};
  });
}

// --- Facts

const PersistentDag<>& Store::dag() const noexcept { return impl_->dag; }

Ledger& Store::ledger() noexcept { return impl_->ledger; }
const Ledger& Store::ledger() const noexcept { return impl_->ledger; }

const std::filesystem::path& Store::directory() const noexcept { return impl_->environment.directory(); }

Result<void> Store::flush() { return impl_->environment.flush(); }

Result<StoreStats> Store::stats() const {
  StoreStats stats;
  const Result<EnvironmentStats> environment = impl_->environment.stats();
  if (!environment) return environment.error();
  stats.environment = *environment;
  const Result<void> counted =
      std::as_const(impl_->environment).read([&](const ReadTransaction& transaction) -> Result<void> {
        const Result<std::uint64_t> recipes = impl_->recipes.size(transaction);
        if (!recipes) return recipes.error();
        const Result<std::uint64_t> results = impl_->results.size(transaction);
        if (!results) return results.error();
        const Result<std::uint64_t> values = impl_->blobs.count(transaction);
        if (!values) return values.error();
        stats.recipes = *recipes;
        stats.results = *results;
        stats.values = *values;
        return {};
      });
  if (!counted) return counted.error();
  return stats;
}

}  // namespace deriva
