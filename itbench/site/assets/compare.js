"use strict";
// Two models: the difference with interval and p where Python computed it, and both values of every site.

const DEFAULTS = {benchmark: "", metric: ""};
const main = document.getElementById("main"), place = h("div"), index = ITB.data.index;
const scored = index.models.filter((model, m) => index.rows.some(row => row.m === m && row.v));
main.append(place);
page("Compare two models", show);

async function show() {
  const [a, b] = ["a", "b"].map(key => index.models.find(model => model.slug === query(key))), state = readState(DEFAULTS);
  const go = (key, slug) => { const names = new URLSearchParams(location.search); names.set(key, slug); location.href = `${location.pathname}?${names}${location.hash}`; };
  const options = scored.map(model => [model.slug, fullName(model)]).sort((one, other) => COLLATOR.compare(one[1], other[1]));
  const pick = (label, key, model) => select(label, [["", "choose a model"], ...options], model?.slug || "", slug => go(key, slug));
  const tables = a && b ? index.tables.filter((_, t) => [a, b].every(model => best(t, model))) : [];
  const table = tables.length ? tableOf(state, tables) : null;
  const change = values => { writeState({...state, ...values}, DEFAULTS); show(); };
  const controls = h("form", {class: "controls", onsubmit: event => event.preventDefault()}, pick("Model A", "a", a), pick("Model B", "b", b),
    table ? select("Benchmark", unique(tables.map(one => benchmarkOf(one).name)), benchmarkOf(table).name, name => change({benchmark: name, metric: table.metric})) : null,
    table ? metricSelect(tables.filter(one => one.benchmark === table.benchmark), table.metric, metric => change({benchmark: benchmarkOf(table).name, metric})) : null);
  const start = tableOf({}, index.tables), firstTwo = index.rows.filter(row => row.rank && index.tables[row.t] === start).slice(0, 2).map(modelOf);
  if (!a && !b && firstTwo.length === 2) return redraw(place, controls, h("p", {}, "Choose two models, or start with the first two of the leaderboard: ",
    h("a", {href: compareUrl(...firstTwo, start)}, `${fullName(firstTwo[0])} and ${fullName(firstTwo[1])}`), "."));
  if (!table) return redraw(place, controls, h("p", {}, !a || !b ? "Choose two models." : a === b ? "Choose two different models." : "No benchmark and metric has scores of both."));
  if (a === b) return redraw(place, controls, h("p", {}, "Choose two different models."));
  const t = index.tables.indexOf(table), rows = [best(t, a), best(t, b)];
  const [first, second, recorded] = await Promise.all([ITB.load(`model/${a.slug}`), ITB.load(`model/${b.slug}`), ITB.load(`benchmark/${benchmarkOf(table).slug}`)]);
  const entries = [first, second].map((found, i) => found.entries.find(entry => index.rows[entry.row] === rows[i]));
  redraw(place, controls, verdict([a, b], rows, entries[0].pairs?.[entries[1].row], table, entries), sites([a, b], entries, recorded));
}

// The first row of a model in a table that has a value: a comparable one, if there is any.
function best(t, model) {
  return index.rows.find(row => row.t === t && modelOf(row) === model && row.v && Object.keys(row.v).length);
}

function verdict(models, rows, pair, table, entries) {
  const values = rows.map(row => row.v[table.measure] || []), [a, b] = models;
  const scale = domain(values, table.ceiling);
  const each = plainTable(`${measureName(table.measure)} on ${benchmarkOf(table).name} by ${table.metric}`, ["Model", "Value", "95 % interval", "", "Rank", "Layer", "Note"], models.map((model, i) => [
    h("a", {href: modelUrl(model, table)}, `${"AB"[i]}: ${fullName(model)}`), number(values[i][0]), range(values[i][1], values[i][2]), values[i].length ? drawn(values[i], scale, table.ceiling) : "",
    rankText(rows[i].rank), rows[i].layer, noteText(rows[i])]));
  const single = models.every((model, i) => rows[i].v && !/\(\d+ seeds\)$/.test(model.weights));
  const words = ["itbench", "compare", ...models.map(model => `${model.model}:${model.weights}`), "-b", benchmarkOf(table).name, "--metric", table.metric];
  const again = single ? command(words.map(quoted).join(" ")) : null;
  if (Array.isArray(pair)) {
    const [difference, low, high, p, better] = pair;
    const said = better === null ? "There are too few images for an interval: the difference is not to be believed."
      : better === 0 ? "Not told apart: on other images and sites, the order could be the other."
      : `${fullName(better > 0 ? a : b)} is better than ${fullName(better > 0 ? b : a)}.`;
    return h("section", {}, h("p", {class: "verdict"}, said),
      definitions([["Difference, A less B", h("b", {}, number(difference))], ["95 % interval", low === null ? "none" : [range(low, high), " ", drawn([difference, low, high], domain([[difference, low, high]]))]],
        ["p, two-sided", pText(p, Math.min(...entries.map(entry => entry.draws)))], ["Resampled", `${resampled(entries[0].drawn)}, the same in each draw for both models`]]), each,
      again ? [h("p", {}, "Interval and p are for other images and sites of the kind. This command adds a permutation test, which answers for these images and sites only:"), again] : null);
  }
  const difference = values.every(value => value.length) ? values[0][0] - values[1][0] : null;
  return h("section", {}, h("p", {class: "verdict"}, typeof pair === "string" ? `They cannot be compared. ${pair}` : "Not compared here: only the values are shown, and nothing is claimed of their difference."),
    difference === null ? null : h("p", {}, `Raw difference, A less B: ${number(difference)}, without an interval.`), each,
    typeof pair === "string" || !again ? null : [h("p", {}, "This command compares them:"), again]);
}

function sites(models, entries, recorded) {
  const named = entries.map(entry => entry.sites && new Map((recorded.names[entry.names] || []).map((name, i) => [name, entry.sites[i]])));
  if (!named[0] || !named[1]) return h("section", {}, h("h2", {}, "Sites"), h("p", {}, "The metric gives single sites no value, or one of the scores has none."));
  const points = [...named[0]].map(([name, y]) => ({name, y, x: named[1].get(name)})).filter(point => point.y !== null && point.x !== null && point.x !== undefined);
  const above = points.filter(point => point.y > point.x).length;
  return h("section", {}, h("h2", {}, "Sites"), points.length ? siteScatter(points, "Sites of both.", `Explained variance of ${points.length} sites; above the dashed line A explains more (${above} sites).`,
    `B: ${fullName(models[1])}`, `A: ${fullName(models[0])}`) : h("p", {}, "They have no sites in common."));
}
