"use strict";
// Figures by Observable Plot, each with a caption and its numbers as a table.

const INK = {accent: "var(--accent)", other: "var(--other)", line: "var(--line)"};

function figure(title, text, plot, table) {
  for (const part of plot.querySelectorAll("[aria-label], [aria-description]")) { part.removeAttribute("aria-label"); part.removeAttribute("aria-description"); }
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${title} ${text}`);
  return h("figure", {}, h("figcaption", {}, text), h("div", {class: "plot"}, plot), details("These numbers as a table", table));
}
const free = () => document.getElementById("main").clientWidth - 40;
const width = () => Math.max(280, Math.min(960, free()));
const half = () => Math.max(280, Math.min(560, free() >= 1000 ? free() / 2 - 16 : free()));
const STYLE = {fontSize: "12px", overflow: "visible"};

// The value of each layer, in the order of the network, with the headline's interval and the ceiling.
function layerCurve(entry, row, table, several) {
  const headline = row.v[table.measure], [at, name] = layerMeasure(entry, table), ceiling = table.ceiling;
  const points = entry.layers.map((layer, i) => ({layer: layer[0], i, joint: entry.joint.includes(layer[0]), of: several ? layer[0].split(":")[0] : "", value: layer[at], chosen: entry.chosen[layer[0]] || 0})).filter(point => point.value !== null);
  const longest = Math.max(...points.map(point => point.layer.length)), names = points.length <= 40;
  const sameScale = name === table.measure, flat = points.length * Math.min(28, longest) * 7.5 < width() - 80, room = flat ? 0 : Math.min(170, longest * 6);
  const plot = Plot.plot({
    width: width(), style: STYLE, height: 280 + (names ? room : 0), marginBottom: names ? 34 + room : 44, marginTop: 28, marginLeft: names && !flat ? 55 + Math.min(70, longest * 2) : 55,
    x: {label: names ? null : "layer, from the first", type: "point", domain: points.map(point => point.i), tickFormat: i => names ? short(entry.layers[i][0]) : `${i + 1}`, tickRotate: names && !flat ? -50 : 0},
    y: {label: measureName(name), grid: true, nice: true, zero: true},
    marks: [
      sameScale && headline[1] !== null ? Plot.rect([0], {y1: headline[1], y2: headline[2], fill: INK.accent, fillOpacity: 0.18}) : null,
      sameScale && headline[1] !== null ? Plot.ruleY([headline[0]], {stroke: INK.accent, strokeOpacity: 0.6}) : null,
      sameScale && ceiling !== null ? Plot.ruleY([ceiling], {stroke: "currentColor", strokeDasharray: "5 4"}) : null,
      sameScale && ceiling !== null ? Plot.text([ceiling], {y: ceiling, text: ["noise ceiling"], frameAnchor: "right", dy: 9, fill: "currentColor"}) : null,
      Plot.ruleY([0], {stroke: INK.line}),
      Plot.line(points.filter(point => !point.joint), {x: "i", y: "value", z: "of", stroke: INK.accent}),
      Plot.dot(points, {x: "i", y: "value", r: point => point.chosen ? 6 : 3, fill: point => point.chosen ? INK.other : INK.accent, title: point => `${point.layer}: ${number(point.value)}`, tip: true}),
    ].filter(Boolean),
  });
  const wide = entry.joint.length ? `${entry.joint.join(", ")}: all of them read together. ` : points.some(point => point.chosen) ? "Large dots: layers that splits chose on their training images. " : "";
  const band = sameScale && headline[1] !== null ? "The band is the 95 % interval of the score; single layers have none." : "";
  return figure("Layers.", `${measureName(name)} of each layer, in the order in which they were read. ${wide}${band}`.trim(), plot,
    plainTable(`${measureName(name)} of each layer`, ["Layer", measureName(name), "Features", "Effective dimensionality", "Splits that chose it"],
      entry.layers.map(layer => [layer[0], number(layer[at]), `${layer[1]}`, layer[2] === null ? "–" : layer[2].toFixed(1), `${entry.chosen[layer[0]] || 0}`])));
}
const short = name => name.length > 28 ? `${name.slice(0, 12)}…${name.slice(-14)}` : name;
// Column of a layer's row, and its measure: of single sites where the headline has no value of each layer.
function layerMeasure(entry, table) {
  if (table.measure === "explained_variance") return [3, table.measure];
  if (entry.layers.some(layer => layer[5] !== null)) return [5, table.measure];
  return [4, "correlation"];
}

// How many sites have which explained variance.
function siteHistogram(values, title, text, label) {
  const known = values.filter(value => value !== null);
  const bins = d3.bin().thresholds(25)(known);
  const plot = Plot.plot({width: half(), height: 260, style: STYLE, marginTop: 28, marginBottom: 40, marginLeft: 50, x: {label, nice: true}, y: {label: "sites", grid: true, tickFormat: n => Number.isInteger(n) ? `${n}` : ""}, marks: [
    Plot.rectY(known, Plot.binX({y: "count"}, {x: value => value, thresholds: 25, fill: INK.accent})),
    Plot.ruleX([d3.mean(known)], {stroke: INK.other, strokeWidth: 4}), Plot.ruleY([0])]});
  return figure(title, text, plot, plainTable(title, ["From", "To", "Sites"], bins.map(bin => [number(bin.x0), number(bin.x1), `${bin.length}`])));
}

// Two values of each site against each other, with the line on which they are equal.
function siteScatter(points, title, text, xLabel, yLabel) {
  const size = half(), values = points.flatMap(point => [point.x, point.y]), ends = d3.nice(d3.min(values), d3.max(values), 6);
  const scale = {domain: ends, ticks: d3.ticks(...ends, 6), grid: true};
  const plot = Plot.plot({width: size, height: size, style: STYLE, margin: 50, marginTop: 30, marginRight: 30, marginBottom: 50, x: {label: xLabel, ...scale}, y: {label: yLabel, ...scale}, marks: [
    Plot.line([[ends[0], ends[0]], [ends[1], ends[1]]], {stroke: "currentColor", strokeDasharray: "5 4"}),
    Plot.dot(points, {x: "x", y: "y", r: 3, stroke: INK.accent, title: point => `${point.name}\n${xLabel}: ${number(point.x)}\n${yLabel}: ${number(point.y)}`, tip: true})]});
  return figure(title, text, plot, plainTable(title, ["Site", xLabel, yLabel], points.map(point => [point.name, number(point.x), number(point.y)])));
}

const thumbnail = (benchmark, page, row, text) => h("figure", {class: "thumbnail"},
  h("a", {href: `images/${benchmark.slug}/${row}.webp`}, h("img", {src: `images/${benchmark.slug}/${row}.webp`, alt: page.labels?.[row] || `image ${row}`})),
  h("figcaption", {}, text));
