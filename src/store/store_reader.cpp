#include "store/store_reader.hpp"

#include <cstring>
#include <utility>

#include "store/store_impl.hpp"

namespace deriva::detail {

StoreReader::StoreReader(const Store& store, const ReadTransaction& transaction, graph::GraphView& graph)
    : store_(store), transaction_(transaction), graph_(graph) {}

StoreReader::~StoreReader() = default;

std::optional<StoreReader::Id> StoreReader::find(const Address& address) { return graph_.find(address.bytes()); }

Address StoreReader::address(Id id) {
  std::array<std::byte, Address::size_bytes> bytes{};
  std::memcpy(bytes.data(), graph_.key_at(id), bytes.size());
  return Address(bytes);
}

namespace {

std::uint32_t number_of(StoreAccess::Impl& impl, const FunctionId& function) {
  const std::lock_guard lock(impl.functions_mutex);
  const auto [at, is_new] =
      impl.function_numbers.try_emplace(function, static_cast<std::uint32_t>(impl.functions.size()));
  if (is_new) impl.functions.push_back(function);
  return at->second;
}

}  // namespace

Result<StoreReader::Answer> StoreReader::look_up(Id id) {
  return guarded<Answer>([&]() -> Result<Answer> {
    if (id >= end()) return Error(Errc::invalid_argument, "no node of the graph has this number");
    StoreAccess::Impl& impl = StoreAccess::impl(store_);
    const Address key = address(id);
    Answer answer;
    const Result<std::optional<StoredResult>> result = impl.results.get(transaction_, key);
    if (!result) return result.error();
    answer.is_leaf = !*result && !graph_.has_entry(id);
    if (*result || answer.is_leaf) {
      const auto size = impl.blobs.size(transaction_, *result ? Digest{(*result)->digest} : leaf_digest(key));
      if (!size) return size.error();
      answer.size = size->value_or(0);
      answer.evicted = *result && !*size;
      answer.is_leaf = answer.is_leaf && *size;
      if (*size) answer.known = Known::stored;
      if (*result) answer.compute_time = std::chrono::nanoseconds((*result)->compute_ns);
    }
    if (!graph_.has_entry(id)) return answer;
    if (answer.known != Known::stored) answer.known = Known::recipe;
    const Result<std::optional<Recipe>> recipe = impl.recipe(transaction_, key);
    if (!recipe) return recipe.error();
    if (!*recipe) return Error(Errc::corrupted, "a recipe is missing").with_address(key);
    answer.function = number_of(impl, (*recipe)->function);
    const Recipe without_params{(*recipe)->function, (*recipe)->inputs, {}};
    const BytesView encoding = **impl.recipes.get(transaction_, key);
    if (!(*recipe)->params.empty()) answer.params = encoding.subspan(encode(without_params).size() - 1);
    inputs_.clear();
    graph_.for_each_input(id, [&](Id input) { return inputs_.push_back(input), true; });
    answer.inputs = inputs_;
    return answer;
  });
}

Result<const FunctionId*> StoreReader::function(std::uint32_t number) {
  StoreAccess::Impl& impl = StoreAccess::impl(store_);
  const std::lock_guard lock(impl.functions_mutex);
  if (number >= impl.functions.size()) return Error(Errc::corrupted, "a recipe names a function that is not known");
  return &impl.functions[number];
}

Result<std::optional<Recipe>> StoreReader::recipe(Id id) {
  return StoreAccess::impl(store_).recipe(transaction_, address(id));
}

Result<std::optional<StoredBlob>> StoreReader::value(Id id) {
  StoreAccess::Impl& impl = StoreAccess::impl(store_);
  const Address key = address(id);
  const Result<std::optional<StoredResult>> result = impl.results.get(transaction_, key);
  if (!result) return result.error();
  return impl.blobs.find(transaction_, *result ? Digest{(*result)->digest} : leaf_digest(key));
}

Result<void> read_erased(const Store& store, FunctionRef<Result<void>(StoreReader&)> operation) {
  StoreAccess::Impl& impl = StoreAccess::impl(store);
  return std::as_const(impl.environment).read([&](const ReadTransaction& transaction) -> Result<void> {
    Result<void> out;
    auto use = [&](GraphSnapshot& graph) {
      StoreReader reader(store, transaction, graph.view());
      out = operation(reader);
    };
    if (auto done = GraphAccess::engine(impl.dag).read(transaction, use); !done) return done;
    return out;
  });
}

Result<Blob> load(const Store& store, StoredBlob value) {
  return StoreAccess::impl(store).blobs.load(std::move(value));
}

Result<Params> decode_params(BytesView encoded) {
  if (encoded.empty()) return Params();
  // The params of a recipe without anything else.
  std::vector<std::byte> recipe = encode({{"f", ""}, {}, {}});
  recipe.pop_back();
  recipe.insert(recipe.end(), encoded.begin(), encoded.end());
  Result<Recipe> decoded = decode_recipe(recipe);
  if (!decoded) return Error(Errc::corrupted, "the stored params are not params");
  return std::move(decoded->params);
}

}  // namespace deriva::detail
