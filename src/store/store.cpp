#include <deriva/store/store.hpp>

#include <utility>

#include <deriva/core/digest.hpp>

#include "dag/graph_view.hpp"
#include "store/recipe_payload.hpp"
#include "store/result_writer.hpp"
#include "store/store_impl.hpp"
#include "store/store_reader.hpp"

namespace deriva {

using detail::StoreReader;

Store::Store(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

namespace {

/// All tables in one transaction, instead of one for each who uses them.
Result<void> open_tables(Environment& environment, const std::string& graph_prefix) {
  std::vector<Environment::Impl::TableSpec> specs = detail::graph::table_specs(graph_prefix);
  const auto names = {"blobs", "blob_files", "blob_totals", "functions", "cutoff", "discovered", "ledger"};
  for (const char* name : names) specs.push_back({name, 0, 0});
  specs.push_back({"discovered.by", Environment::Impl::set_flags, sizeof(Address)});
  if (const auto opened = environment.impl().tables(specs); !opened) return opened.error();
  return {};
}

}  // namespace

Result<Store> Store::open(const std::filesystem::path& directory, StoreOptions options) {
  if (options.observers) options.environment.observers = options.observers;
  Result<Environment> environment = Environment::open(directory, options.environment);
  if (!environment) return environment.error();
  if (auto done = open_tables(*environment, options.dag.prefix); !done) return done.error();
  Result<BlobStore> blobs = BlobStore::open(*environment, options.blobs);
  if (!blobs) return blobs.error();
  Result<detail::FunctionNumbers> functions = detail::FunctionNumbers::open(*environment);
  if (!functions) return functions.error();
  Result<detail::CutoffTable> cutoffs = detail::CutoffTable::open(*environment);
  if (!cutoffs) return cutoffs.error();
  Result<detail::DiscoveredInputs> discovered = detail::DiscoveredInputs::open(*environment);
  if (!discovered) return discovered.error();
  Result<PersistentDag<>> dag = PersistentDag<>::open(*environment, options.dag);
  if (!dag) return dag.error();
  Result<Ledger> ledger = Ledger::open(*environment, options.ledger);
  if (!ledger) return ledger.error();
  return Store(std::unique_ptr<Impl>(new Impl{*std::move(environment), *std::move(blobs), *std::move(functions),
                                              *std::move(cutoffs), *std::move(discovered), *std::move(dag),
                                              *std::move(ledger), std::move(options.observers)}));
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
  const Result<void> written = impl_->environment.write(
      [&](WriteTransaction& transaction) -> Result<void> { return impl_->blobs.link_many(transaction, *blobs); });
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

namespace {

/// Recipes on their way into the graph, with what has to be made of them before the transaction.
class RecipeBatch {
 public:
  /// Errors: `invalid_argument` for a recipe without an encoding.
  static Result<RecipeBatch> encode(std::span<const Recipe> recipes) {
    RecipeBatch batch;
    batch.recipes_ = recipes;
    batch.addresses.reserve(recipes.size());
    batch.params_ends_.reserve(recipes.size());
    for (const Recipe& recipe : recipes) {
      const Result<std::vector<std::byte>> encoding = try_encode(recipe);
      if (!encoding) return encoding.error();
      batch.addresses.push_back(recipe_address(*encoding));
      const BytesView params = detail::params_of(recipe, *encoding);
      batch.params_.insert(batch.params_.end(), params.begin(), params.end());
      batch.params_ends_.push_back(batch.params_.size());
    }
    return batch;
  }

  /// Entries for the graph, with the numbers of their functions, which a transaction gives. The first error ends it.
  template <class GiveNumber>
  Result<std::size_t> insert_into(detail::GraphEngine& graph, WriteTransaction& transaction, GiveNumber give) const {
    Result<std::uint32_t> number = 0U;
    const FunctionId* numbered = nullptr;
    std::vector<std::byte> payload;
    std::size_t at = 0;
    auto next = [&](detail::EntryBytes& out) {
      if (at == recipes_.size()) return false;
      const FunctionId& function = recipes_[at].function;
      if (numbered == nullptr || *numbered != function) number = give(function);
      if (!number) return false;
      numbered = &function;
      payload.clear();
      const std::size_t begin = at == 0 ? 0 : params_ends_[at - 1];
      detail::append_payload(payload, *number, BytesView(params_).subspan(begin, params_ends_[at] - begin));
      out = {addresses[at].bytes(), std::as_bytes(std::span(recipes_[at].inputs)), payload};
      ++at;
      return true;
    };
    Result<std::size_t> inserted = graph.insert_many(transaction, next);
    if (!number) return number.error();
    return inserted;
  }

  std::vector<Address> addresses;

 private:
  std::span<const Recipe> recipes_;
  std::vector<std::byte> params_;  // encoded, one after the other
  std::vector<std::size_t> params_ends_;
};

}  // namespace

Result<std::vector<Address>> Store::put_recipes(std::span<const Recipe> recipes) {
  Result<RecipeBatch> batch = RecipeBatch::encode(recipes);
  if (!batch) return batch.error();
  const event::Time started = event::Clock::now();
  const Result<std::size_t> written = impl_->environment.write([&](WriteTransaction& transaction) {
    const auto give = [&](const FunctionId& function) { return impl_->functions.give(transaction, function); };
    return batch->insert_into(impl_->graph(), transaction, give);
  });
  if (!written) return written.error();
  if (impl_->observers && *written > 0) impl_->observers->emit(event::DagInserted{started, *written});
  return std::move(batch->addresses);
}

Result<std::optional<Recipe>> Store::recipe(const Address& address) const {
  Result<std::optional<Recipe>> recipe = std::optional<Recipe>();
  const Result<void> done = detail::read(*this, [&](StoreReader& reader) {
    if (const std::optional<StoreReader::Id> id = reader.find(address)) recipe = reader.recipe(*id);
  });
  if (!done) return done.error();
  return recipe;
}

// --- Values and results

Result<std::optional<Blob>> Store::value(const Address& address) const {
  Result<std::optional<StoredBlob>> found = std::optional<StoredBlob>();
  const Result<void> done = detail::read(*this, [&](StoreReader& reader) {
    const std::optional<StoreReader::Id> id = reader.find(address);
    found = id ? reader.value(*id) : reader.leaf(address);
  });
  if (!done) return done.error();
  if (!found) return found.error();
  if (!*found) return std::optional<Blob>();
  Result<Blob> value = impl_->blobs.load(std::move(**found));  // a large one is read after the transaction
  if (!value) return value.error().with_address(address);
  return std::optional<Blob>(*std::move(value));
}

Result<std::optional<ResultRecord>> Store::result(const Address& address) const {
  std::optional<ResultRecord> record;
  const Result<void> done = detail::read(*this, [&](StoreReader& reader) -> Result<void> {
    const std::optional<StoreReader::Id> id = reader.find(address);
    if (!id) return {};
    const Result<std::optional<detail::StoredResult>> stored = reader.result(*id);
    if (!stored) return stored.error();
    if (*stored) record = (*stored)->record();
    return {};
  });
  if (!done) return done.error();
  return record;
}

Result<std::vector<Address>> Store::discovered_inputs(const Address& address) const {
  return std::as_const(impl_->environment).read([&](const ReadTransaction& transaction) {
    return impl_->discovered.inputs(transaction, address);
  });
}

Result<std::vector<Address>> Store::discovered_dependents(const Address& address) const {
  return std::as_const(impl_->environment).read([&](const ReadTransaction& transaction) {
    return impl_->discovered.dependents(transaction, address);
  });
}

Result<void> Store::put_results(std::span<const ComputedResult> results, std::span<const Comparison> comparisons) {
  return detail::put_results(*this, results, comparisons);
}

// --- Looking up

namespace {

Result<Lookup::Answer> look_up_leaf(StoreReader& reader, const Address& address) {
  const Result<std::optional<std::uint64_t>> size = reader.leaf_size(address);
  if (!size) return size.error();
  if (*size) return Lookup::Answer(Lookup::Stored{**size});
  return Lookup::Answer(Lookup::Unknown{});
}

Result<Lookup::Answer> look_up_one(StoreReader& reader, const Address& address) {
  using Known = StoreReader::Known;
  const std::optional<StoreReader::Id> id = reader.find(address);
  if (!id) return look_up_leaf(reader, address);
  const Result<StoreReader::Answer> answer = reader.look_up(*id);
  if (!answer) return answer.error();
  if (answer->known == Known::stored) return Lookup::Answer(Lookup::Stored{answer->size});
  if (answer->known == Known::nothing) return Lookup::Answer(Lookup::Unknown{});
  Result<std::optional<Recipe>> recipe = reader.recipe(*id);
  if (!recipe) return recipe.error();
  return Lookup::Answer(Lookup::Computable{std::move(**recipe), answer->evicted});
}

}  // namespace

Result<void> Store::look_up(std::span<const Address> addresses, LookupVisitor visitor) const {
  return detail::read(*this, [&](StoreReader& reader) -> Result<void> {
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      Result<Lookup::Answer> answer = look_up_one(reader, addresses[i]);
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
        auto count = [&](detail::GraphSnapshot& graph) {
          stats.recipes = graph.size();
          stats.results = graph.view().records();
        };
        if (auto done = impl_->graph().read(transaction, count); !done) return done;
        const Result<std::uint64_t> values = impl_->blobs.count(transaction);
        if (!values) return values.error();
        stats.values = *values;
        const Result<std::uint64_t> bytes = impl_->blobs.bytes(transaction);
        if (!bytes) return bytes.error();
        stats.value_bytes = *bytes;
        return {};
      });
  if (!counted) return counted.error();
  return stats;
}

}  // namespace deriva
