#include "observe/report_page.hpp"

namespace deriva::detail {
namespace {

constexpr std::string_view style = R"css(
:root { color-scheme: light dark; --bg: #f7f7f5; --card: #ffffff; --ink: #1a1c1e; --soft: #60656b; --line: #e3e4e1;
  --track: #f0f0ed; --accent: #2a6fdb; --good: #188a58; --bad: #cf3f3a; --c0: #2a78d6; --c1: #1a9f70; --c2: #d08a00;
  --c3: #8a5cd0; --c4: #d9578d; --c5: #1297a8; --c6: #96703a; --c7: #6d8f1f; --other: #a3a7ab; }
@media (prefers-color-scheme: dark) { :root { --bg: #141618; --card: #1d2023; --ink: #eceef0; --soft: #9aa1a8;
  --line: #30353a; --track: #26292d; --accent: #6ea8ff; --good: #4cc38a; --bad: #ff7b72; --c0: #5b9ef0; --c1: #3fc295;
  --c2: #e3a93a; --c3: #b08cf0; --c4: #ef86b2; --c5: #45c3d3; --c6: #c39c63; --c7: #a3c454; --other: #777d83; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); font: 14px/1.45 system-ui, -apple-system, "Segoe UI",
  Roboto, "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1200px; margin: 0 auto; padding: 28px 24px 56px; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 16px; margin-bottom: 20px; }
h1 { font-size: 22px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 15px; margin: 0 0 2px; }
.soft { color: var(--soft); }
.note { color: var(--soft); margin: 0 0 12px; font-size: 13px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; min-width: 0; }
.grid { display: grid; grid-template-columns: repeat(12, 1fr); gap: 14px; }
.w12 { grid-column: span 12; } .w6 { grid-column: span 6; } .w4 { grid-column: span 4; } .w8 { grid-column: span 8; }
@media (max-width: 860px) { .w6, .w4, .w8 { grid-column: span 12; } }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; margin-bottom: 14px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile b { display: block; font-size: 24px; font-weight: 600; letter-spacing: -0.02em; line-height: 1.25; }
.tile span { color: var(--soft); font-size: 12.5px; }
.warn { border-left: 3px solid var(--bad); padding: 8px 12px; background: var(--card); border-radius: 4px; margin: 0 0 14px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 0 0 10px; font-size: 12.5px; color: var(--soft); }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
canvas { display: block; width: 100%; cursor: grab; touch-action: none; }
.scroll { max-height: 460px; overflow-y: auto; }
table { width: 100%; border-collapse: collapse; }
th { text-align: right; font-weight: 500; color: var(--soft); font-size: 12.5px; padding: 4px 8px;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
td { text-align: right; padding: 5px 8px; border-bottom: 1px solid var(--line); white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.bar { width: 22%; } th:last-child, td:last-child { padding-right: 0; }
.wide { overflow-x: auto; }
.meter { height: 8px; border-radius: 4px; background: var(--track); overflow: hidden; }
.meter i { display: block; height: 100%; border-radius: 4px; background: var(--accent); }
.rows { display: grid; grid-template-columns: max-content 1fr max-content; gap: 9px 12px; align-items: center; }
.strip { position: relative; height: 26px; border-radius: 5px; background: var(--track); overflow: hidden; margin: 6px 0 12px; }
.strip i { position: absolute; top: 0; bottom: 0; min-width: 2px; }
svg { display: block; width: 100%; height: 150px; overflow: visible; }
svg text { fill: var(--soft); font-size: 11.5px; }
code { font: 12.5px ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
#tip { position: fixed; pointer-events: none; display: none; background: var(--ink); color: var(--bg); padding: 6px 10px;
  border-radius: 6px; font-size: 12.5px; max-width: 420px; z-index: 2; }
.good { color: var(--good); } .bad { color: var(--bad); }
)css";

constexpr std::string_view markup = R"html(
<main>
<header><h1 id="title"></h1><span class="soft" id="when"></span></header>
<div id="warning"></div>
<div class="tiles" id="tiles"></div>
<div class="grid">
<section class="w12"><h2>Timeline</h2>
<p class="note">Each bar is a function that ran. Scroll to zoom, drag to move, double-click for everything.
<span id="outlined">Outlined: the critical path.</span></p>
<div class="legend" id="legend"></div><div class="scroll"><canvas id="timeline" role="img" aria-label="timeline"></canvas></div>
</section>
<section class="w12" id="path"><h2>Critical path</h2><p class="note" id="path-note"></p><div class="strip" id="strip"></div>
<div class="wide"><table id="path-table"></table></div></section>
<section class="w12"><h2>Slowest functions</h2><p class="note">By the time they took all together.</p>
<div class="wide"><table id="functions"></table></div></section>
<section class="w4"><h2>Why functions ran</h2><p class="note">The reason of each run.</p><div class="rows" id="reasons"></div></section>
<section class="w4"><h2>Hit rate</h2><p class="note">Look-ups that found the value.</p><div class="rows" id="tiers"></div></section>
<section class="w4"><h2>Verification</h2><p class="note">Values computed again and compared.</p><div id="verification"></div></section>
<section class="w6"><h2>Bytes returned by functions</h2><p class="note">All until then.</p><div id="written"></div></section>
<section class="w6"><h2>Bytes in memory</h2><p class="note">Values that were kept to be found again.</p><div id="cached"></div></section>
</div>
</main>
<div id="tip"></div>
)html";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string report_page(std::string_view title, std::string_view json) {
  std::string out = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  out += escaped(title);
  out += "</title>\n<style>";
  out += style;
  out += "</style>\n";
  out += markup;
  out += "<script type=\"application/json\" id=\"data\">";
  out += json;
  out += "</script>\n<script>";
  out += report_script();
  out += "</script>\n</html>\n";
  return out;
}

}  // namespace deriva::detail
