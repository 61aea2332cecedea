#pragma once

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include <deriva/compute/audit.hpp>

#include "compute_fixture.hpp"

namespace deriva::test {

/// A store with results, and a function whose answer can be changed behind its back.
struct AuditFixture : ComputeFixture {
  AuditFixture() {
    add("count", [this](std::span<const Blob>, const Params& params) -> Result<Blob> {
      const auto number = std::get<std::int64_t>(params.at("n"));
      if (throws) throw std::runtime_error("no luck");
      return Blob::adopt((changed ? "other " : "value ") + std::to_string(number));
    });
  }
  Address compute(std::int64_t n) {
    const Address address = recipe("count", {}, {{"n", n}});
    REQUIRE(SyncExecutor(*store, registry).materialize(address).has_value());
    return address;
  }
  Result<AuditReport> audit(const AuditOptions& options = {}) {
    return deriva::audit(io.get_executor(), *store, registry, options);
  }

  std::atomic<bool> changed{false};
  std::atomic<bool> throws{false};
  boost::asio::thread_pool io{2};
};

}  // namespace deriva::test
