"use strict";
// Shared by all pages: data files, elements, numbers, the state in the hash, sortable tables, and the theme.

const ITB = {
  data: {},
  put(key, value) { this.data[key] = value; },
  // Load data/KEY.js once. A script, since a page opened from disk may not fetch.
  load(key) {
    if (key in this.data) return Promise.resolve(this.data[key]);
    return new Promise((resolve, reject) => {
      const script = h("script", {src: `data/${key}.js`});
      script.onload = () => resolve(this.data[key]);
      script.onerror = () => reject(new Error(`data/${key}.js is missing`));
      document.head.append(script);
    });
  },
};

// An element; every text, of files too, becomes a text node and never markup.
function h(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG.has(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== ""));
  return element;
}
const SVG = new Set(["svg", "line", "text"]);

const WORDS = {explained_variance: "Explained variance", correlation: "Correlation",
  explained_variance_corrected: "Explained variance / ceiling", brainscore: "(r / ceiling)², Brain-Score’s ratio"};
const BASELINES = {pixels: "the image itself", gabor: "Gabor filters, a model of V1", random: "a network with random weights",
  shuffled: "images in another order than the responses", "object-label": "the name of the object alone, without vision",
  animals: "each animal’s sites from those of the others", ceiling: "the reliability of the sites"};
const BASELINE = "A baseline, in italics, is a reference that was scored by itbench baselines; it has no rank, also where the same model, scored by itbench score, has one.";
const CORRECTED = {explained_variance: "explained_variance_corrected", correlation: "brainscore"};
const STATES = {"other setup": "Other setup than most: not ranked", earlier: "Scored by earlier rules: not ranked",
  "no value": "Failed or without a value", failed: "Failed or without a value", "not run": "Not run"};

const measureName = measure => WORDS[measure] || ITB.data.index.labels[measure] || measure;
const number = value => value === null || value === undefined ? "–" : value.toFixed(3).replace("-", "−").replace(/^−(0\.0+)$/, "$1");
const range = (low, high) => low === null || low === undefined ? "" : `${number(low)} to ${number(high)}`;
const rankText = rank => !rank ? "" : rank[0] === rank[1] ? `${rank[0]}` : `${rank[0]}–${rank[1]}`;
const modelUrl = (model, table) => `model.html?m=${encodeURIComponent(model.slug)}${tableHash(table)}`;
const benchmarkUrl = benchmark => `benchmark.html?b=${encodeURIComponent(benchmark.slug)}`;
const compareUrl = (a, b, table) => `compare.html?a=${encodeURIComponent(a.slug)}&b=${encodeURIComponent(b.slug)}${tableHash(table)}`;
const tableHash = table => table ? `#${new URLSearchParams({benchmark: benchmarkOf(table).name, metric: table.metric})}` : "";
const benchmarkOf = table => ITB.data.index.benchmarks[table.benchmark];
const modelOf = row => ITB.data.index.models[row.m];
const weightsOf = model => model.weights === "none" ? "" : model.weights;
const fullName = model => weightsOf(model) ? `${model.model} (${model.weights})` : model.model;
const nameLink = (model, table, baseline) => {
  const link = h("a", {href: modelUrl(model, table)}, model.model);
  return [baseline ? h("em", {}, link) : link, weightsOf(model) ? h("small", {class: "weights"}, model.weights) : null];
};
const noteText = row => (row.note || "").replace(/baseline: ([\w-]+)/, (whole, name) => BASELINES[name] ? `${whole}, ${BASELINES[name]}` : whole);
const intervalText = (row, triple) => range(triple[1], triple[2]) || (row.note?.includes("baseline: ceiling") ? "" : "no interval");
const sentence = text => !text || /[.!?]$/.test(text) ? text || "" : `${text}.`;
// A text with its code in backticks and its addresses as elements.
const prose = text => text.split(/(`[^`]+`|https?:\/\/[^\s)]*[^\s).,;])/).map((part, i) => i % 2 === 0 ? part
  : part[0] === "`" ? h("code", {}, part.slice(1, -1)) : h("a", {href: part}, part));
const resampled = text => text?.replace(/^([\d,]+ (?!images?\b)[^×]+?)( ×|$)/, "$1 (with their images)$2");
// p of draws: no less than what so many can show.
function pText(p, draws) {
  const least = 2 / (draws + 1);
  return p === null || p === undefined ? "none" : p <= least + 5e-5 ? `≤ ${Number(least.toPrecision(1))} (${draws.toLocaleString("en")} draws)` : p < 0.001 ? p.toFixed(4) : p.toFixed(3);
}
const query = name => new URLSearchParams(location.search).get(name);
const unique = values => [...new Set(values)];

// The state of a page lies in its hash: links hold it, and the back button returns to it.
function readState(defaults) {
  const found = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(Object.keys(defaults).map(key => [key, found.get(key) ?? defaults[key]]));
}
function writeState(state, defaults, replace = false) {
  const changed = Object.entries(state).filter(([key, value]) => value !== defaults[key]);
  const url = `${location.pathname}${location.search}#${new URLSearchParams(changed)}`;
  history[replace ? "replaceState" : "pushState"](null, "", url);
}
const isDefault = table => table.metric === benchmarkOf(table).metric;
const ranked = table => ITB.data.index.rows.filter(row => row.rank && ITB.data.index.tables[row.t] === table).length;
// The table that the hash names, or of those given the one of most models; the benchmark's default metric is first of equals.
function tableOf(state, tables) {
  const named = tables.filter(table => benchmarkOf(table).name === state.benchmark);
  if (named.length) return named.find(table => table.metric === state.metric) || named.find(isDefault) || named[0];
  const sizes = new Map(tables.map(table => [table, ranked(table)]));
  return [...tables].sort((one, other) => sizes.get(other) - sizes.get(one) || isDefault(other) - isDefault(one))[0];
}
// A choice of metrics with what each is for, the benchmark's default first.
function metricSelect(tables, value, onchange) {
  const purposes = ITB.data.index.purposes, unlike = tables.filter(table => !isDefault(table));
  const option = table => h("option", {value: table.metric, selected: table.metric === value}, purposes[table.metric] ? `${table.metric}: ${purposes[table.metric]}` : table.metric);
  const group = (label, some) => some.length ? h("optgroup", {label}, some.map(option)) : null;
  const control = h("select", {class: "metrics", onchange: () => onchange(control.value)}, group("Default of the benchmark", tables.filter(isDefault)), group("Other metrics", unlike));
  return h("label", {}, h("span", {}, "Metric"), control);
}

function select(label, options, value, onchange) {
  const items = options.map(option => Array.isArray(option) ? option : [option, option]);
  const control = h("select", {onchange: () => onchange(control.value)},
    items.map(([key, text]) => h("option", {value: key, selected: key === value}, text)));
  return h("label", {}, h("span", {}, label), control);
}
function check(label, checked, onchange) {
  const control = h("input", {type: "checkbox", checked, onchange: () => onchange(control.checked)});
  return h("label", {class: "check"}, control, h("span", {}, label));
}

// A value with its 95 % interval and the ceiling, drawn on the same scale in all cells.
const along = ([from, to], width) => at => 4 + (width - 8) * (at - from) / ((to - from) || 1);
function drawn([value, low, high], scale, ceiling = null, width = 130) {
  const x = along(scale, width), line = (cls, a, b, y1, y2) => h("line", {class: cls, x1: x(a), x2: x(b), y1, y2});
  return h("svg", {class: "interval", viewBox: `0 0 ${width} 18`, width, height: 18, "aria-hidden": "true"},
    line("zero", 0, 0, 0, 18),
    ceiling === null ? null : line("ceiling", ceiling, ceiling, 0, 18),
    low === null || low === undefined ? null : line("range", low, high, 9, 9),
    line("at", value, value, 2, 16));
}
// The axis of such cells, for the head of their column: both ends and 0.
function axis(scale, width = 130) {
  const x = along(scale, width), ends = unique([scale[0], 0, scale[1]]).filter(at => at === 0 || Math.abs(x(at) - x(0)) > 34);
  return h("svg", {class: "axis", viewBox: `0 0 ${width} 20`, width, height: 20, "aria-hidden": "true"}, h("line", {x1: 4, x2: width - 4, y1: 18, y2: 18}),
    ends.map(at => [h("line", {x1: x(at), x2: x(at), y1: 14, y2: 20}),
      h("text", {x: x(at), y: 11, "text-anchor": x(at) < 20 ? "start" : x(at) > width - 20 ? "end" : "middle"}, at === 0 ? "0" : at.toFixed(2).replace("-", "−"))]));
}
function domain(triples, ...ceilings) {
  const ends = triples.flat().concat(ceilings, 0).filter(value => value !== null && value !== undefined);
  return [Math.min(...ends), Math.max(...ends)];
}

// A table of columns {key, name, value(row), cell(row), text, ascending}, sorted by buttons in its header.
function header(columns, sort, onsort) {
  return h("thead", {}, h("tr", {}, columns.map(column => {
    const way = sort.key === column.key ? (sort.down ? "descending" : "ascending") : "none";
    const arrow = {descending: "▼", ascending: "▲", none: "↕"}[way];
    return h("th", {scope: "col", class: column.cls, "aria-sort": column.value ? way : null}, column.value
      ? h("button", {type: "button", "data-key": column.key, onclick: () => onsort(column.key,
          way === "none" ? !column.ascending : way === "ascending")},
        column.name, h("span", {"aria-hidden": "true"}, ` ${arrow}`))
      : column.name, column.extra);
  })));
}
// Compare two values for sorting: numbers and texts, those that are missing last in both directions.
function order(a, b, down) {
  const missing = value => value === null || value === undefined || value === "";
  if (missing(a) || missing(b)) return missing(a) - missing(b);
  return (typeof a === "string" ? COLLATOR.compare(a, b) : a - b) * (down ? -1 : 1);
}
const COLLATOR = new Intl.Collator("en", {numeric: true});

// Redraw a part of a page, with the focus, and the place in a text, kept on the control that had it.
function redraw(place, ...children) {
  const name = control => control.closest("label")?.querySelector("span")?.textContent || control.dataset.key
    || control.getAttribute("aria-label") || control.textContent;
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const key = focused && name(focused), at = focused?.selectionStart;
  place.replaceChildren(...children.flat(Infinity).filter(Boolean));
  const again = focused && [...place.querySelectorAll("a, button, input, select, [tabindex]")].find(one => name(one) === key);
  again?.focus();
  if (again && at !== null && at !== undefined) again.setSelectionRange(at, at);
}
// A table that scrolls in itself, and says so where it is wider than the page.
function scrolled(label, table) {
  const box = h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": label}, table);
  const hint = h("p", {class: "hint", hidden: true}, "The table goes on to the right: scroll sideways.");
  new ResizeObserver(() => {
    hint.hidden = box.scrollWidth <= box.clientWidth + 1;
    box.classList.toggle("overflows", !hint.hidden);
  }).observe(box);
  return h("div", {}, hint, box);
}
const details = (summary, ...children) => h("details", {}, h("summary", {}, summary), ...children);
function plainTable(caption, names, rows) {
  return scrolled(caption, h("table", {}, h("caption", {}, caption),
    h("thead", {}, h("tr", {}, names.map(name => h("th", {scope: "col"}, name)))),
    h("tbody", {}, rows.map(row => h("tr", {}, row.map((cell, i) => i ? h("td", {}, cell === "" || cell === null || cell === undefined ? "–" : cell) : h("th", {scope: "row"}, cell)))))));
}
const definitions = rows => h("dl", {}, rows.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text === "" ? "–" : text)]));

function command(text) {
  const said = h("span", {role: "status"});
  const copy = h("button", {type: "button", onclick: async () => {
    try { await navigator.clipboard.writeText(text); said.textContent = "Copied."; }
    catch { said.textContent = "Select the text to copy it."; }
  }}, "Copy");
  return h("div", {class: "command"}, h("pre", {tabindex: "0"}, h("code", {}, text)), copy, said);
}
const quoted = word => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\"'\"'")}'`;

// Show a page: render(state) again whenever the hash changes, by a control or by the back button.
function page(title, render) {
  const again = () => {
    if (!ITB.data.index) throw new Error("data/index.js is missing");
    render();
  };
  document.title = `${title} · itbench`;
  window.addEventListener("popstate", again);
  window.addEventListener("hashchange", again);
  again();
}

const theme = {
  get dark() {
    return (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  },
  set(name) {
    document.documentElement.dataset.theme = name;
    try { localStorage.setItem("itbench-theme", name); } catch { /* a page from disk may have no storage */ }
  },
};
try { if (localStorage.getItem("itbench-theme")) document.documentElement.dataset.theme = localStorage.getItem("itbench-theme"); } catch { /* as above */ }

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme"), label = () => { button.textContent = theme.dark ? "Light" : "Dark"; };
  button.hidden = false;
  button.setAttribute("aria-description", "Changes the colours of the page");
  button.addEventListener("click", () => { theme.set(theme.dark ? "light" : "dark"); label(); });
  label();
  const here = location.pathname.split("/").pop() || "index.html";
  document.querySelector(`nav a[href="${CSS.escape(here).replaceAll("\\", "")}"]`)?.setAttribute("aria-current", "page");
  const about = ITB.data.index?.about;
  if (about) document.body.append(h("footer", {}, h("h2", {}, "About"), h("p", {}, `itbench compares vision networks with recordings from the brain. This site was written by version ${about.version}; its ranks are of scores by edition ${about.edition} of the rules. `,
    h("a", {href: "scores.csv"}, "All scores as CSV"), ". What to cite for the models, metrics and recordings of scores: ", h("code", {}, "itbench cite"), ".")));
  document.querySelector(".skip").addEventListener("click", event => { event.preventDefault(); document.getElementById("main").focus(); });
});
