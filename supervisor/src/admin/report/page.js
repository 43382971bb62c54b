"use strict";
// Everything that stands in the data was made up by somebody else: it reaches the page
// as text only, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const classes = ["ok", "failed", "denied", "running"];
const names = { ok: "ended well", failed: "failed", denied: "denied or refused", running: "running" };
const state = { principal: "", tool: "", verdict: "", search: "", from: null, to: null, rows: 50, asked: 10 };
for (const one of [data.calls, data.approvals, data.keys].flat()) one.at = Date.parse(one.time);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "class") node.className = value;
    else if (name === "onclick") node.addEventListener("click", value);
    else node.setAttribute(name, value);
  }
  for (const child of children) node.append(child instanceof Node ? child : String(child));
  return node;
}
function drawn(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
const count = (number) => number.toLocaleString("en");
function took(micros) {
  if (micros === null) return "–";
  if (micros < 1e4) return (micros / 1e3).toFixed(1) + " ms";
  if (micros < 1e6) return (micros / 1e3).toFixed(0) + " ms";
  return micros < 1e8 ? (micros / 1e6).toFixed(1) + " s" : (micros / 1e6).toFixed(0) + " s";
}
function size(bytes) {
  if (bytes === null) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < 4) { bytes /= 1024; unit += 1; }
  return (unit && bytes < 10 ? bytes.toFixed(1) : bytes.toFixed(0)) + " " + units[unit];
}
const stamp = (at) => new Date(at).toISOString().slice(0, 19).replace("T", " ");
const brief = (at) => new Date(at).toISOString().slice(5, 16).replace("T", " ");

function wanted(call) {
  if (state.principal && call.principal !== state.principal) return false;
  if (state.tool && call.tool !== state.tool) return false;
  if (state.verdict && call.class !== state.verdict) return false;
  if (state.from !== null && (call.at < state.from || call.at >= state.to)) return false;
  if (!state.search) return true;
  const text = [call.tool, call.principal, call.user, call.command, call.reason, call.code, call.rule, call.run, call.verdict];
  return text.join("\n").toLowerCase().includes(state.search.toLowerCase());
}
function group(calls, key) {
  const groups = new Map();
  for (const call of calls) {
    const name = call[key] || "–";
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(call);
  }
  return [...groups].sort((a, b) => b[1].length - a[1].length);
}
const of = (calls, kind) => calls.filter((call) => call.class === kind);

function tiles(calls) {
  const walls = calls.map((call) => call.wall).filter((wall) => wall !== null).sort((a, b) => a - b);
  const percentile = (part) => (walls.length ? took(walls[Math.floor((walls.length - 1) * part)]) : "–");
  const share = (kind) => {
    const number = of(calls, kind).length;
    return count(number) + (calls.length ? " · " + Math.round((100 * number) / calls.length) + " %" : "");
  };
  const all = [
    [count(calls.length), "calls"], [share("denied"), "denied or refused"], [share("failed"), "failed"],
    [percentile(0.5), "median time"], [percentile(0.95), "95th percentile"], [count(group(calls, "user").length), "users"],
  ];
  byId("tiles").replaceChildren(...all.map(([number, name]) => make("div", { class: "tile" }, make("b", {}, number), make("span", {}, name))));
}

const steps = [1, 5, 15, 60, 300, 900, 3600, 10800, 21600, 43200, 86400, 604800, 2592000];
function named(seconds) {
  const units = [[604800, "week"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [unit, name] = units.find(([unit]) => seconds % unit === 0);
  const number = seconds / unit;
  return number === 1 ? "each " + name : "each " + number + " " + name + "s";
}
function time(calls) {
  const chart = byId("time");
  chart.replaceChildren();
  byId("axis").replaceChildren();
  byId("bucket").textContent = "";
  if (!calls.length) return;
  const [first, last] = calls.reduce(([low, high], call) => [Math.min(low, call.at), Math.max(high, call.at)], [Infinity, -Infinity]);
  const span = Math.max(1, (last - first) / 1000);
  const step = (steps.find((step) => span / step <= 72) || Math.ceil(span / 72)) * 1000;
  const start = Math.floor(first / step) * step;
  const buckets = Array.from({ length: Math.floor((last - start) / step) + 1 }, () => ({ ok: 0, failed: 0, denied: 0, running: 0 }));
  for (const call of calls) buckets[Math.floor((call.at - start) / step)][call.class] += 1;
  const most = Math.max(...buckets.map((bucket) => classes.reduce((sum, kind) => sum + bucket[kind], 0)));
  const [width, height] = [1000, 190];
  chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const part of [0, 0.5, 1]) chart.append(drawn("line", { x1: 0, x2: width, y1: height * part, y2: height * part }));
  const wide = Math.min(width / buckets.length, 40);
  buckets.forEach((bucket, index) => {
    const [from, bar] = [start + index * step, drawn("g", {})];
    let top = height;
    for (const kind of classes) {
      const tall = (bucket[kind] / most) * height;
      top -= tall;
      if (tall > 0) bar.append(drawn("rect", { class: "bar " + kind, x: index * wide + wide * 0.12, width: wide * 0.76, y: top, height: tall, rx: Math.min(2, wide / 8) }));
    }
    const title = drawn("title", {});
    title.textContent = stamp(from) + classes.filter((kind) => bucket[kind]).map((kind) => `\n${bucket[kind]} ${names[kind]}`).join("");
    const hit = drawn("rect", { class: "hit", x: index * wide, width: wide, y: 0, height });
    hit.append(title);
    hit.addEventListener("click", () => { [state.from, state.to] = [from, from + step]; draw(); });
    bar.append(hit);
    chart.append(bar);
  });
  byId("bucket").textContent = named(step / 1000) + ", at most " + count(most);
  const ends = wide * buckets.length < width * 0.95 ? [start, start + step * buckets.length] : [start, start + step * Math.floor(buckets.length / 2), start + step * buckets.length];
  byId("axis").replaceChildren(...ends.map((at) => make("span", {}, brief(at))));
  byId("axis").style.setProperty("width", (100 * wide * buckets.length) / width + "%");
  byId("axis").style.setProperty("min-width", "200px");
}

function bars(id, calls, key) {
  const groups = group(calls, key).slice(0, 12);
  const most = groups.length ? groups[0][1].length : 1;
  byId(id).replaceChildren(...groups.map(([name, own]) => {
    const track = make("span", { class: "track" });
    for (const kind of classes) {
      const part = make("i", { class: kind });
      part.style.setProperty("width", (100 * of(own, kind).length) / most + "%");
      if (of(own, kind).length) track.append(part);
    }
    const pick = () => { state[key] = name === "–" || state[key] === name ? "" : name; draw(); };
    return make("button", { type: "button", title: name, onclick: pick }, make("span", { class: "name" }, name), track, make("span", { class: "count" }, count(own.length)));
  }));
  if (!groups.length) byId(id).append(make("p", { class: "none" }, "none"));
}

function table(id, columns, rows, none) {
  if (!rows.length) return byId(id).replaceChildren(make("caption", { class: "none" }, none || "none"));
  const head = make("tr", {}, ...columns.map(([name, , kind]) => make("th", { class: kind || "" }, name)));
  const body = rows.map((row) => make("tr", {}, ...columns.map(([name, cell, kind]) => make("td", { class: kind || "", "data-name": name }, cell(row)))));
  byId(id).replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
}
const verdict = (call) => make("span", { class: "verdict " + call.class }, call.verdict);
const command = (call) => call.command || (call.code ? call.code + ": " + call.reason : "");
const when = (one) => make("span", { class: "soft" }, stamp(one.at));

function denials(calls) {
  const rows = group(of(calls, "denied").map((call) => ({ ...call, key: call.code + "\n" + call.rule })), "key").slice(0, 12);
  table("denials", [
    ["Reason", ([, own]) => make("span", { class: "code" }, own[0].code)],
    ["Rule", ([, own]) => make("span", { class: "code soft" }, own[0].rule || "–")],
    ["Calls", ([, own]) => count(own.length), "number"],
    ["Callers", ([, own]) => group(own, "user").map(([name]) => name).slice(0, 4).join(", ")],
    ["Last one", ([, own]) => own[own.length - 1].reason, "text"],
  ], rows, "Nothing was denied.");
}
const within = (one) => state.from === null || (one.at >= state.from && one.at < state.to);
function approvals() {
  const found = data.approvals.filter((one) => {
    if ((state.principal && one.principal !== state.principal) || (state.tool && one.tool !== state.tool) || !within(one)) return false;
    const text = [one.id, one.tool, one.principal, one.user, one.command, one.answer, one.by, one.reason, one.rule].join("\n");
    return text.toLowerCase().includes(state.search.toLowerCase());
  });
  const waits = found.map((one) => one.waited).filter((waited) => waited !== null).sort((a, b) => a - b);
  byId("asked").textContent = found.length ? `${count(found.length)} asked for` + (waits.length ? `, answered after ${took(waits[Math.floor(waits.length / 2)])} in the median` : "") : "";
  const said = (one) => [one.reason, one.until && "until " + one.until.slice(0, 16).replace("T", " "), one.revoked === null ? "" : "taken back" + (one.revoked && " by " + one.revoked)].filter(Boolean).join(", ");
  table("approvals", [
    ["Asked", when], ["User", (one) => one.user], ["Principal", (one) => one.principal], ["Tool", (one) => one.tool],
    ["Answer", (one) => make("span", { class: "verdict " + one.class }, one.answer)], ["By", (one) => one.by || "–"],
    ["Waited", (one) => took(one.waited), "number"], ["Runs", (one) => (one.runs ? count(one.runs) : ""), "number"],
    ["Command, and what was said", (one) => make("span", {}, make("span", { class: "code" }, one.command), make("span", { class: "soft said" }, said(one))), "text"],
  ], found.slice(-state.asked).reverse(), data.approvals.length ? "No request is like that." : "Nothing was asked for.");
  byId("moreasked").hidden = found.length <= state.asked;
}
function keys() {
  byId("keyring").hidden = !data.keys.length;
  const found = data.keys.filter(within).map((one) => ({ ...one, key: one.wrong ? "\n" : one.name }));
  const rows = group(found, "key").slice(0, 50);
  const times = (own) => own.reduce((sum, one) => sum + one.times, 0);
  table("keys", [
    ["Key", ([, own]) => (own[0].wrong ? make("span", { class: "verdict denied" }, "a wrong one") : make("span", { class: "code" }, own[0].name))],
    ["Times", ([, own]) => count(times(own)), "number"],
    ["First", ([, own]) => when(own[0])], ["Last", ([, own]) => when(own[own.length - 1])],
    ["From", ([, own]) => group(own, "address").map(([name, all]) => `${name} (${count(times(all))})`).slice(0, 8).join(", "), "text"],
  ], rows, "No key was presented then.");
}
function runs(id, calls, key, shown) {
  const rows = calls.filter((call) => call[key] !== null).sort((a, b) => b[key] - a[key]).slice(0, 8);
  table(id, [
    [key === "wall" ? "Time" : "Memory", (call) => make("b", {}, shown(call[key])), "number"],
    ["Tool", (call) => call.tool], ["User", (call) => call.user], ["Verdict", verdict],
    [key === "wall" ? "Processor" : "Time", (call) => (key === "wall" ? took(call.cpu) : took(call.wall)), "number"],
    ["When", when],
  ], rows, "Nothing ran.");
}
function list(calls) {
  const rows = calls.slice(-state.rows).reverse();
  table("calls", [
    ["When", when], ["User", (call) => call.user], ["Principal", (call) => call.principal], ["Tool", (call) => call.tool],
    ["Verdict", verdict], ["Time", (call) => took(call.wall), "number"],
    ["Command, or why not", (call) => make("span", { class: "code" }, command(call)), "text"],
  ], rows, "No call is like that.");
  byId("shown").textContent = `${count(rows.length)} of ${count(calls.length)}, the latest first`;
  byId("more").hidden = rows.length >= calls.length;
}

function choices(id, key, all) {
  const values = all || group(data.calls, key).map(([name]) => [name, name]).filter(([name]) => name !== "–");
  byId(id).replaceChildren(make("option", { value: "" }, "all"), ...values.map(([value, name]) => make("option", { value }, name)));
  byId(id).addEventListener("change", () => { state[key] = byId(id).value; draw(); });
}
function draw() {
  for (const key of ["principal", "tool", "verdict", "search"]) if (byId(key).value !== state[key]) byId(key).value = state[key];
  byId("period").hidden = state.from === null;
  if (state.from !== null) byId("period").textContent = `${stamp(state.from)} – ${stamp(state.to)}  ×`;
  const calls = data.calls.filter(wanted);
  tiles(calls);
  time(calls);
  bars("principals", calls, "principal");
  bars("tools", calls, "tool");
  denials(calls);
  runs("slowest", calls, "wall", took);
  runs("heaviest", calls, "memory", size);
  list(calls);
  approvals();
  keys();
  document.body.dataset.calls = calls.length;
}

byId("about").textContent = [data.host, data.range, "made " + stamp(Date.parse(data.made)), data.left_out ? `the latest ${count(data.calls.length)} of ${count(data.calls.length + data.left_out)} calls` : ""].filter(Boolean).join(" · ");
byId("chain").textContent = data.chain.words;
byId("chain").className = data.chain.whole ? "whole" : "broken";
byId("findings").hidden = data.chain.whole;
byId("findings").querySelector("ul").replaceChildren(...data.chain.findings.map((finding) => make("li", {}, finding)));
byId("legend").replaceChildren(...classes.map((kind) => make("span", {}, make("i", { class: "dot " + kind }), names[kind])));
choices("principal", "principal");
choices("tool", "tool");
choices("verdict", "verdict", classes.map((kind) => [kind, names[kind]]));
byId("search").addEventListener("input", () => { state.search = byId("search").value; draw(); });
byId("period").addEventListener("click", () => { state.from = state.to = null; draw(); });
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("reset", (event) => {
  event.preventDefault();
  Object.assign(state, { principal: "", tool: "", verdict: "", search: "", from: null, to: null, rows: 50, asked: 10 });
  draw();
});
byId("more").addEventListener("click", () => { state.rows *= 4; draw(); });
byId("moreasked").addEventListener("click", () => { state.asked *= 4; draw(); });
draw();
document.body.dataset.ready = "yes";
