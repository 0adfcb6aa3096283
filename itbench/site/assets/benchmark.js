"use strict";
// One benchmark: what it asks, images, responses, reliability of the sites, splits, citation, and the best models.

const main = document.getElementById("main"), index = ITB.data.index;
const benchmark = index.benchmarks.find(one => one.slug === query("b"));

if (!benchmark) {
  main.querySelector("h1").textContent = query("b") === null ? "Benchmarks" : "There is no such benchmark here";
  main.append(h("ul", {}, index.benchmarks.map(one => h("li", {}, h("a", {href: benchmarkUrl(one)}, one.name), one.description ? `: ${one.description}` : ""))));
} else {
  main.querySelector("h1").textContent = benchmark.name;
  ITB.load(`benchmark/${benchmark.slug}`).then(found => page(benchmark.name, () => show(found)));
}

function show(found) {
  const tables = index.tables.filter(table => benchmarkOf(table) === benchmark);
  const facts = [...(found.recorded || [["Images", `${found.counts.n_stimuli ?? "–"}`], ["Sites", `${found.counts.n_sites ?? "–"}`]]), ...(found.facts || [])].filter(fact => fact[1]);
  main.replaceChildren(main.querySelector("h1"),
    h("section", {}, h("h2", {}, "What it asks"), found.description ? h("p", {class: "lead"}, found.description) : null,
      found.splits ? h("p", {}, found.splits) : h("p", {}, "No score says how the images were split."), definitions(facts)),
    h("section", {}, h("h2", {}, "Models"), plainTable(`The first three of each metric on ${benchmark.name}`, ["Metric", "Measure", "Noise ceiling", "First three", "Models ranked"], tables.map(table => {
      const ranked = index.rows.filter(row => index.tables[row.t] === table && row.rank);
      const first = ranked.slice(0, 3).flatMap((row, i) => [i ? ", " : "", h("a", {href: modelUrl(modelOf(row), table)}, fullName(modelOf(row))), ` ${number(row.v[table.measure]?.[0])} (rank ${rankText(row.rank)})`]);
      return [h("a", {href: `index.html${tableHash(table)}`}, table.metric), measureName(table.measure), number(table.ceiling), first.length ? first : "none", `${ranked.length}`];
    }))),
    h("section", {}, h("h2", {}, "Images"), found.gallery
      ? [h("p", {}, `${found.gallery.length} of the images, evenly spaced.`), h("div", {class: "thumbnails"}, found.gallery.map(row => thumbnail(benchmark, found, row, found.labels?.[row] || `${row}`)))]
      : h("p", {}, found.missing)),
    h("section", {}, h("h2", {}, "Responses"), found.gallery
      ? h("figure", {}, h("figcaption", {}, found.counts.n_sites ? "Mean responses: a column an image, a row a site, in standard deviations of the site from −2.5 (blue) over its mean (white) to 2.5 (red)."
        : "Mean dissimilarities of each pair of images, in standard deviations from their mean: blue alike, red unlike."),
      h("img", {class: found.counts.n_sites ? "recorded" : "recorded square", src: `images/${benchmark.slug}/recorded.png`, alt: "Heat map of the recordings"}))
      : h("p", {}, found.missing)),
    h("section", {}, h("h2", {}, "Reliability of the sites"), found.ceilings?.length
      ? siteHistogram(found.ceilings[0], "Reliability.", "Share of the variance of a site’s mean responses to the scored images that is not noise: what a perfect model would explain. The thick line is the mean.", "reliability")
      : h("p", {}, "No score holds a noise ceiling: images were shown once, means alone are recorded, or no score predicts responses.")),
    h("section", {}, h("h2", {}, "Metrics"), h("dl", {class: "long"}, Object.entries(found.metrics).map(([name, text]) => [h("dt", {}, name), h("dd", {}, (text || "The metric was not registered where this page was made.").split("\n\n").map(one => h("p", {}, one)))]))),
    h("section", {}, h("h2", {}, "Citation"), h("p", {}, found.citation || "None is known here.")));
}
