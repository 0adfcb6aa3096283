"""compare, explain, diff, rescore, leaderboard: read scores and score files from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from itbench.api.sources import named_benchmark
from itbench.data.benchmark import Benchmark
from itbench.data.responses import DIMS, mean_over_repetitions
from itbench.errors import BadScore
from itbench.extraction.gram_cache import GramCache
from itbench.plugins import load_plugins
from itbench.results.benchmark_mean import benchmark_means, flat_rows
from itbench.results.diff import Difference, difference
from itbench.results.explain import explain as explain_steps
from itbench.results.explain import heading
from itbench.results.explain.steps import render
from itbench.results.find import benchmark_of
from itbench.results.leaderboard import read_tables
from itbench.results.paired_comparison import PairedComparison, compare_scores, responses_of
from itbench.results.score_file import provenance, read_score, scores_in, write_score
from itbench.results.score_table import frame as frame_of
from itbench.results.score_table import score_table
from itbench.results.score_variables import has_predictions
from itbench.results.summary import summary
from itbench.scoring.rescore import Plan, plan_metric
from itbench.scoring.rescore import rescore as rescore_grams
from itbench.util import folders
from itbench.util.checksum import digest
from itbench.util.progress import Reporter, SilentReporter

if TYPE_CHECKING:
    import pandas as pd


class Text(str):
    """Explanation of a score as text, which a notebook prints."""

    def __repr__(self) -> str:
        return str(self)


def to_dataframe(scores: xr.Dataset | Sequence[xr.Dataset], rows: str = "") -> pd.DataFrame:
    """Return scores as a pandas DataFrame: one row a score, a layer or a site, with all labels and settings.

    Parameters
    ----------
    scores : Dataset or sequence of Dataset
    rows : {"scores", "layers", "sites"}, optional
        As of `itbench.results.score_table.score_table`; ``scores`` by default. For one score without `rows`, a row is a
        layer, without labels, and the headline stands in ``attrs``.

    Raises
    ------
    UnknownName, BadOption
        For other `rows`, or sites of comparisons.
    """
    import pandas as pd

    if rows or not isinstance(scores, xr.Dataset):
        given = [scores] if isinstance(scores, xr.Dataset) else scores
        return frame_of(score_table(given, rows or "scores"))
    whole = summary(scores)
    frame = pd.DataFrame(whole["layers"]).set_index("layer")
    chosen = whole["layers_chosen"]
    frame["times_chosen"] = [chosen.get(layer, 0) for layer in frame.index]
    frame.attrs = {key: value for key, value in whole.items() if key not in ("layers", "models")}
    return frame


def compare(
    a: xr.Dataset,
    b: xr.Dataset,
    *,
    margin: float | None = None,
    responses: ArrayLike | xr.DataArray | None = None,
    benchmark: str | Path | Benchmark | None = None,
    plugins: Sequence[str | Path] = (),
) -> PairedComparison:
    """Compare two scores from Python: difference, its standard error, interval and p, from paired draws of both.

    Parameters
    ----------
    a, b : Dataset
    margin : float, optional
        The largest difference that does not matter: adds a test of whether the two are no more than that apart.
    responses : array of shape (stimulus, site) or (repetition, stimulus, site), or DataArray, optional
        Of scores of arrays in memory; else the recordings of their benchmark are loaded.
    benchmark : str, Path or Benchmark, optional
        Where it is no registered one.
    plugins : sequence of str or Path, optional

    Raises
    ------
    BadScore
        If the two cannot be compared; says what differs.
    BadOption
        If the margin is not above 0.
    """
    recorded: NDArray[np.float64] | None = None
    if has_predictions(a) and has_predictions(b):
        if responses is None:
            recorded = responses_of(a, named_benchmark(load_plugins(plugins), benchmark or a.attrs["benchmark"]))
        elif isinstance(responses, xr.DataArray):
            whole = responses if "repetition" in responses.dims else responses.expand_dims("repetition")
            _refuse_other_order(a, whole)
            recorded = mean_over_repetitions(whole)
        else:
            values = np.asarray(responses, float)
            recorded = values if values.ndim == 2 else np.nanmean(values, axis=0)
    return compare_scores(a, b, recorded, margin)


def _refuse_other_order(score: xr.Dataset, responses: xr.DataArray) -> None:
    """Refuse labelled responses whose order a score does not show to be its own; it keeps a digest, no labels."""
    same = digest(responses.transpose(*DIMS).values) == provenance(score)["digests"].get("responses")
    if "stimulus" in responses.coords and not same:
        raise BadScore(
            "The labelled responses are not those of the score, or stand in another order than its images.",
            todo="Give an array without labels, in the order of the images.",
        )


def explain(score: xr.Dataset, *, plugins: Sequence[str | Path] = ()) -> Text:
    """Explain from Python how the value of a score was computed, step by step, with formulas."""
    steps = explain_steps(score, load_plugins(plugins))
    return Text(render(heading(score, steps), steps))


def diff(a: xr.Dataset, b: xr.Dataset) -> Difference:
    """Return from Python why the values of two scores differ."""
    return difference(a, b)


def rescore(
    score: xr.Dataset,
    metric: str | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    benchmark: str | Path | Benchmark | None = None,
    plugins: Sequence[str | Path] = (),
    cache: str | Path | None = None,
    reporter: Reporter | None = None,
) -> xr.Dataset:
    """Rescore a score from Python: its cached Grams by another metric or other options.

    Parameters
    ----------
    score : Dataset
    metric : str, optional
        The score's own without.
    options : mapping, optional
        Options of the metric.
    benchmark : str, Path or Benchmark, optional
        That of the score, where it is no registered one.
    plugins, cache, reporter : optional
        As of `score`.

    Raises
    ------
    BadScore
        If a Gram is not in the cache any more.
    """
    registry = load_plugins(plugins)
    bench = None if benchmark is None else named_benchmark(registry, benchmark)
    plan = Plan(score, plan_metric(registry, score, metric, options), benchmark_of(registry, score, bench))
    return rescore_grams(plan, GramCache((cache and Path(cache)) or None), reporter or SilentReporter())


def load_score(path: str | Path) -> xr.Dataset:
    """Read a score file.

    Raises
    ------
    BadScore, DamagedFile
    """
    return read_score(Path(path).expanduser())


def load_scores(folder: str | Path | None = None) -> list[xr.Dataset]:
    """Read all score files of a folder, by default ``leaderboard/scores`` here; a damaged one is named in a warning."""
    return [found for _, found in scores_in(_results(folder))]


def save_score(score: xr.Dataset, folder: str | Path | None = None) -> Path:
    """Write a score file into a folder, by default ``leaderboard/scores`` here, and return its path."""
    return write_score(score, _results(folder))


def leaderboard(
    folder: str | Path | None = None, benchmarks: Sequence[str] = (), every: bool = False, summary: bool = False
) -> pd.DataFrame:
    """Return the leaderboard of a folder of score files, by default ``leaderboard/scores`` here, one row a score.

    With `every`, models that were scored elsewhere in the folder have a row ``not run`` in every table. With `summary`,
    a row is a model, with its mean over benchmarks and, by benchmark, value, interval and status.
    """
    import pandas as pd

    tables = read_tables(_results(folder), benchmarks, every)
    return pd.DataFrame(flat_rows(benchmark_means(tables)) if summary else [row for one in tables for row in one.rows])


def _results(folder: str | Path | None) -> Path:
    return Path(folder).expanduser() if folder else folders.results()
