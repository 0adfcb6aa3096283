"""Print the tables of trained models in docs/results.md: python -m tools.trained_table -b BENCHMARK [--weights FILE]

Every system is trained on the training images of every split, scored on the others, and compared with the frozen
core: the difference, with its interval, is in the last columns. With --seeds N, a row is the mean over N trainings,
and its intervals hold the spread between them. A row is NAME[:METRIC] and changes of its recipe, and may be named as
an argument in place of those of the table. Trained weights and scores are kept and not computed again. On synthetic-it
the first run takes an hour of one core, as does each further seed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import xarray as xr

from itbench import load_plugins
from itbench.cli.output import TerminalReporter
from itbench.extraction.gram_cache import GramCache
from itbench.registry import Registry
from itbench.results.score_file import is_earlier, read_score, write_score
from itbench.results.score_setup import refuse_unlike
from itbench.results.score_variables import draws_of
from itbench.results.seeds import pooled_seeds, seed_draws, seed_row
from itbench.results.summary import interval_text
from itbench.scoring.evaluate import evaluate
from itbench.scoring.plan import plan_run, plan_seeds
from itbench.scoring.provenance import ScoredModel, file_stem
from itbench.scoring.run import Run
from itbench.statistics.bootstrap import percentile_interval
from itbench.util import folders
from itbench.util.tables import markdown

COLUMNS = ("model", "recipe", "metric", "seeds", "EV", "95 %", "correlation", "EV/ceiling", "difference", "95 % of it")
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
    registry: Registry, benchmark: str, texts: Sequence[str], weights: str, folder: Path, seeds: int, kept: bool
) -> Iterator[dict[str, Any]]:
    """Yield a row for every trained model; the first is the one that the others are compared with."""
    base = scored(planned(registry, texts[0], benchmark, weights, 1)[0], folder)
    for text in texts:
        runs = planned(registry, text, benchmark, weights, seeds)
        scores = [scored(run, folder) for run in runs if not kept or has_score(run, folder)]
        if not scores:
            continue
        each = [seed_row(score) for score in scores]
        found = pooled_seeds(each) if len(each) > 1 else each[0]
        yield {
            "model": f"`{found['model']}`",
            "recipe": shortened(text.split()[1:]),
            "metric": found["metric"],
            "seeds": "" if found["seed"] is None else str(len(scores)),
            "EV": found["explained_variance"],
            "95 %": interval_text(found["low"], found["high"]),
            "correlation": found["correlation"],
            "EV/ceiling": found["explained_variance_corrected"],
            **(difference(scores, base) if text != texts[0] else {}),
        }


def shortened(changes: Sequence[str]) -> str:
    """Return the changes of a recipe as a cell of the table, long lists left out."""
    short = [change if len(change) < LONG else f"{change.partition('=')[0]}=…" for change in changes]
    return f"`{' '.join(short)}`" if short else ""


def planned(registry: Registry, text: str, benchmark: str, weights: str, seeds: int) -> list[Run]:
    """Return the runs of a row NAME[:METRIC] CHANGES of the table of trained models, one a seed where it has any."""
    named, *changes = text.split()
    name, _, metric = named.partition(":")
    entry = registry.model(name)
    core = entry.read_recipe().core if entry.trainable else name
    takes = bool(core and registry.model(core).weights)
    given = weights if takes else "pretrained"
    how: dict[str, Any] = {"metric": metric or None, "weights": given, "recipe": changes}
    first = plan_run(registry, name, benchmark, **how)
    return plan_seeds(registry, name, benchmark, seeds, **how) if first.seeded and seeds > 1 else [first]


def score_path(run: Run, folder: Path) -> Path:
    """Return where the score of a run is kept."""
    return folder / f"{file_stem(ScoredModel.of(run), run.metric, run.benchmark.name)}.nc"


def has_score(run: Run, folder: Path) -> bool:
    """Return whether the folder has the score of a run by these rules."""
    path = score_path(run, folder)
    return path.exists() and not is_earlier(read_score(path))


def scored(run: Run, folder: Path) -> xr.Dataset:
    """Return the score of a run, read from the folder, or computed and written there if none is by these rules."""
    if not has_score(run, folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = evaluate(run, GramCache(), TerminalReporter(run.title))
        write_score(score, folder).rename(score_path(run, folder))
    return read_score(score_path(run, folder))


def difference(scores: Sequence[xr.Dataset], base: xr.Dataset) -> dict[str, str]:
    """Return the paired difference of the mean over seeds to another score, with its interval, as cells of the table.

    Of one seed the interval is that of `compare_scores`; of several it holds the spread between them (`seed_draws`).
    """
    for score in scores:
        refuse_unlike(score, base)
    values = [seed_row(score)["value"] - seed_row(base)["value"] for score in scores]
    draws = np.stack([draws_of(score) for score in scores]) - draws_of(base)
    low, high = percentile_interval(seed_draws(values, draws) if len(scores) > 1 else draws[0])
    return {"difference": f"{np.mean(values):+.3f}", "95 % of it": interval_text(low, high)}


@click.command(help=__doc__)
@click.argument("systems", nargs=-1)
@click.option("-b", "--benchmark", default="synthetic-it", type=click.Choice(list(ROWS)))
@click.option("--weights", default="pretrained", help="Of the core: pretrained, or a file.")
@click.option("--results", type=click.Path(path_type=Path), default=folders.results)
@click.option("--seeds", default=1, type=click.IntRange(min=1), help="Trainings of each system, from seed 0.")
@click.option("--kept", is_flag=True, help="Only of scores that are kept: nothing is trained, and seeds may be fewer.")
def main(systems: Sequence[str], benchmark: str, weights: str, results: Path, seeds: int, kept: bool) -> None:
    """Print the table."""
    texts = (ROWS[benchmark][0], *systems) if systems else ROWS[benchmark]
    found = list(rows(load_plugins(), benchmark, texts, weights, results, seeds, kept))
    columns = [name for name in COLUMNS if any(row.get(name) for row in found)]
    click.echo(f"<!-- trained {benchmark} -->\n{markdown(found, columns)}\n<!-- /trained {benchmark} -->")


if __name__ == "__main__":
    main()
