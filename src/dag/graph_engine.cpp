#include <deriva/dag/detail/graph_engine.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "dag/compaction.hpp"
#include "dag/graph_state.hpp"
#include "dag/session_pool.hpp"
#include "dag/writer.hpp"
#include "storage/environment_impl.hpp"
#include "storage/journal_turn.hpp"

namespace deriva::detail {

namespace {

using graph::GraphState;
using graph::GraphTables;
using graph::GraphView;
using graph::Writer;

// Ends what `Writer::begin` began, however the operation ends.
class Operation {
 public:
  template <class Transaction>
  Operation(Writer& writer, Transaction& transaction) : writer_(writer) {
    begin(transaction);
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() {
    if (!finished_) writer_.give_up();
  }

  void finish() {
    writer_.finish();
    finished_ = true;
  }

 private:
  template <class Transaction>
  void begin(Transaction& transaction) {
    if (writer_.active()) throw Failure{Error(Errc::invalid_argument, "a visitor of a graph must not change it")};
    try {
      writer_.begin(transaction);
    } catch (...) {
      writer_.forget();
      throw;
    }
  }

  Writer& writer_;
  bool finished_ = false;
};

class Engine final : public GraphEngine {
 public:
  Engine(const Environment& environment, const GraphTables& tables, const Options& options)
      : GraphEngine(environment), tables_(tables), writer_(tables_, options.tail_nodes, options.journal_after) {}

  // A graph that is closed leaves no journal behind. One that could not be folded is read with the tables.
  ~Engine() override {
    if (!writer_.journals()) return;
    try {
      (void)environment().write([&](WriteTransaction& transaction) { return fold(transaction); });
    } catch (...) {
    }
  }

  Result<void> read(const ReadTransaction& transaction, FunctionRef<void(GraphSnapshot&)> operation) override {
    return guarded<void>([&]() -> Result<void> {
      if (transaction.writes()) {
        read_own_changes(transaction, operation);
        return {};
      }
      graph::SessionPool::Lease session(sessions_);
      const JournalContents* const journal = graph::journal_of(transaction, tables_);
      graph::SnapshotName name{transaction.id(), environment().impl().map_version()};
      if (journal != nullptr) {
        name.journal = journal->epoch();
        name.journaled = journal->size();
      }
      GraphView view(transaction.native(), name, tables_, journal, *session);
      GraphSnapshot snapshot(view);
      operation(snapshot);
      return {};
    });
  }

  Result<std::uint64_t> changes(const ReadTransaction& transaction) override {
    return guarded<std::uint64_t>([&] { return graph::read_state(transaction.native(), tables_).state.changes; });
  }

  Result<void> append(FunctionRef<Result<void>(WriteTransaction&)> operation) override {
    return environment().impl().write(operation, Environment::Impl::Journaling::appends);
  }

  Result<void> change(WriteTransaction& transaction, FunctionRef<Result<void>(Writer&)> change) override {
    return guarded<void>([&]() -> Result<void> {
      Operation operation(writer_, transaction);
      if (Result<void> changed = change(writer_); !changed) return changed;
      operation.finish();
      return {};
    });
  }

  Result<bool> insert(WriteTransaction& transaction, const EntryBytes& entry) override {
    return guarded<bool>([&] {
      Operation operation(writer_, transaction);
      const bool added = writer_.insert(entry);
      operation.finish();
      return added;
    });
  }

  Result<std::size_t> insert_many(WriteTransaction& transaction, EntrySource next) override {
    return guarded<std::size_t>([&] {
      Operation operation(writer_, transaction);
      std::size_t added = 0;
      for (EntryBytes entry; next(entry);) added += static_cast<std::size_t>(writer_.insert(entry));
      operation.finish();
      return added;
    });
  }

  Result<bool> remove(WriteTransaction& transaction, BytesView key, bool forced) override {
    return guarded<bool>([&] {
      Operation operation(writer_, transaction);
      const bool removed = writer_.remove(key, forced ? Writer::Removal::forced : Writer::Removal::refuse_if_needed);
      operation.finish();
      return removed;
    });
  }

  Result<std::size_t> remove_many(WriteTransaction& transaction, BytesView keys) override {
    return guarded<std::size_t>([&] {
      Operation operation(writer_, transaction);
      const std::size_t removed = writer_.remove_many(keys);
      operation.finish();
      return removed;
    });
  }

  Result<DagCompaction> compact(WriteTransaction& transaction) override {
    return replace<DagCompaction>(
        transaction, [&](GraphState& state) { return graph::compact(transaction, tables_, writer_.view(), state); });
  }

  Result<void> rebuild_indexes(WriteTransaction& transaction) override {
    if (auto folded = fold(transaction); !folded) return folded;
    return guarded<void>([&]() -> Result<void> {
      writer_.forget();
      GraphState state = graph::read_state(transaction.native(), tables_).state;
      graph::rebuild_indexes(transaction, tables_, state);
      state.stamp = graph::random_bits();
      graph::write_state(transaction, tables_, state);
      return {};
    });
  }

  Result<std::uint64_t> restored(WriteTransaction& transaction) override {
    if (auto folded = fold(transaction); !folded) return folded.error();
    return guarded<std::uint64_t>([&]() -> std::uint64_t {
      GraphState state = graph::read_state(transaction.native(), tables_).state;
      if (state.restoring != 0) return state.restored;
      writer_.forget();
      graph::clear(transaction, tables_, state);
      state.restoring = 1;
      state.stamp = graph::random_bits();
      graph::write_state(transaction, tables_, state);
      return 0;
    });
  }

  Result<std::size_t> restore(WriteTransaction& transaction, EntrySource next, std::size_t batch, bool& last) override {
    return guarded<std::size_t>([&] {
      Operation operation(writer_, transaction);
      std::size_t taken = 0;
      for (EntryBytes entry; next(entry); ++taken) writer_.insert(entry);
      writer_.state().restored += taken;
      last = taken < batch;
      if (last) writer_.state().restoring = writer_.state().restored = 0;
      writer_.note_change();
      operation.finish();
      return taken;
    });
  }

 private:
  void read_own_changes(const ReadTransaction& transaction, FunctionRef<void(GraphSnapshot&)> operation) {
    std::optional<Operation> reading;
    if (!writer_.active()) reading.emplace(writer_, transaction);  // else a visitor asks
    GraphSnapshot snapshot(writer_.view());
    operation(snapshot);
  }

  Result<void> fold(WriteTransaction& transaction) {
    if (graph::journal_of(transaction, tables_) == nullptr) {
      transaction.journal_turn().end(transaction, tables_.state);
      return {};
    }
    auto note = [](Writer& writer) -> Result<void> {
      writer.note_change();
      return {};
    };
    return change(transaction, note);
  }

  template <class Out, class Change>
  Result<Out> replace(WriteTransaction& transaction, Change&& change) {
    if (auto folded = fold(transaction); !folded) return folded.error();
    return guarded<Out>([&] {
      GraphState state;
      Out out;
      {
        const Operation operation(writer_, transaction);
        state = writer_.state();
        out = change(state);
      }
      writer_.forget();
      state.stamp = graph::random_bits();
      graph::write_state(transaction, tables_, state);
      return out;
    });
  }

  const GraphTables tables_;
  graph::SessionPool sessions_;
  Writer writer_;  // inside write transactions
};

// Makes the state of an empty graph unless there is one; checks that it is of these keys.
Result<void> prepare(Environment& environment, const GraphTables& tables, std::uint32_t key_size) {
  bool journaled = false;
  const auto check = [&](const ReadTransaction& transaction) {
    journaled = transaction.journal() != nullptr && transaction.journal()->epoch() != 0;
    return guarded<bool>([&] {
      if (!graph::has_state(transaction.native(), tables)) return false;
      const GraphState state = graph::read_state(transaction.native(), tables).state;
      if (state.key_size != key_size) {
        throw Failure{Error(Errc::format_mismatch, "the graph has keys of " + std::to_string(state.key_size) +
                                                       " bytes, not of " + std::to_string(key_size))};
      }
      return true;
    });
  };
  const Result<bool> exists = environment.read(check);
  if (!exists) return exists.error();
  if (*exists) return journaled ? environment.impl().recover_journal() : Result<void>();
  return environment.write([&](WriteTransaction& transaction) -> Result<void> {
    const Result<bool> made = check(transaction);  // by another process meanwhile
    if (!made) return made.error();
    if (*made) return {};
    return guarded<void>([&]() -> Result<void> {
      GraphState state;
      state.key_size = key_size;
      state.seed = {graph::random_bits(), graph::random_bits()};
      state.stamp = graph::random_bits();
      state.log = graph::random_bits();
      state.generation = graph::next_generation(0);
      graph::write_state(transaction, tables, state);
      return {};
    });
  });
}

}  // namespace

bool GraphEngine::is_stored(const ReadTransaction& transaction) noexcept {
  return transaction.journal() == nullptr || transaction.journal()->size() == 0;
}

Result<std::shared_ptr<GraphEngine>> GraphEngine::open(Environment& environment, const Options& options) {
  const Result<GraphTables> tables = graph::open_tables(environment, options.prefix);
  if (!tables) return tables.error();
  environment.impl().follow_journal(tables->unnamed);
  if (auto prepared = prepare(environment, *tables, options.key_size); !prepared) return prepared.error();
  return std::shared_ptr<GraphEngine>(std::make_shared<Engine>(environment, *tables, options));
}

}  // namespace deriva::detail
