#include <deriva/core/trace_context.hpp>

#include <cstdint>
#include <set>
#include <string>

#include "support/catch.hpp"

namespace deriva {
namespace {

const std::string example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST_CASE("trace context: the recommendation's example is read and written unchanged") {
  const auto context = TraceContext::parse(example);
  REQUIRE(context);
  CHECK(context->trace_id[0] == 0x4b);
  CHECK(context->trace_id[15] == 0x36);
  CHECK(context->span_id[7] == 0xb7);
  CHECK(context->sampled());
  CHECK(context->to_traceparent() == example);
}

TEST_CASE("trace context: what the recommendation calls invalid is not read") {
  const auto broken = [](std::size_t at, char with) {
    std::string text = example;
    text[at] = with;
    return TraceContext::parse(text).has_value();
  };
  CHECK_FALSE(broken(3, 'A'));  // upper case
  CHECK_FALSE(broken(3, 'g'));  // no digit
  CHECK_FALSE(broken(40, 'X'));
  CHECK_FALSE(broken(54, ' '));
  CHECK_FALSE(broken(2, '_'));  // no dash
  CHECK_FALSE(broken(35, '0'));
  CHECK_FALSE(broken(52, '0'));
  CHECK_FALSE(TraceContext::parse(""));
  CHECK_FALSE(TraceContext::parse(example.substr(0, 54)));
  CHECK_FALSE(TraceContext::parse(example + "-00"));  // version 00 has four fields
  CHECK_FALSE(TraceContext::parse("ff" + example.substr(2)));
  CHECK_FALSE(TraceContext::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  CHECK_FALSE(TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
}

TEST_CASE("trace context: a later version is read as far as it is known") {
  CHECK(TraceContext::parse("01" + example.substr(2) + "-what-comes"));
  CHECK_FALSE(TraceContext::parse("01" + example.substr(2) + ".what-comes"));
}

TEST_CASE("trace context: children share the trace, and have spans of their own that are the same every time") {
  const TraceContext parent = *TraceContext::parse(example);
  std::set<std::string> spans = {parent.to_traceparent()};
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const TraceContext child = parent.child(i);
    CHECK(child.trace_id == parent.trace_id);
    CHECK(child.valid());
    CHECK(child == parent.child(i));
    spans.insert(child.to_traceparent());
  }
  CHECK(spans.size() == 1'001);
}

TEST_CASE("trace context: the default names no trace") {
  CHECK_FALSE(TraceContext().valid());
  CHECK_FALSE(TraceContext().sampled());
}

}  // namespace
}  // namespace deriva
