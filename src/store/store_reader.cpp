#include "store/store_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "core/recipe_format.hpp"
#include "storage/failure.hpp"
#include "store/recipe_payload.hpp"
#include "store/store_impl.hpp"

namespace deriva::detail {

StoreReader::StoreReader(const Store& store, const ReadTransaction& transaction, graph::GraphView& graph)
    : store_(store), transaction_(transaction), graph_(graph) {}

void StoreReader::fill(OpenBlock& block, std::uint32_t number) {
  block = OpenBlock();  // If it is damaged.
  block.lists = graph_.block(number);
  block.payloads = graph_.payloads(number);
  block.number = number;
}

/// To reach a list is to read those of its group before it: whoever asks for two neighbours is likely to ask for all.
graph::EncodedList StoreReader::list(OpenBlock& block, std::uint32_t slot) {
  if (block.group != slot / 8) {
    block.group = slot / 8;
    block.has_starts = false;
    return block.lists.list(slot);
  }
  if (!block.has_starts) block.lists.starts_of_group(block.group, block.starts);
  block.has_starts = true;
  return block.lists.open_list(block.starts[slot % 8]);
}

std::optional<StoredResult> StoreReader::stored_result(Id id) {
  const BytesView record = graph_.record(id);
  if (record.empty()) return std::nullopt;
  return StoredResult::decode(record);
}

Address StoreReader::address_or_none(Id id) noexcept {
  try {
    return address(id);
  } catch (...) {
    return {};
  }
}

StoreReader::Answer StoreReader::look_up(Id id) {
  inputs_.clear();
  Answer answer = look_up(id, inputs_);
  answer.inputs = inputs_;
  return answer;
}

StoreReader::Answer StoreReader::look_up(Id id, std::vector<Id>& inputs) {
  Answer answer;
  if (id >= end()) throw Failure{Error(Errc::invalid_argument, "no node of the graph has this number")};
  const std::uint32_t number = graph_.shape().block_of(id);
  const std::uint32_t slot = id - graph_.shape().first_of(number);
  OpenBlock& block = open(number);
  if (block.lists.is_dead(slot)) return answer;
  const bool has_recipe = block.lists.has_entry(slot);
  std::optional<std::uint64_t> stored;
  if (const std::optional<StoredResult> result = stored_result(id)) {
    stored = or_throw(size(*result));
    answer.evicted = !stored;
    answer.compute_time = std::chrono::nanoseconds(result->head.compute_ns);
  } else if (!has_recipe) {
    stored = or_throw(leaf_size(address(id)));
    answer.is_leaf = stored.has_value();
  }
  answer.size = stored.value_or(0);
  answer.known = stored ? Known::stored : has_recipe ? Known::recipe : Known::nothing;
  answer.has_recipe = has_recipe;
  if (has_recipe) describe(id, block, slot, answer, inputs);
  return answer;
}

void StoreReader::describe(Id id, OpenBlock& block, std::uint32_t slot, Answer& answer, std::vector<Id>& inputs) {
  const RecipePayload payload =
      split_payload(block.payloads ? graph_.payload(*block.payloads, block.number, slot) : BytesView());
  graph::EncodedList list = this->list(block, slot);
  if (list.count > limits::inputs || payload.params.size() > limits::params_bytes) {
    throw Failure{Error(Errc::corrupted, "what is stored of a recipe is larger than a recipe may be")};
  }
  answer.function = payload.function;
  answer.params = payload.params;
  const std::size_t first = inputs.size();
  inputs.resize(first + list.count);
  Id* at = inputs.data() + first;
  graph_.for_each_input(id, list, [&](Id input) { return *at++ = input, true; });
}

bool StoreReader::decode(std::uint32_t number, RecipeBlock& block) {
  constexpr std::size_t most_records = 32;
  block.number = RecipeBlock::no_block;
  try {
    const std::optional<graph::PayloadView> payloads = graph_.payloads(number);
    if (!payloads) return false;
    block.first = shape().first_of(number);
    decode_lists(block, number, *payloads);
    std::size_t records = 0;
    graph_.for_each_record(block.first, block.first + shape().nodes(), [&](Id id) {
      block.entries[id - block.first].function = RecipeBlock::no_function;
      return ++records < most_records;
    });
    if (records == most_records) return false;
    block.number = number;
    return true;
  } catch (...) {  // To look them up tells what is wrong.
    return false;
  }
}

/// In two passes, each of which a compiler can keep in registers (executor.empty.*).
void StoreReader::decode_lists(RecipeBlock& block, std::uint32_t number, const graph::PayloadView& payloads) {
  const graph::BlockView lists = graph_.block(number);
  block.payloads = payloads.data();
  block.inputs.resize(std::max(block.inputs.size(), lists.bytes().size()));
  std::array<std::uint64_t, RecipeBlock::words> outside{};  // Those whose list is not in the block.
  Id* const inputs = block.inputs.data();
  Id* at = inputs;
  lists.read_all_lists([&](std::uint32_t slot, graph::EncodedList& list) {
    RecipeBlock::Entry& entry = block.entries[slot];
    entry = {};
    entry.first_input = static_cast<std::uint16_t>(at - inputs);
    if (list.outside) return static_cast<void>(outside[slot / 64] |= std::uint64_t{1} << (slot % 64));
    list.for_each(block.first + slot, [&](Id input) { return *at++ = input, true; });
    entry.input_count = static_cast<std::uint16_t>(at - inputs - entry.first_input);
  });
  for (std::size_t slot = lists.count(); slot < block.entries.size(); ++slot) block.entries[slot] = {};
  for (std::uint32_t word = 0; word < outside.size(); ++word) {
    std::uint64_t left = lists.live_entries(word) & ~outside[word] & payloads.inside(word);
    for (; left != 0; left &= left - 1) {
      const std::uint32_t slot = word * 64 + static_cast<std::uint32_t>(std::countr_zero(left));
      const RecipePayload payload = split_payload(payloads.at(slot));
      RecipeBlock::Entry& entry = block.entries[slot];
      entry.function = payload.function;
      entry.param_bytes = static_cast<std::uint16_t>(payload.params.size());
      entry.first_param = static_cast<std::uint16_t>(payload.params.data() - block.payloads);
    }
  }
}

Result<const FunctionId*> StoreReader::function(std::uint32_t number) {
  return StoreAccess::impl(store_).functions.find(transaction_, number);
}

Result<std::optional<Recipe>> StoreReader::recipe(Id id) {
  using Out = std::optional<Recipe>;
  Result<Out> recipe = guarded<Out>([&]() -> Result<Out> {
    if (!graph_.has_entry(id)) return Out();
    const RecipePayload payload = split_payload(graph_.payload(id));
    const Result<const FunctionId*> function = this->function(payload.function);
    if (!function) return function.error();
    std::vector<std::byte> inputs;
    graph_.for_each_input(id, [&](Id input) {
      const BytesView key = graph_.key(input);
      inputs.insert(inputs.end(), key.begin(), key.end());
      return true;
    });
    const std::vector<std::byte> encoding = join_encoding(**function, inputs, payload.params);
    Result<Recipe> decoded = decode_recipe(encoding);
    if (decoded && recipe_address(encoding) == address(id)) return Out(*std::move(decoded));
    return Error(Errc::corrupted, "the stored recipe is not the one of its address");
  });
  if (!recipe) return recipe.error().with_address(address(id));
  return recipe;
}

Result<std::optional<StoredResult>> StoreReader::result(Id id) {
  using Out = std::optional<StoredResult>;
  return guarded<Out>([&]() -> Result<Out> { return stored_result(id); });
}

Result<std::optional<Digest>> StoreReader::digest(Id id) {
  return guarded<std::optional<Digest>>([&]() -> Result<std::optional<Digest>> { return value_digest(graph_, id); });
}

Result<bool> StoreReader::has_cutoffs() {
  Result<bool> empty = StoreAccess::impl(store_).cutoffs.empty(transaction_);
  if (!empty) return empty;
  return !*empty;
}

Result<std::optional<StoreReader::Cutoff>> StoreReader::find_cutoff(Id id, std::span<const Digest> inputs) {
  using Out = std::optional<Cutoff>;
  return guarded<Out>([&]() -> Result<Out> {
    const StoreAccess::Impl& store = StoreAccess::impl(store_);
    const RecipePayload payload = split_payload(graph_.payload(id));
    const CutoffKey key = cutoff_key(payload.function, payload.params, inputs);
    const Result<std::optional<CutoffEntry>> entry = store.cutoffs.find(transaction_, key);
    if (!entry) return entry.error();
    if (!*entry) return Out();
    const std::optional<Id> other = find((*entry)->recipe);
    const std::optional<StoredResult> result = other ? stored_result(*other) : std::nullopt;
    if (!result || !(*entry)->matches(result->digest())) return Out();
    const Result<std::optional<LedgerEntry>> known = store.ledger.verdict(transaction_, (*entry)->recipe);
    if (!known) return known.error();
    if (*known && (*known)->verdict == Verdict::diverged) return Out();
    const Result<std::optional<std::uint64_t>> stored = size(*result);
    if (!stored) return stored.error();
    return *stored ? Out({(*entry)->recipe, *result}) : Out();
  });
}

Result<std::optional<StoredBlob>> StoreReader::value(Id id) {
  const Result<std::optional<StoredResult>> result = this->result(id);
  if (!result) return result.error();
  return *result ? value(**result) : leaf(address(id));
}

Result<std::optional<StoredBlob>> StoreReader::value(const StoredResult& result) {
  if (!result.is_inline) return StoreAccess::impl(store_).blobs.find(transaction_, result.digest());
  return std::optional(StoredBlob{result.digest(), result.value.size(), false, Blob::copy_of(result.value)});
}

Result<std::optional<StoredBlob>> StoreReader::leaf(const Address& address) {
  return StoreAccess::impl(store_).blobs.find(transaction_, leaf_digest(address));
}

Result<std::optional<std::uint64_t>> StoreReader::size(const StoredResult& result) {
  if (result.is_inline) return std::optional(result.head.size);
  return StoreAccess::impl(store_).blobs.size(transaction_, result.digest());
}

Result<std::optional<std::uint64_t>> StoreReader::leaf_size(const Address& address) {
  return StoreAccess::impl(store_).blobs.size(transaction_, leaf_digest(address));
}

Result<void> read_erased(const Store& store, FunctionRef<Result<void>(StoreReader&)> operation) {
  StoreAccess::Impl& impl = StoreAccess::impl(store);
  return std::as_const(impl.environment).read([&](const ReadTransaction& transaction) -> Result<void> {
    Result<void> out;
    auto use = [&](GraphSnapshot& graph) {
      StoreReader reader(store, transaction, graph.view());
      out = operation(reader);
    };
    if (Result<void> done = impl.graph().read(transaction, use); !done) return done;
    return out;
  });
}

Result<Blob> load(const Store& store, StoredBlob value) {
  return StoreAccess::impl(store).blobs.load(std::move(value));
}

Result<void> decode_params(BytesView encoded, Params& out) {
  if (encoded.empty()) {
    out.clear();
  } else if (!parse_params(encoded, out)) {
    return Error(Errc::corrupted, "the stored params of a recipe are damaged");
  }
  return {};
}

}  // namespace deriva::detail
