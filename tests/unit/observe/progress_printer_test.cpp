#include <deriva/observe/progress_printer.hpp>

#include <algorithm>

#include "support/catch.hpp"

namespace deriva {
namespace {

using namespace std::chrono_literals;

ProgressReport report(std::uint64_t done, std::chrono::nanoseconds elapsed) {
  ProgressReport one;
  one.done = done;
  one.running = 4;
  one.total = 345;
  one.bytes = 34'400'000;
  one.elapsed = elapsed;
  one.current = "resize/1";
  return one;
}

TEST_CASE("progress printer: a line says how far, how much, how long and what") {
  ProgressReport one = report(12, 10s);
  CHECK(progress_line(one) == "[12/345] 34 MB, 4 running: resize/1");
  one.remaining = 83s;
  one.failed = 2;
  CHECK(progress_line(one) == "[12/345] 34 MB, 2 failed, 4 running, 1:23 left: resize/1");
  one.remaining = 3'723'000'001ns;
  CHECK_THAT(progress_line(one), test::contains("0:04 left"));
  one.remaining = 2h + 3min + 4s;
  CHECK_THAT(progress_line(one), test::contains("2:03:04 left"));
  one.finished = true;
  CHECK(progress_line(one) == "[12/345] 34 MB, 2 failed, done in 10 s");
  one = report(3, 1s);
  one.bytes = 0;
  CHECK(progress_line(one) == "[3/345] 4 running: resize/1");
}

TEST_CASE("progress printer: a terminal has one line, which is rewritten, cut, and ended") {
  std::string out;
  ProgressPrinter printer([&](std::string_view text) { out += text; }, {.terminal = true, .columns = 20});
  printer(report(1, 1s));
  CHECK(out == "\r[1/345] 34 MB, 4 run\x1b[K");
  out.clear();
  ProgressReport last = report(345, 2s);
  last.finished = true;
  printer(last);
  CHECK(out == "\r[345/345] 34 MB, don\x1b[K\n");
}

TEST_CASE("progress printer: what has to be said otherwise, or a run without work, finds no half line") {
  std::string out;
  ProgressPrinter printer([&](std::string_view text) { out += text; }, {.terminal = true});
  printer.clear();
  CHECK(out.empty());
  printer(report(1, 1s));
  out.clear();
  printer.clear();
  CHECK(out == "\r\x1b[K");
  printer.clear();
  CHECK(out == "\r\x1b[K");

  ProgressReport nothing;
  nothing.finished = true;
  out.clear();
  printer(nothing);
  CHECK(out.empty());
  printer(report(1, 1s));
  out.clear();
  printer(nothing);
  CHECK(out == "\r\x1b[K");
  ProgressReport last = report(345, 2s);
  last.finished = true;
  printer(last);
  out.clear();
  printer.clear();  // That line is ended.
  CHECK(out.empty());
}

TEST_CASE("progress printer: without a terminal there are plain lines, the first, some, and the last") {
  std::string out;
  ProgressPrinter printer([&](std::string_view text) { out += text; }, {.plain_interval = 5s});
  for (int run = 0; run < 2; ++run) {
    for (int i = 0; i < 12; ++i) printer(report(static_cast<std::uint64_t>(i), i * 1s));
    ProgressReport last = report(345, 12s);
    last.finished = true;
    printer(last);
  }
  CHECK(std::count(out.begin(), out.end(), '\n') == 2 * 4);
  CHECK(out.find('\r') == std::string::npos);
  CHECK(out.find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace deriva
