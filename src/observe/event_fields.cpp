#include "observe/event_fields.hpp"

#include <utility>

namespace deriva::detail {
namespace {

class Collector {
 public:
  Collector(const Event& event, const ObserverHub& hub) : event_(event), hub_(hub) {}

  void operator()(const event::RequestStarted& e) {
    request(e.request);
    address(e.target);
    if (e.parent.valid()) text("traceparent", e.parent.to_traceparent());
  }
  void operator()(const event::PlanMade& e) {
    request(e.request);
    number("nodes", e.nodes);
    number("hits", e.hits);
  }
  void operator()(const event::RequestFinished& e) {
    request(e.request);
    address(e.target);
    since(e.started);
    number("bytes", e.bytes);
    number("computed", e.computed);
    number("reused", e.reused);
    number("joined", e.joined);
    number("failed", e.failed);
    number("depth", e.depth);
    name("ending", e.ending);
    if (e.error) name("error", *e.error);
  }
  void operator()(const event::FlightStarted& e) { flight(e.flight, e.request, e.address); }
  void operator()(const event::BatchStarted& e) { number("flights", e.flights); }
  void operator()(const event::FlightJoined& e) { flight(e.flight, e.request, e.address); }
  void operator()(const event::FlightFinished& e) {
    flight(e.flight, e.request, e.address);
    since(e.started);
    name("ending", e.ending);
  }
  void operator()(const event::FlightStored& e) {
    flight(e.flight, e.request, e.address);
    since(e.started);
    number("bytes", e.bytes);
    name("ending", e.ending);
  }
  void operator()(const event::FunctionStarted& e) {
    flight(e.flight, e.request, e.address);
    written("function", e.function);
    name("reason", e.why.reason);
    if (e.why.reason == event::Reason::input_changed) number("input", e.why.input);
    if (e.why.previous_function != event::NameId::none) written("previous_function", e.why.previous_function);
    if (e.why.previous != Address()) text("previous", e.why.previous.to_string());
  }
  void operator()(const event::FunctionFinished& e) {
    flight(e.flight, e.request, e.address);
    written("function", e.function);
    name("reason", e.reason);
    since(e.started);
    number("input_bytes", e.input_bytes);
    number("output_bytes", e.output_bytes);
    name("ending", e.ending);
  }
  void operator()(const event::CutOff& e) {
    flight(e.flight, e.request, e.address);
    written("function", e.function);
    text("previous", e.previous.to_string());
  }
  void operator()(const event::CacheHit& e) {
    request(e.request);
    address(e.address);
    name("tier", e.tier);
    number("bytes", e.bytes);
    since(e.started);
  }
  void operator()(const event::CacheMiss& e) {
    request(e.request);
    address(e.address);
    name("tier", e.tier);
    since(e.started);
  }
  void operator()(const event::CacheInserted& e) {
    address(e.address);
    number("bytes", e.bytes);
  }
  void operator()(const event::CacheEvicted& e) {
    address(e.address);
    number("bytes", e.bytes);
  }
  void operator()(const event::CacheRemoved& e) {
    number("entries", e.entries);
    number("bytes", e.bytes);
  }
  void operator()(const event::DagInserted& e) {
    number("recipes", e.recipes);
    since(e.started);
  }
  void operator()(const event::DagRemoved& e) {
    number("recipes", e.recipes);
    since(e.started);
  }
  void operator()(const event::ResultsStored& e) {
    request(e.request);
    number("results", e.results);
    number("bytes", e.bytes);
    since(e.started);
    name("ending", e.ending);
  }
  void operator()(const event::Committed& e) {
    number("operations", e.operations);
    since(e.started);
    fields.push_back({"flushed", seconds(e.flushed)});
  }
  void operator()(const event::MapGrown& e) {
    number("old_bytes", e.old_bytes);
    number("new_bytes", e.new_bytes);
  }
  void operator()(const event::ReaderExpired& e) { number("transaction", e.transaction); }
  void operator()(const event::Verified& e) {
    flight(e.flight, e.request, e.address);
    written("function", e.function);
    name("verdict", e.verdict);
  }
  void operator()(const event::RpcStarted& e) {
    number("call", e.call);
    written("method", e.method);
  }
  void operator()(const event::RpcFinished& e) {
    number("call", e.call);
    written("method", e.method);
    written("status", e.status);
    since(e.started);
  }
  void operator()(const event::ObserverFailed& e) { number("observer", e.observer); }

  std::vector<Field> fields;

 private:
  void number(std::string_view key, std::uint64_t value) { fields.push_back({key, value}); }
  void text(std::string_view key, std::string value) { fields.push_back({key, std::move(value)}); }
  template <class Enum>
  void name(std::string_view key, Enum value) {
    text(key, std::string(to_string(value)));
  }
  void written(std::string_view key, event::NameId id) { text(key, std::string(hub_.name(id))); }
  void address(const Address& value) { text("address", value.to_string()); }
  void since(event::Time started) { fields.push_back({"duration", seconds(event_.time - started)}); }
  void request(event::RequestNumber value) { number("request", value); }
  void flight(event::FlightNumber flight, event::RequestNumber its_request, const Address& its_address) {
    number("flight", flight);
    request(its_request);
    address(its_address);
  }

  const Event& event_;
  const ObserverHub& hub_;
};

}  // namespace

std::vector<Field> fields_of(const Event& event, const ObserverHub& hub) {
  Collector collector(event, hub);
  std::visit(collector, event.body);
  return std::move(collector.fields);
}

}  // namespace deriva::detail
