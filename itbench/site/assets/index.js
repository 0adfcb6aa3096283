"use strict";
// The table: one benchmark and metric, sorted, filtered, with intervals, ranks and what is not ranked below.

const DEFAULTS = {benchmark: "", metric: "", measure: "", corrected: "", region: "", q: "", kind: "", weights: "", depth: "",
  sort: "rank", down: "", absent: ""};
const DEPTHS = {first: [0, 1 / 3], middle: [1 / 3, 2 / 3], last: [2 / 3, 1.01]};
const chosen = new Set();  // rows that are ticked for a comparison
const main = document.getElementById("main"), controls = h("form", {class: "controls", onsubmit: event => event.preventDefault()});
let filtering = matchMedia("(min-width: 641px)").matches || ["q", "kind", "weights", "depth"].some(key => readState(DEFAULTS)[key]);
const about = h("div", {class: "about"}), place = h("div"), count = h("p", {role: "status", class: "muted"});
main.append(about, controls, count, place);

page("Leaderboard", () => {
  const {tables, rows} = ITB.data.index, state = readState(DEFAULTS);
  const regions = unique(tables.map(table => table.region).filter(Boolean));
  const offered = tables.filter(table => !state.region || table.region === state.region);
  const table = tableOf(state, offered.length ? offered : tables), t = tables.indexOf(table);
  const here = rows.filter(row => row.t === t), wide = matchMedia("(min-width: 900px)").matches ? 240 : 130;
  const kindOf = row => row.state === "baseline" ? "baseline" : modelOf(row).kind, sources = model => (model.source || "").split(" + ");
  const measures = unique([table.measure, ...here.flatMap(row => Object.keys(row.v || {}))])
    .filter(measure => measure && !Object.values(CORRECTED).includes(measure) || measure === table.measure);
  const raw = measures.includes(state.measure) ? state.measure : table.measure;
  const correctable = CORRECTED[raw] && here.some(row => row.v?.[CORRECTED[raw]]);
  const measure = state.corrected && correctable ? CORRECTED[raw] : raw;
  const change = (values, replace) => { writeState({...state, ...values}, DEFAULTS, replace); drawAgain(); };
  const drawAgain = () => window.dispatchEvent(new PopStateEvent("popstate"));

  drawControls();
  drawAbout();
  drawTable();

  function drawControls() {
    const benchmarks = unique((offered.length ? offered : tables).map(one => benchmarkOf(one).name));
    const of = tables.filter(one => one.benchmark === table.benchmark), any = [["", "any"]];
    const search = h("input", {type: "search", value: state.q, placeholder: "name, layer, note",
      oninput: () => change({q: search.value}, true)});
    redraw(controls,
      h("fieldset", {}, h("legend", {}, "Show"),
        regions.length > 1 ? select("Region", [["", "all"], ...regions], state.region, region => change({region})) : null,
        select("Benchmark", benchmarks, benchmarkOf(table).name, benchmark => change({benchmark})),
        metricSelect(of, table.metric, metric => change({metric, benchmark: benchmarkOf(table).name})),
        measures.length > 1 ? select("Measure", measures.map(one => [one, measureName(one)]), raw, one => change({measure: one})) : null,
        correctable ? check("Divided by the noise ceiling", measure !== raw, on => change({corrected: on ? "1" : ""})) : null),
      h("details", {class: "filters", open: filtering, ontoggle: event => { filtering = event.target.open; }}, h("summary", {}, "Filter the models"), h("fieldset", {"aria-label": "Filter"},
        h("label", {}, h("span", {}, "Text"), search),
        select("Kind", [...any, ...unique(here.map(kindOf).filter(Boolean))], state.kind, kind => change({kind})),
        select("Weights", [...any, ...unique(here.flatMap(row => sources(modelOf(row))).filter(Boolean)).sort()], state.weights, weights => change({weights})),
        select("Depth of its layer", [...any, ["first", "first third"], ["middle", "middle third"], ["last", "last third"]], state.depth, depth => change({depth})))));
  }

  function drawAbout() {
    const benchmark = benchmarkOf(table), purpose = ITB.data.index.purposes[table.metric];
    const page = (text, part = "") => h("a", {href: `${benchmarkUrl(benchmark)}${part}`}, text);
    document.title = `${benchmark.name} by ${table.metric} · Leaderboard · itbench`;
    redraw(about, h("p", {class: "lead"}, "How well does a vision network account for recordings from the brain? The activations of each model are compared with the responses that were recorded to the same images on ",
      page(benchmark.name), table.region ? ` (${table.region})` : "", ", by ", page(table.metric, "#metrics"), purpose ? ` (${purpose}).` : "."),
      h("p", {}, h("strong", {}, benchmark.name), benchmark.description ? ": " : "", prose(sentence(benchmark.description)), " To score a model: ", h("code", {}, `itbench score -m MODEL -b ${quoted(benchmark.name)}`), "."),
      table.ceiling === null ? null : h("p", {}, `Noise ceiling of ${measureName(table.measure)}: `, h("b", {}, number(table.ceiling)), ". A perfect model would reach it."));
  }

  function drawTable() {
    const column = columns(), key = column.some(one => one.key === state.sort && one.value) ? state.sort : "rank";
    const down = state.down === "" ? false : state.down === "1", by = column.find(one => one.key === key);
    const absent = state.absent ? unique(rows.filter(row => row.state !== "baseline").map(row => row.m))
      .filter(m => here.every(row => row.m !== m)).map(m => ({t, m, state: "not run", note: ""})) : [];
    const shown = [...here, ...absent].filter(matches);
    const kept = shown.filter(row => row.state === "ranked"), references = shown.filter(row => row.state === "baseline");
    const scale = domain(shown.map(row => row.v?.[measure]).filter(Boolean), limit());
    const body = (rows, cls = "") => h("tbody", {class: cls}, rows.map(row => element(row, scale)));
    const sorted = list => list.map((row, i) => [row, i])
      .sort(([a, i], [b, j]) => key === "rank" ? (i - j) * (down ? -1 : 1) : order(by.value(a), by.value(b), down) || i - j)
      .map(([row]) => row);
    column.find(one => one.key === "value").extra = axis(scale, wide);
    const section = name => h("tbody", {}, h("tr", {class: "section"}, h("th", {colspan: column.length, scope: "rowgroup"}, name)));
    const parts = key === "rank" ? groups(sorted(kept)).map(group => body(group, group.length > 1 ? "tied" : ""))
      : [body(sorted(kept))];
    if (references.length) parts.push(section("For reference: ceiling and baselines"), body(sorted(references)));
    for (const name of unique(Object.values(STATES))) {
      const rest = sorted(shown.filter(row => STATES[row.state] === name));
      if (rest.length) parts.push(section(name), body(rest, "unranked"));
    }
    const caption = h("caption", {}, `${benchmarkOf(table).name} by ${table.metric}`);
    const noInterval = kept.some(row => row.v?.[measure] && row.v[measure][1] === null);
    const legend = h("p", {class: "muted", id: "legend"}, "Ticks: values; bars: 95 % intervals", limit() === null ? "" : "; dashed: the noise ceiling", ". ",
      "Ranks such as 2–3 are those that chance allows; a bracket at the left joins models whose ranks overlap. ", references.length ? `${BASELINE} ` : "", "Depth: place of the layer among those read, from 0 % to 100 %.");
    const exceptions = h("p", {class: "muted"}, measure === table.measure ? "" : `Ranks and brackets are those of ${measureName(table.measure)}, which models are ranked by.`,
      noInterval ? " Where a cell says so, the score has no interval of this measure: a mean over seeds has one of the measure that ranks alone, and some measures and scores have no draws." : "");
    redraw(place, exceptions.textContent ? exceptions : null, h("div", {class: "actions"}, button(), check("List models not run here", Boolean(state.absent), on => change({absent: on ? "1" : ""}))), scrolled("Leaderboard, scrolls sideways",
      h("table", {class: "board", "aria-describedby": "legend"}, caption, header(column, {key, down}, (sort, way) => change({sort, down: way ? "1" : "0"})), parts)), legend);
    count.textContent = `${kept.filter(row => row.state === "ranked").length} of ${here.filter(row => row.state === "ranked").length} ranked models shown.`;
  }

  function limit() {
    const raws = {explained_variance: true, correlation: true};
    return measure === table.measure && raws[measure] ? table.ceiling : measure === CORRECTED[raw] ? 1 : null;
  }

  function matches(row) {
    const model = modelOf(row), [low, high] = DEPTHS[state.depth] || [];
    const text = `${model.model} ${model.weights} ${row.note || ""} ${row.layer || ""}`.toLowerCase();
    return state.q.toLowerCase().split(/\s+/).every(word => text.includes(word))
      && (!state.kind || kindOf(row) === state.kind) && (!state.weights || sources(model).includes(state.weights))
      && (!DEPTHS[state.depth] || (row.depth !== null && row.depth !== undefined && row.depth >= low && row.depth < high));
  }

  // Runs of rows in which no model is told apart from all of the others.
  function groups(list) {
    const found = [];
    let above = 0, worst = 0;
    for (const row of list) {
      if (!found.length || above === worst) found.push([]);
      found.at(-1).push(row);
      if (row.rank) { above += 1; worst = Math.max(worst, row.rank[1]); }
    }
    return list.some((row, i) => i && row.rank && list[i - 1].rank && row.rank[0] < list[i - 1].rank[0]) ? [list] : found;
  }

  function columns() {
    const value = row => row.v?.[measure]?.[0];
    return [
      {key: "rank", name: "Rank", cls: "num", value: row => row.rank?.[0], ascending: true},
      {key: "model", name: "Model", value: row => fullName(modelOf(row)), ascending: true},
      {key: "value", name: measureName(measure), value},
      {key: "layer", name: "Layer", value: row => row.layer, ascending: true},
      {key: "depth", name: "Depth", cls: "num", value: row => row.depth, ascending: true},
      {key: "sites", name: "Sites", cls: "num", value: row => row.sites ? parseInt(row.sites, 10) : null},
      {key: "note", name: "Note", value: row => row.note, ascending: true},
    ];
  }

  function element(row, scale) {
    const model = modelOf(row), triple = row.v?.[measure];
    const tick = h("input", {type: "checkbox", checked: chosen.has(row.m), "aria-label": `Compare ${fullName(model)}`,
      onchange: () => { tick.checked ? chosen.add(row.m) : chosen.delete(row.m); place.querySelector(".actions button").replaceWith(button()); }});
    const mark = {failed: "failed", "no value": "no value", "not run": "not run"}[row.state];
    return h("tr", {class: row.state.replace(" ", "-")},
      h("td", {class: "num"}, rankText(row.rank) || "–"),
      h("th", {scope: "row"}, h("div", {class: "model"}, row.v ? h("span", {class: "tick"}, tick) : null, h("div", {}, nameLink(model, table, row.state === "baseline")))),
      h("td", {class: "value"}, triple ? [h("span", {class: "figure"}, h("b", {}, number(triple[0])), " ", h("small", {}, intervalText(row, triple))),
        drawn(triple, scale, limit(), wide)] : h("span", {class: "mark"}, mark || "–")),
      h("td", {}, row.layer || "–"), h("td", {class: "num"}, row.depth === null || row.depth === undefined ? "–" : `${Math.round(100 * row.depth)} %`),
      h("td", {class: "num"}, row.sites || "–"), h("td", {class: "note"}, noteText(row) || "–"));
  }

  function button() {
    const [a, b] = [...chosen].map(m => ITB.data.index.models[m]);
    const ready = chosen.size === 2;
    return h("button", {type: "button", disabled: !ready, onclick: () => { location.href = compareUrl(a, b, table); }},
      ready ? `Compare ${fullName(a)} with ${fullName(b)}` : `Compare: tick two models${chosen.size ? ` (${chosen.size} ticked)` : ""}`);
  }
});
