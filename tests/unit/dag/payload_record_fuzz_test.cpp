// Does the same to a graph with payloads and records and to maps, and compares the answers.
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "unit/dag/engine_fixture.hpp"

namespace deriva::test {
namespace {

class PayloadFuzz {
 public:
  explicit PayloadFuzz(std::uint64_t seed)
      : random_(seed), f_(seed % 2 == 0 ? 8 : 32, static_cast<std::uint32_t>(10 + below(100))) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      CAPTURE(step);
      one_step();
      REQUIRE(f_.check());
    }
    compare();
  }

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  std::string text() {
    return std::string(below(10) == 0 ? 97 + below(3'000) : below(20), static_cast<char>(random_()));
  }

  void one_step() {
    switch (below(10)) {
      case 0:
        return remove();
      case 1:
        return f_.reopen();
      case 2:
        return f_.compact();
      case 3:
        f_.engine = f_.open();
        return;
      case 4:
        return undo();
      case 5:
      case 6:
        return records();
      case 7:
        return compare();
      default:
        return insert();
    }
  }

  void insert() {
    std::vector<Entry> entries;
    for (std::uint64_t count = below(200); count > 0; --count) {
      const std::uint64_t key = below(5) == 0 ? below(end_) : end_++;
      Entry entry{key, {}, text()};
      for (std::uint64_t inputs = below(4); inputs > 0; --inputs) entry.inputs.push_back(key + 1 + below(30));
      if (payloads_.try_emplace(key, entry.payload).second) entries.push_back(std::move(entry));
    }
    REQUIRE(f_.insert(entries) == entries.size());
  }

  void remove() {
    for (std::uint64_t count = below(50); count > 0; --count) {
      const std::uint64_t key = below(end_);
      const bool there = payloads_.erase(key) != 0;
      REQUIRE(f_.remove(key, true) == there);
      if (there) records_.erase(key);
    }
  }

  void records() {
    f_.change([&](Writer& writer) {
      for (std::uint64_t count = below(100); count > 0; --count) {
        const std::uint64_t key = below(end_ + 10);
        const Id id = writer.find_or_add(as_bytes(f_.key(key)));
        if (below(4) == 0) {
          REQUIRE(writer.erase_record(id) == (records_.erase(key) != 0));
          continue;
        }
        const std::string& record = records_[key] = "r" + text();
        writer.put_record(id, as_bytes(record));
      }
    });
  }

  void undo() {
    auto undone = [&](WriteTransaction& transaction) -> Result<void> {
      const std::uint64_t key = 1'000'000 + below(10);
      REQUIRE(f_.insert(transaction, {{key, {below(end_)}, text()}, {key + 1, {}, text()}}).has_value());
      REQUIRE(f_.engine->remove(transaction, as_bytes(f_.key(below(end_))), true).has_value());
      return Error(Errc::cancelled);
    };
    REQUIRE(f_.environment->write(undone).has_error());
  }

  void compare() {
    f_.read(*f_.engine, [&](GraphSnapshot& snapshot) {
      detail::graph::GraphView& view = snapshot.view();
      for (std::uint64_t key = 0; key < end_ + 10; ++key) {
        const std::optional<Id> id = view.find(as_bytes(f_.key(key)));
        const auto payload = payloads_.find(key);
        const auto record = records_.find(key);
        REQUIRE((id && view.has_entry(*id)) == (payload != payloads_.end()));
        REQUIRE((id ? as_text(view.payload(*id)) : "") == (payload == payloads_.end() ? "" : payload->second));
        REQUIRE((id ? as_text(view.record(*id)) : "") == (record == records_.end() ? "" : record->second));
      }
    });
  }

  std::mt19937_64 random_;
  EngineFixture f_;
  std::uint64_t end_ = 1;
  std::map<std::uint64_t, std::string> payloads_;
  std::map<std::uint64_t, std::string> records_;
};

TEST_CASE("payloads and records differ from a std::map", "[dag][fuzz]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    PayloadFuzz(seed).run(40);
  }
}

}  // namespace
}  // namespace deriva::test
