#include "observe/report_page.hpp"

namespace deriva::detail {

std::string_view report_script() noexcept {
  return R"js(
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// --- Text

const count = n => n.toLocaleString("en-US");
const percent = x => (x * 100).toFixed(x > 0 && x < 0.1 || x > 0.995 && x < 1 ? 1 : 0) + " %";
function scaled(value, units) {
  let unit = 0;
  while (value >= 999.5 && unit + 1 < units.length) { value /= 1000; unit++; }
  return (unit === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)) + " " + units[unit];
}
const bytes = n => scaled(n, ["B", "kB", "MB", "GB", "TB"]);
function duration(s) {
  if (s >= 120) return Math.floor(s / 60) + " min " + Math.floor(s % 60) + " s";
  return s >= 1 ? (s >= 10 ? s.toFixed(1) : s.toFixed(2)) + " s" : scaled(s * 1e6, ["\u00b5s", "ms"]);
}
function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}
const sum = values => values.reduce((a, b) => a + b, 0);

// --- Functions, the slowest first; the first eight have colours

const bySlowness = data.functions.map((f, i) => i).sort((a, b) => data.functions[b].total - data.functions[a].total);
const colourOf = new Array(data.functions.length).fill("--other");
bySlowness.slice(0, 8).forEach((f, i) => colourOf[f] = "--c" + i);
const swatch = f => { const s = element("i", "", "swatch"); s.style.background = `var(${colourOf[f]})`; return s; };
const runs = sum(data.functions.map(f => f.runs));
const busy = sum(data.functions.map(f => f.total));

// --- Tiles

$("title").textContent = data.title;
$("when").textContent = new Date(data.begin).toISOString().replace("T", " ").slice(0, 19) + " UTC, " +
  count(data.events) + " events";
if (data.dropped > 0) $("warning").append(element("p", count(data.dropped) +
  " events were dropped because they came faster than they could be collected: counts are too low.", "warn"));
function tile(id, value, label) {
  const made = element("div", undefined, "tile"), number = element("b", value);
  number.id = id;
  made.append(number, element("span", label));
  $("tiles").append(made);
}
const r = data.requests, requests = r.computed + r.hit + r.failed + r.cancelled;
const verified = sum(data.verdicts), violations = data.verdicts[1] + data.verdicts[2];
const failed = sum(data.functions.map(f => f.failed));
tile("tile-runs", count(runs), "functions run" + (failed ? ", " + count(failed) + " failed" : ""));
tile("tile-seconds", duration(data.seconds), "from the first event to the last");
tile("tile-busy", data.seconds > 0 ? (busy / data.seconds).toFixed(1) : "0", "running at the same time, on average");
tile("tile-requests", count(requests), (requests === 1 ? "request, " : "requests, ") + count(r.hit) + " found" + (r.failed ? ", " + count(r.failed) + " failed" : ""));
tile("tile-bytes", bytes(sum(data.functions.map(f => f.out))), "returned by functions");
tile("tile-verified", verified ? (violations ? count(violations) : "0") : "\u2013", verified ?
  (violations === 1 ? "violation" : "violations") + " in " + count(verified) + " verified" : "nothing was verified");
if (violations) $("tile-verified").className = "bad";

// --- Timeline

const drawn = data.runs.length / 5;
const start = new Float64Array(drawn), took = new Float64Array(drawn);
for (let i = 0, at = 0; i < drawn; i++) {
  at += data.runs[i * 5];
  start[i] = at / 1e6;
  took[i] = data.runs[i * 5 + 1] / 1e6;
}
const byName = data.tracks.map((name, i) => i).sort((a, b) => data.tracks[a].localeCompare(data.tracks[b], "en", {numeric: true}));
const rowOf = byName.reduce((rows, track, i) => (rows[track] = i, rows), []);
const trackOf = i => rowOf[data.runs[i * 5 + 2]], functionOf = i => data.runs[i * 5 + 3], succeeded = i => data.runs[i * 5 + 4] === 0;
const critical = new Set(data.critical.map(c => c.run));
const canvas = $("timeline"), pen = canvas.getContext("2d");
const left = 92, row = data.tracks.length > 16 ? 18 : 26, gap = 4, axis = 24;
let from = 0, to = Math.max(data.seconds, 1e-6), width = 0;
const xOf = t => left + (t - from) / (to - from) * (width - left);
function step(span) {
  const rough = span / 8, power = Math.pow(10, Math.floor(Math.log10(rough)));
  return power * [1, 2, 5, 10].find(m => m * power >= rough);
}
function draw() {
  const height = axis + data.tracks.length * (row + gap), ratio = window.devicePixelRatio || 1;
  width = canvas.parentNode.clientWidth;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.height = height + "px";
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = "11.5px system-ui, sans-serif";
  const soft = css("--soft"), line = css("--line"), track = css("--track"), ink = css("--ink"), card = css("--card");
  const colours = data.functions.map((f, i) => css(colourOf[i])), bad = css("--bad");
  const unit = step(to - from);
  byName.map(track => data.tracks[track]).forEach((name, i) => {
    pen.fillStyle = track;
    pen.fillRect(left, axis + i * (row + gap), width - left, row);
    pen.fillStyle = soft;
    pen.fillText(name.length > 14 ? name.slice(0, 13) + "\u2026" : name, 0, axis + i * (row + gap) + row / 2 + 4);
  });
  for (let t = Math.ceil(from / unit) * unit; t <= to; t += unit) {
    pen.fillStyle = line;
    pen.fillRect(xOf(t), axis - 6, 1, height);
    pen.fillStyle = soft;
    const label = t === 0 ? "0" : duration(t);
    if (xOf(t) + 3 + pen.measureText(label).width <= width) pen.fillText(label, xOf(t) + 3, 12);
  }
  const last = new Int32Array(data.tracks.length).fill(-1), outlined = [];
  for (let i = 0; i < drawn; i++) {
    if (start[i] > to) break;
    if (start[i] + took[i] < from) continue;
    const x = Math.max(left, xOf(start[i])), end = Math.min(width, Math.max(x + 1, xOf(start[i] + took[i])));
    const y = axis + trackOf(i) * (row + gap);
    if (critical.has(i)) outlined.push([x, y, end - x, i]);
    if (end - x <= 1 && Math.floor(x) === last[trackOf(i)]) continue;  // This pixel is drawn already.
    last[trackOf(i)] = Math.floor(x);
    pen.fillStyle = succeeded(i) ? colours[functionOf(i)] : bad;
    pen.fillRect(x, y, end - x > 3 ? end - x - 0.5 : end - x, row);
    if (end - x > 60) {
      pen.fillStyle = card;
      pen.fillText(data.functions[functionOf(i)].name.slice(0, Math.floor((end - x - 8) / 6.5)), x + 5, y + row / 2 + 4);
    }
  }
  pen.strokeStyle = ink;
  pen.lineWidth = 1.5;
  for (const [x, y, w] of outlined) pen.strokeRect(x + 0.75, y + 0.75, Math.max(w - 2, 0.5), row - 1.5);
}
function zoom(centre, factor) {
  const span = Math.min(Math.max((to - from) * factor, 1e-6), Math.max(data.seconds, 1e-6));
  from = Math.min(Math.max(centre - (centre - from) * span / (to - from), 0), Math.max(data.seconds - span, 0));
  to = from + span;
  draw();
}
function runAt(event) {
  const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top - axis;
  const track = Math.floor(y / (row + gap));
  for (let i = drawn - 1; i >= 0; i--) {
    if (trackOf(i) === track && x >= xOf(start[i]) - 1 && x <= Math.max(xOf(start[i] + took[i]), xOf(start[i]) + 1) + 1) return i;
  }
  return -1;
}
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  const x = event.clientX - canvas.getBoundingClientRect().left;
  zoom(from + Math.max(x - left, 0) / (width - left) * (to - from), event.deltaY > 0 ? 1.25 : 0.8);
}, {passive: false});
let held = null;
canvas.addEventListener("pointerdown", event => { held = event.clientX; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener("pointerup", () => held = null);
canvas.addEventListener("dblclick", () => { from = 0; to = Math.max(data.seconds, 1e-6); draw(); });
canvas.addEventListener("pointermove", event => {
  const tip = $("tip");
  if (held !== null) {
    const moved = (held - event.clientX) / (width - left) * (to - from), span = to - from;
    held = event.clientX;
    from = Math.min(Math.max(from + moved, 0), Math.max(data.seconds - span, 0));
    to = from + span;
    draw();
  }
  const i = held === null ? runAt(event) : -1;
  tip.style.display = i < 0 ? "none" : "block";
  if (i < 0) return;
  tip.textContent = data.functions[functionOf(i)].name + ": " + duration(took[i]) + ", at " + duration(start[i]) +
    (succeeded(i) ? "" : ", failed") + (critical.has(i) ? ", on the critical path" : "");
  tip.style.left = Math.min(event.clientX + 14, window.innerWidth - 300) + "px";
  tip.style.top = event.clientY + 16 + "px";
});
canvas.addEventListener("pointerleave", () => $("tip").style.display = "none");
window.addEventListener("resize", draw);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
for (const f of bySlowness.slice(0, 8)) {
  const entry = element("span");
  entry.append(swatch(f), data.functions[f].name);
  $("legend").append(entry);
}
if (bySlowness.length > 8) {
  const entry = element("span"), s = element("i", "", "swatch");
  s.style.background = "var(--other)";
  entry.append(s, count(bySlowness.length - 8) + " more");
  $("legend").append(entry);
}
if (drawn < runs) $("legend").append(element("span", "the first " + count(drawn) + " of " + count(runs) + " runs"));
draw();

// --- Tables

function table(id, headings, rows) {
  const head = element("tr");
  headings.forEach(h => head.append(element("th", h)));
  $(id).append(head);
  for (const cells of rows) {
    const line = element("tr");
    for (const cell of cells) {
      const td = element("td");
      td.append(cell);
      if (cell instanceof Node && cell.className === "meter") td.className = "bar";
      line.append(td);
    }
    $(id).append(line);
  }
}
function meter(share, colour) {
  const made = element("div", undefined, "meter"), fill = element("i");
  fill.style.width = Math.max(share * 100, share > 0 ? 0.5 : 0) + "%";
  if (colour) fill.style.background = `var(${colour})`;
  made.append(fill);
  return made;
}
function named(f) {
  const made = element("span");
  made.append(swatch(f), data.functions[f].name);
  return made;
}
const shown = 25;
table("functions", ["function", "", "total", "runs", "median", "95 %", "longest", "in", "out"],
  bySlowness.slice(0, shown).map(f => {
    const d = data.functions[f];
    return [named(f), meter(d.total / busy || 0, colourOf[f]), duration(d.total), count(d.runs) +
      (d.failed ? " (" + count(d.failed) + " failed)" : ""), duration(d.median), duration(d.p95), duration(d.max), bytes(d.in), bytes(d.out)];
  }));

// --- Critical path

if (data.critical.length) {
  const c = data.critical, working = sum(c.map(one => one.duration));
  $("path-note").textContent = (c.length == 1 ? "1 function takes " : `${count(c.length)} functions, each an input of the next, take `) +
    `${duration(working)}: with any number of threads the run takes at least that long, and less only if these become faster.`;
  const scale = Math.max(data.seconds, 1e-9);
  for (const one of c.length > 2000 ? c.slice().sort((a, b) => b.duration - a.duration).slice(0, 2000) : c) {
    const bar = element("i");
    bar.style.left = one.start / scale * 100 + "%";
    bar.style.width = one.duration / scale * 100 + "%";
    bar.style.background = `var(${colourOf[one.function]})`;
    bar.title = data.functions[one.function].name + ": " + duration(one.duration);
    $("strip").append(bar);
  }
  const longest = c.map((one, i) => i).sort((a, b) => c[b].duration - c[a].duration).slice(0, 10).sort((a, b) => a - b);
  table("path-table", ["function", "", "took", "began at", "reason", "recipe"], longest.map(i => [named(c[i].function),
    meter(c[i].duration / working, colourOf[c[i].function]), duration(c[i].duration), duration(c[i].start),
    c[i].reason.replaceAll("_", " "), element("code", c[i].address.slice(0, 12))]));
  if (c.length > longest.length) $("path").append(element("p", `The ${longest.length} longest of ${count(c.length)}.`, "note"));
} else {
  $("path").remove();
  $("outlined").remove();
}

// --- Counts

function bars(id, rows) {
  for (const [label, share, text, colour] of rows) $(id).append(element("span", label), meter(share, colour), element("span", text));
}
const reasons = data.reasons.filter(one => one[1] > 0).sort((a, b) => b[1] - a[1]);
const most = Math.max(1, ...reasons.map(one => one[1]));
bars("reasons", reasons.map(([name, n]) => [name.replaceAll("_", " "), n / most, count(n)]));
const tiers = data.tiers.filter(([, hits, misses]) => hits + misses > 0);
bars("tiers", tiers.map(([name, hits, misses]) => [name, hits / (hits + misses),
  percent(hits / (hits + misses)) + " of " + count(hits + misses), "--good"]));
if (!tiers.length) $("tiers").append(element("span", "Nothing was looked up.", "soft"));
if (data.commits) {
  $("tiers").parentNode.append(element("p", count(data.commits) + (data.commits === 1 ? " commit, " : " commits, ") + duration(data.flushed) + " waiting for the disk", "note"));
}
const v = $("verification");
if (!verified) v.append(element("span", "Nothing was verified.", "soft"));
else {
  const lines = element("div", undefined, "rows");
  lines.id = "verdicts";
  v.append(lines);
  bars("verdicts", [["equal", data.verdicts[0] / verified, count(data.verdicts[0]), "--good"],
    ["different", data.verdicts[1] / verified, count(data.verdicts[1]), "--bad"],
    ["failed on rerun", data.verdicts[2] / verified, count(data.verdicts[2]), "--bad"]]);
  for (const one of data.violations.slice(0, 5)) {
    const line = element("p", `${one.function} gave ${one.verdict.replaceAll("_", " ")}: `, "bad");
    line.append(element("code", one.address.slice(0, 12)));
    v.append(line);
  }
}

// --- Curves

function curve(id, values, colour) {
  const top = Math.max(...values, 1), w = 560, h = 120, n = values.length - 1;
  const x = i => (i / n * w).toFixed(1), y = value => (h - value / top * h).toFixed(1);
  const path = "M" + values.map((value, i) => x(i) + " " + y(value)).join("L");
  $(id).innerHTML = `<svg viewBox="0 -14 ${w} 160" role="img" aria-label="curve" preserveAspectRatio="none">
    <line x1="0" x2="${w}" y1="0" y2="0" stroke="var(--line)"/><line x1="0" x2="${w}" y1="${h}" y2="${h}" stroke="var(--line)"/>
    <path d="${path}L${w} ${h}L0 ${h}Z" fill="var(${colour})" opacity="0.14"/>
    <path d="${path}" fill="none" stroke="var(${colour})" stroke-width="2" vector-effect="non-scaling-stroke"/></svg>`;
  const foot = element("div", undefined, "soft");
  foot.style.cssText = "display:flex;justify-content:space-between;font-size:12.5px;margin-top:4px";
  foot.append(element("span", "0"), element("span", "at most " + bytes(Math.max(...values))), element("span", duration(data.seconds)));
  $(id).append(foot);
}
curve("written", data.written, "--c0");
curve("cached", data.cached, "--c1");
document.body.dataset.ready = "yes";
)js";
}

}  // namespace deriva::detail
