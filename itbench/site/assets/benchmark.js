"use strict";
// One benchmark: what it asks, images, responses, reliability of the sites, splits, citation, and the best models.

const main = document.getElementById("main"), index = ITB.data.index;
const benchmark = index.benchmarks.find(one => one.slug === query("b"));

if (!benchmark) {
  main.querySelector("h1").textContent = query("b") === null ? "Benchmarks" : "There is no such benchmark here";
  main.append(h("ul", {}, index.benchmarks.map(one => h("li", {}, h("a", {href: benchmarkUrl(one)}, one.name), one.description ? [": ", prose(sentence(one.description))] : ""))));
} else {
  main.querySelector("h1").textContent = benchmark.name;
  ITB.load(`benchmark/${benchmark.slug}`).then(found => page(benchmark.name, () => show(found))).then(() => location.hash === "#metrics" && document.getElementById("metrics").scrollIntoView());
}

function show(found) {
  const tables = index.tables.filter(table => benchmarkOf(table) === benchmark);
  const facts = [...(found.recorded || [["Images", `${found.counts.n_stimuli ?? "–"}`], ["Sites", `${found.counts.n_sites ?? "–"}`]]), ...(found.facts || [])].filter(fact => fact[1]);
  main.replaceChildren(main.querySelector("h1"),
    h("section", {}, h("h2", {}, "What it asks"), found.description ? h("p", {class: "lead"}, prose(sentence(found.description))) : null,
      found.splits ? found.splits.split("\n\n").map(one => h("p", {}, one)) : h("p", {}, "No score says how the images were split."), definitions(facts)),
    h("section", {}, h("h2", {}, "Models"), plainTable(`The first three of each metric on ${benchmark.name}`, ["Metric", "Measure", "Noise ceiling", "First three", "Models ranked"], tables.map(table => {
      const ranked = index.rows.filter(row => index.tables[row.t] === table && row.rank);
      const first = ranked.slice(0, 3).flatMap((row, i) => [i ? ", " : "", h("a", {href: modelUrl(modelOf(row), table)}, fullName(modelOf(row))), ` ${number(row.v[table.measure]?.[0])} (rank ${rankText(row.rank)})`]);
      return [h("a", {href: `index.html${tableHash(table)}`}, table.metric), measureName(table.measure), number(table.ceiling), first.length ? first : "none", `${ranked.length}`];
    }))),
    h("section", {}, h("h2", {}, "Images"), found.gallery
      ? [h("p", {}, `${found.gallery.length} of the images, evenly spaced; each is a link to a larger one.`), h("div", {class: "thumbnails"}, found.gallery.map(row => thumbnail(benchmark, found, row, found.labels?.[row] || `${row}`)))]
      : h("p", {}, found.missing)),
    h("section", {}, h("h2", {}, "Responses"), found.gallery
      ? h("figure", {}, h("figcaption", {}, found.counts.n_sites ? "Mean responses, in standard deviations of the site from −2.5 (blue) over its mean (white) to 2.5 (red)."
        : "Mean dissimilarities of each pair of images, in standard deviations from their mean: blue alike, red unlike."),
      h("div", {class: found.counts.n_sites ? "responses" : "responses square"}, h("span", {class: "sites"}, found.counts.n_sites ? `${found.counts.n_sites} sites` : `${found.counts.n_stimuli} images`),
        h("img", {class: found.counts.n_sites ? "recorded" : "recorded square", src: `images/${benchmark.slug}/recorded.png`, alt: "Heat map of the recordings"}),
        found.groups ? h("div", {class: "bar"}, found.groups.map(([name, n]) => h("span", {style: `flex: ${n} 0 0`, title: `${name}: ${n} images`}, name))) : null,
        h("span", {class: "images"}, `${found.counts.n_stimuli} images${found.groups ? `, by ${found.grouped}` : ""}`)))
      : h("p", {}, found.missing)),
    h("section", {}, h("h2", {}, "Reliability of the sites"), found.ceilings?.length
      ? siteHistogram(found.ceilings[0], "Reliability.", "Number of sites with each reliability, the share of the variance of mean responses that is not noise and a perfect model would explain; the thick line is the mean.", "reliability")
      : h("p", {}, "No score holds a noise ceiling: images were shown once, means alone are recorded, or no score predicts responses.")),
    h("section", {id: "metrics"}, h("h2", {}, "Metrics"), h("dl", {class: "long"}, Object.entries(found.metrics).map(([name, text]) => [h("dt", {}, name), h("dd", {}, (text || "The metric was not registered where this page was made.").split("\n\n").map(one => h("p", {}, prose(one))))]))),
    h("section", {}, h("h2", {}, "Citation"), h("p", {}, found.citation ? prose(sentence(found.citation)) : "None is known here.")));
}
