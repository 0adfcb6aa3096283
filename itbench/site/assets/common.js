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
const SVG = new Set(["svg", "line"]);

const WORDS = {explained_variance: "Explained variance", correlation: "Correlation",
  explained_variance_corrected: "Explained variance / ceiling", brainscore: "(r / ceiling)², Brain-Score’s ratio"};
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
const fullName = model => `${model.model} (${model.weights})`;
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
// The table that the hash names, or the first of those given.
function tableOf(state, tables) {
  const named = tables.filter(table => benchmarkOf(table).name === state.benchmark);
  return named.find(table => table.metric === state.metric) || named[0] || tables[0];
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
function drawn([value, low, high], [from, to], ceiling = null, width = 130) {
  const x = at => 4 + (width - 8) * (at - from) / ((to - from) || 1);
  const line = (cls, a, b, y1, y2) => h("line", {class: cls, x1: x(a), x2: x(b), y1, y2});
  return h("svg", {class: "interval", viewBox: `0 0 ${width} 18`, width, height: 18, "aria-hidden": "true"},
    from < 0 && to > 0 ? line("zero", 0, 0, 0, 18) : null,
    ceiling === null ? null : line("ceiling", ceiling, ceiling, 0, 18),
    low === null || low === undefined ? null : line("range", low, high, 9, 9),
    line("at", value, value, 2, 16));
}
function domain(triples, ceiling = null) {
  const ends = triples.flat().concat(ceiling, 0).filter(value => value !== null && value !== undefined);
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
      : column.name);
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
const scrolled = (label, table) => h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": label}, table);
const details = (summary, ...children) => h("details", {}, h("summary", {}, summary), ...children);
function plainTable(caption, names, rows) {
  return scrolled(caption, h("table", {}, h("caption", {}, caption),
    h("thead", {}, h("tr", {}, names.map(name => h("th", {scope: "col"}, name)))),
    h("tbody", {}, rows.map(row => h("tr", {}, row.map((cell, i) => i ? h("td", {}, cell) : h("th", {scope: "row"}, cell)))))));
}
const definitions = rows => h("dl", {}, rows.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]));

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
  document.querySelector(".skip").addEventListener("click", event => { event.preventDefault(); document.getElementById("main").focus(); });
});
