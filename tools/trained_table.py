"""Print the tables of trained models in docs/results.md: python -m tools.trained_table -b BENCHMARK [--weights FILE]

Every system is trained on the training images of every split, scored on the others, and compared with the frozen
core: the difference, with its interval, is in the last columns. A row is NAME[:METRIC] and changes of its recipe, and
may be named as an argument in place of those of the table. Trained weights and scores are kept
and not computed again. On synthetic-it the first run takes an hour of one core.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import xarray as xr

from itbench import load_plugins, responses_of
from itbench.cli.output import TerminalReporter
from itbench.extraction.gram_cache import GramCache
from itbench.registry import Registry
from itbench.results.paired_comparison import compare_scores
from itbench.results.score_file import is_earlier, read_score, write_score
from itbench.results.summary import interval_text, summary
from itbench.scoring.evaluate import evaluate
from itbench.scoring.plan import plan_run
from itbench.scoring.provenance import ScoredModel, file_stem
from itbench.scoring.run import Run
from itbench.util import folders
from itbench.util.tables import markdown

COLUMNS = ("model", "recipe", "metric", "EV", "95 %", "correlation", "EV/ceiling", "difference", "95 % of it")
LONG = 40  # characters of a change that a table leaves out
V4 = "mobilenetv2_100_same"
EARLY = [f"core.{part}.*" for part in ("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2")]
ROWS = {  # the frozen core first
    "synthetic-it": (
        *("itbench-tiny:ridge", "itbench-tiny:stacked", "pixels:ridge"),
        *(
            "cnn-2",
            "cnn-4",
            "cnn-6",
            "cnn-3bn",
            "cnn-4-improved",
            "cnn-deep",
            "autoencoder",
            "autoencoder:ridge",
            "dual-task",
        ),
        *("finetuned/itbench-tiny", "finetuned/itbench-tiny:ridge"),
        *("dual-task/itbench-tiny", "dual-task/itbench-tiny losses.classes=0"),
        *("multi-objective/itbench-tiny", "multi-objective/itbench-tiny losses.classes=0.3"),
        *("low-rank/itbench-tiny", "factorised-readout/itbench-tiny", "gaussian-readout/itbench-tiny"),
        *("layer-cnn/itbench-tiny", "classifier/itbench-tiny", "distilled/itbench-tiny", "distilled"),
    ),
    "cowley2023-v4": (
        *(f"{V4}:ridge", f"{V4}:stacked"),
        f"finetuned/{V4} options.layer=blocks.5 freeze=[{','.join(EARLY)}] epochs=10 augment=[]",
        f"factorised-readout/{V4} options.layer=blocks.3 augment=[]",
        f"gaussian-readout/{V4} options.layer=blocks.5 augment=[]",
    ),
}


def rows(
    registry: Registry, benchmark: str, texts: Sequence[str], weights: str, folder: Path
) -> Iterator[dict[str, Any]]:
    """Yield a row for every trained model; the first is the one that the others are compared with."""
    base = scored(planned(registry, texts[0], benchmark, weights), folder)
    responses = responses_of(base, registry.benchmark(benchmark))
    for text in texts:
        score = scored(planned(registry, text, benchmark, weights), folder)
        found = summary(score)
        yield {
            "model": f"`{found['model']}`",
            "recipe": shortened(text.split()[1:]),
            "metric": found["metric"],
            "EV": found["explained_variance"],
            "95 %": interval_text(found["low"], found["high"]),
            "correlation": found["correlation"],
            "EV/ceiling": found["explained_variance_corrected"],
            **(difference(score, base, responses) if text != texts[0] else {}),
        }


def shortened(changes: Sequence[str]) -> str:
    """Return the changes of a recipe as a cell of the table, long lists left out."""
    short = [change if len(change) < LONG else f"{change.partition('=')[0]}=…" for change in changes]
    return f"`{' '.join(short)}`" if short else ""


def planned(registry: Registry, text: str, benchmark: str, weights: str) -> Run:
    """Return the run of a row NAME[:METRIC] CHANGES of the table of trained models."""
    named, *changes = text.split()
    name, _, metric = named.partition(":")
    entry = registry.model(name)
    core = entry.read_recipe().core if entry.trainable else name
    takes = bool(core and registry.model(core).weights)
    given = weights if takes else "pretrained"
    return plan_run(registry, name, benchmark, metric=metric or None, weights=given, recipe=changes)


def scored(run: Run, folder: Path) -> xr.Dataset:
    """Return the score of a run, read from the folder, or computed and written there if none is by these rules."""
    path = folder / f"{file_stem(ScoredModel.of(run), run.metric, run.benchmark.name)}.nc"
    if not path.exists() or is_earlier(read_score(path)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = evaluate(run, GramCache(), TerminalReporter(run.title))
        write_score(score, folder).rename(path)
    return read_score(path)


def difference(score: xr.Dataset, base: xr.Dataset, responses: Any) -> dict[str, str]:
    """Return the paired difference of two scores with its interval, as cells of the table."""
    found = compare_scores(score, base, responses)
    return {"difference": f"{found.difference:+.3f}", "95 % of it": interval_text(found.low, found.high)}


@click.command(help=__doc__)
@click.argument("systems", nargs=-1)
@click.option("-b", "--benchmark", default="synthetic-it", type=click.Choice(list(ROWS)))
@click.option("--weights", default="pretrained", help="Of the core: pretrained, or a file.")
@click.option("--results", type=click.Path(path_type=Path), default=folders.results)
def main(systems: Sequence[str], benchmark: str, weights: str, results: Path) -> None:
    """Print the table."""
    texts = (ROWS[benchmark][0], *systems) if systems else ROWS[benchmark]
    found = list(rows(load_plugins(), benchmark, texts, weights, results))
    columns = [name for name in COLUMNS if any(row.get(name) for row in found)]
    click.echo(f"<!-- trained {benchmark} -->\n{markdown(found, columns)}\n<!-- /trained {benchmark} -->")


if __name__ == "__main__":
    main()
