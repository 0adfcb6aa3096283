"use strict";
// One model: its scores, and of one of them the layers, sites, images, provenance and command.

const DEFAULTS = {benchmark: "", metric: "", row: ""};
const main = document.getElementById("main"), place = h("div");
const index = ITB.data.index, model = index.models.find(one => one.slug === query("m"));
main.append(place);

if (!model) {
  const list = index.models.map(one => h("li", {}, h("a", {href: modelUrl(one)}, fullName(one))));
  main.querySelector("h1").textContent = query("m") === null ? "Models" : "There is no such model here";
  redraw(place, h("ul", {class: "columns"}, list));
} else {
  main.querySelector("h1").replaceChildren(model.model, " ", h("small", {}, weightsOf(model)));
  ITB.load(`model/${model.slug}`).then(found => page(fullName(model), () => show(found)));
}

async function show(found) {
  const state = readState(DEFAULTS), entries = found.entries.map(entry => ({...entry, of: index.rows[entry.row]}));
  const tables = unique(entries.map(entry => index.tables[entry.of.t])), table = tableOf(state, tables);
  const here = entries.filter(entry => index.tables[entry.of.t] === table);
  const entry = here.find(one => `${one.row}` === state.row) || here[0], row = entry.of, benchmark = benchmarkOf(table);
  const change = values => { writeState({...state, ...values}, DEFAULTS); show(found); };
  const recorded = await ITB.load(`benchmark/${benchmark.slug}`);
  const top = h("form", {class: "controls", onsubmit: event => event.preventDefault()},
    select("Benchmark", unique(tables.map(one => benchmarkOf(one).name)), benchmark.name, name => change({benchmark: name, metric: table.metric, row: ""})),
    metricSelect(tables.filter(one => one.benchmark === table.benchmark), table.metric, metric => change({benchmark: benchmark.name, metric, row: ""})),
    here.length > 1 ? select("Score", here.map(one => [`${one.row}`, one.of.note || "usual setup"]), `${entry.row}`, one => change({benchmark: benchmark.name, metric: table.metric, row: one})) : null);
  const parts = entry.layers ? [summary(entry, row, table), layers(entry, row, table), sites(entry, table, recorded), images(entry, benchmark, recorded), origin(entry)]
    : [h("p", {}, noteText(row) || "There is no score.")];
  redraw(place, top, parts, scores(entries));
}

function summary(entry, row, table) {
  const [value, low, high] = row.v?.[table.measure] || [], benchmark = benchmarkOf(table), chosen = Object.entries(entry.chosen);
  const total = d3.sum(chosen, one => one[1]), others = index.rows.filter(one => one.t === row.t && one.m !== row.m && one.v);
  const facts = [
    [measureName(table.measure), value === undefined ? "no value" : [h("b", {class: "headline"}, number(value)), low === null ? "" : `, 95 % interval ${range(low, high)}`, "; the number that ranks"]],
    ["Resampled", resampled(entry.drawn)], ["Noise ceiling", table.ceiling === null ? "none known" : number(table.ceiling)],
    ["Rank", row.rank ? `${rankText(row.rank)} of ${index.rows.filter(one => one.t === row.t && one.rank).length}` : `none${row.note ? `: ${noteText(row)}` : ""}`],
    [entry.joint?.includes(chosen[0]?.[0]) ? "Layers" : "Layer chosen", entry.joint?.includes(chosen[0]?.[0]) ? `all read together (${chosen[0][0]})` : chosen.length === 0 ? "–" : [h("b", {}, chosen[0][0]), total > 1 ? `, chosen in ${chosen[0][1]} of ${total} ${entry.seeds ? "splits and seeds" : "splits"}` : "",
      entry.oracle && entry.oracle !== chosen[0][0] ? `; on the held-out images, ${entry.oracle} comes out higher` : ""]],
    ...Object.entries(row.v || {}).filter(([measure]) => measure !== table.measure).map(([measure, one]) => [measureName(measure), `${number(one[0])}${one[1] === null ? "" : ` (${range(one[1], one[2])})`}`]),
    row.v?.explained_variance_corrected && row.v?.brainscore ? ["Why these differ", "Explained variance / ceiling is a ratio of sums over sites, lowered by predictions of the wrong scale; Brain-Score’s ratio squares the median correlation over the median ceiling, and a correlation does not see scale."] : null,
    entry.seeds ? ["Seeds", entry.seeds.map(([seed, one]) => `${seed}: ${number(one)}`).join(", ")] : null,
  ].filter(fact => fact && fact[1]);
  const other = select("Compare with", [["", "choose a model"], ...others.map(one => [`${one.m}`, fullName(modelOf(one))])], "",
    m => { if (m) location.href = compareUrl(model, index.models[m], table); });
  return h("section", {"aria-label": "Summary"}, h("p", {}, "On ", h("a", {href: benchmarkUrl(benchmark)}, benchmark.name), ` by ${table.metric}${index.purposes[table.metric] ? ` (${index.purposes[table.metric]})` : ""}.`), definitions(facts), h("div", {class: "controls"}, other));
}

const layers = (entry, row, table) => h("section", {}, h("h2", {}, "Layers"), !row.v?.[table.measure]
  ? h("p", {}, "There is no value, and so no curve.") : entry.layers.length === 0 ? h("p", {}, "No layer was read, or the seeds read different ones: there is no curve.")
  : entry.layers.length === 1 ? h("p", {}, `One layer was read: ${entry.layers[0][0]}.`) : layerCurve(entry, row, table, model.kind === "several models"));

function sites(entry, table, recorded) {
  if (!entry.sites) return h("section", {}, h("h2", {}, "Sites"), h("p", {}, "This metric compares all sites at once: none has a value of its own."));
  const names = recorded.names?.[entry.names] || [], ceilings = entry.ceilings === null ? null : recorded.ceilings[entry.ceilings];
  const known = entry.sites.filter(value => value !== null);
  const parts = [siteHistogram(entry.sites, "Sites.", `Number of sites with each explained variance, at the chosen layers; the thick line is the mean of ${known.length} sites, ${number(d3.mean(known))}.`, "explained variance")];
  if (ceilings) {
    const points = entry.sites.map((y, i) => ({y, x: ceilings[i], name: names[i] || `${i}`})).filter(point => point.x !== null && point.y !== null);
    parts.push(siteScatter(points, "Sites and their ceiling.", "Explained variance of each site against the reliability of its responses; a perfect model would lie on the dashed line.", "reliability", "explained variance"));
  }
  return h("section", {}, h("h2", {}, "Sites"), h("div", {class: "pair"}, parts));
}

function images(entry, benchmark, recorded) {
  const row = side => h("div", {class: "thumbnails"}, entry.images[side].map(([i, value]) => thumbnail(benchmark, recorded, i, [recorded.labels?.[i] || `image ${i}`, h("br"), number(value)])));
  return h("section", {}, h("h2", {}, "Images predicted best and worst"), entry.images
    ? [h("p", {}, `Below each of these of ${entry.images.n} images: the share of its response pattern over sites that is predicted; 1 is all, 0 is no better than each site’s mean.`),
      h("h3", {}, "Best"), row("best"), h("h3", {}, "Worst"), row("worst")]
    : h("p", {}, entry.sites === null ? "This metric predicts no responses." : entry.seeds ? "Not shown of several seeds."
      : recorded.missing || "The recordings at hand are not those of this score, or it holds no predictions."));
}

const origin = entry => h("section", {}, h("h2", {}, "Provenance"),
  entry.commands.length ? [h("p", {}, entry.commands.length > 1 ? "These commands make the scores again:" : "This command makes the score again:"), entry.commands.map(command)] : null,
  entry.seeds ? h("p", {}, "Of the first seed:") : null, definitions(entry.provenance));

const scores = entries => h("section", {}, h("h2", {}, "All scores of this model"), plainTable("By benchmark and metric",
  ["Benchmark and metric", "Value", "95 % interval", "Rank", "Note"], entries.map(entry => {
    const table = index.tables[entry.of.t], [value, low, high] = entry.of.v?.[table.measure] || [];
    return [h("a", {href: modelUrl(model, table)}, `${benchmarkOf(table).name} · ${table.metric}`), `${measureName(table.measure)} ${number(value)}`, range(low, high), rankText(entry.of.rank), noteText(entry.of)];
  })));
