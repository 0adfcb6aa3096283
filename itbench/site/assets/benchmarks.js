"use strict";
// Models × benchmarks: one metric, a column a benchmark, and the cells that are empty marked by their reason.

const DEFAULTS = {metric: "", corrected: "", sort: "", down: "", q: ""};
const main = document.getElementById("main"), index = ITB.data.index, place = h("div");
const controls = h("form", {class: "controls", onsubmit: event => event.preventDefault()});
main.append(controls, place);

page("Models × benchmarks", () => {
  const state = readState(DEFAULTS), counts = d => index.tables.filter(table => table.metric === d).length;
  const metrics = unique(index.tables.map(table => table.metric)).sort((a, b) => counts(b) - counts(a));
  const metric = metrics.includes(state.metric) ? state.metric : metrics[0];
  const tables = index.tables.filter(table => table.metric === metric), numbers = tables.map(table => index.tables.indexOf(table));
  const correctable = tables.some(table => CORRECTED[table.measure]);
  const measures = tables.map(table => state.corrected && CORRECTED[table.measure] || table.measure);
  const change = (values, replace) => { writeState({...state, ...values}, DEFAULTS, replace); window.dispatchEvent(new PopStateEvent("popstate")); };
  const search = h("input", {type: "search", value: state.q, oninput: () => change({q: search.value}, true)});
  redraw(controls, select("Metric", metrics.map(one => [one, index.purposes[one] ? `${one}: ${index.purposes[one]}` : one]), metric, one => change({metric: one, sort: ""})), h("label", {}, h("span", {}, "Text"), search),
    correctable ? check("Divided by the noise ceiling", Boolean(state.corrected), on => change({corrected: on ? "1" : ""})) : null);

  const cells = new Map();  // of a model, its first row in each table: a comparable one where there is any
  for (const row of index.rows) {
    const i = numbers.indexOf(row.t);
    if (i < 0) continue;
    if (!cells.has(row.m)) cells.set(row.m, []);
    cells.get(row.m)[i] ??= row;
  }
  const words = state.q.toLowerCase().split(/\s+/);
  const models = [...cells].filter(([m]) => words.every(word => fullName(index.models[m]).toLowerCase().includes(word)));
  const value = (found, i) => { const row = found[i]; return row && (row.state === "ranked" || row.state === "baseline") ? row.v?.[measures[i]]?.[0] : null; };
  const same = unique(measures).length === 1, all = i => [...cells.values()].map(found => found[i]?.v?.[measures[i]]).filter(Boolean);
  const limits = tables.map((table, i) => measures[i] !== table.measure ? 1 : table.ceiling);
  const scales = tables.map((_, i) => same ? domain(tables.flatMap((_, j) => all(j)), ...limits) : domain(all(i), limits[i]));
  const columns = [{key: "model", name: "Model", value: ([m]) => fullName(index.models[m]), ascending: true},
    ...tables.map((table, i) => ({key: `${benchmarkOf(table).name}`, name: benchmarkOf(table).name, cls: "wrap", extra: axis(scales[i], 120), value: ([, found]) => value(found, i)}))];
  const filled = column => models.filter(model => typeof column.value(model) === "number").length;
  const by = columns.find(column => column.key === state.sort) || columns.slice(1).reduce((one, other) => filled(other) > filled(one) ? other : one), down = state.down === "" ? by !== columns[0] : state.down === "1";
  models.sort((one, other) => order(by.value(one), by.value(other), down));
  const body = models.map(([m, found]) => {
    const baseline = found.every(row => !row || row.state === "baseline");
    return h("tr", {class: baseline ? "baseline" : null}, h("th", {scope: "row"}, nameLink(index.models[m], null, baseline)), tables.map((table, i) => cell(found[i], measures[i], scales[i], limits[i])));
  });
  redraw(place, h("p", {class: "muted", id: "legend"}, same ? `All values: ${measureName(measures[0])}. All columns have the same scale` : `Columns have scales and measures of their own: ${tables.map((table, i) => `${benchmarkOf(table).name} ${measureName(measures[i])}`).join("; ")}`,
    limits.some(limit => limit !== null) ? "; dashed: the noise ceiling of each" : "", `. Ticks: values; bars: 95 % intervals; in brackets: ranks. ${BASELINE} † Not ranked: other setup or earlier rules. `,
    "There is no mean over benchmarks here: their units and ceilings differ."),
  scrolled("Models and benchmarks, scrolls sideways", h("table", {class: "board matrix", "aria-describedby": "legend"}, h("caption", {}, `Scores by ${metric}`),
    header(columns, {key: by.key, down}, (sort, way) => change({sort, down: way ? "1" : "0"})), h("tbody", {}, body))));
});

function cell(row, measure, scale, limit) {
  const triple = row?.v?.[measure];
  if (!row) return h("td", {}, h("span", {class: "mark"}, "not run"));
  if (!triple) return h("td", {}, h("span", {class: "mark", title: row.note}, row.state === "failed" ? "failed" : "no value"));
  const unranked = row.state === "other setup" || row.state === "earlier";
  return h("td", {class: unranked ? "value unranked" : "value", title: row.note || null}, h("span", {class: "figure"}, h(row.state === "baseline" ? "em" : "b", {}, number(triple[0]), unranked ? "†" : ""), " ", h("small", {}, row.rank ? `(${rankText(row.rank)})` : "")),
    h("small", {class: "figure"}, intervalText(row, triple)), drawn(triple, scale, limit, 120));
}
