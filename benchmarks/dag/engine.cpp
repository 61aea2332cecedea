#include "dag/engine.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace bench {
namespace {

using deriva::Address;
namespace fs = std::filesystem;

constexpr const char* entries_file = "entries";

void write_bytes(std::ofstream& out, const void* data, std::size_t size) {
  out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

}  // namespace

std::size_t Engine::dependents(const Address&) { throw std::logic_error("an engine without dependents"); }
std::size_t Engine::topological_order() { throw std::logic_error("an engine without an order"); }
std::size_t Engine::transitive_dependents(const Address&) { throw std::logic_error("an engine without dependents"); }

void keep_entries(const fs::path& directory, std::span<const Entry> entries) {
  std::ofstream out(directory / entries_file, std::ios::binary);
  for (const auto& [key, inputs] : entries) {
    const std::uint64_t count = inputs.size();
    write_bytes(out, &key, sizeof(key));
    write_bytes(out, &count, sizeof(count));
    write_bytes(out, inputs.data(), inputs.size_bytes());
  }
  if (!out.flush()) throw std::runtime_error("cannot write " + directory.string());
}

void read_entries(const fs::path& directory, const std::function<void(std::span<const Entry>)>& visit) {
  constexpr std::size_t batch = 10'000;
  std::ifstream in(directory / entries_file, std::ios::binary);
  const auto read = [&in](void* data, std::size_t size) {
    in.read(static_cast<char*>(data), static_cast<std::streamsize>(size));
    return static_cast<bool>(in);
  };
  std::vector<std::pair<Address, std::size_t>> heads;
  std::vector<Address> inputs;
  std::vector<Entry> entries;
  const auto flush = [&] {
    std::size_t begin = 0;
    for (const auto& [key, count] : heads) {
      entries.emplace_back(key, std::span(inputs).subspan(begin, count));
      begin += count;
    }
    if (!entries.empty()) visit(entries);
    entries.clear();
    heads.clear();
    inputs.clear();
  };
  Address key;
  std::uint64_t count = 0;
  while (in && read(&key, sizeof(key)) && read(&count, sizeof(count))) {
    inputs.resize(inputs.size() + count);
    if (!read(inputs.data() + (inputs.size() - count), count * sizeof(Address))) break;
    heads.emplace_back(key, count);
    if (heads.size() == batch) flush();
  }
  flush();
}

double bytes_in(const fs::path& directory) {
  double bytes = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  }
  return bytes;
}

}  // namespace bench
