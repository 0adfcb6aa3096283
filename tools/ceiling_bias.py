"""Measure the bias of every estimator of a ceiling on synthetic-it, and write the table of docs/ceilings.md:

python -m tools.ceiling_bias

The 30 repetitions are divided into as many sets of 2, 5, 10 or 30 as there are, and each estimate is compared with the
closed form. It takes a minute, and the drawing of synthetic-it if that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions
from itbench.plugins import load_plugins
from itbench.statistics.explained_variance import correlation
from itbench.statistics.noise_ceiling import site_reliability
from itbench.statistics.noise_power import normalised_correlation, r2_er
from itbench.util.arrays import Array
from itbench.util.tables import markdown
from perf.commands import write_section
from plugins.datasets.synthetic_it.simulation import objects_and_views, simulate_signal

DOCUMENT = Path(__file__).parent.parent / "docs" / "ceilings.md"
REPETITIONS = (2, 5, 10, 30)
SHARE = 0.5  # of the signal's variance that the predictions of the table explain
Estimator = Callable[[xr.DataArray, Array], Array]
ESTIMATORS: dict[str, tuple[Estimator, Callable[[Array], Array | float]]] = {
    "split-half": (lambda responses, _: site_reliability(responses), lambda noise: 1 / (1 + noise)),
    "variance": (lambda responses, _: site_reliability(responses, "variance"), lambda noise: 1 / (1 + noise)),
    "r²_ER": (r2_er, lambda noise: SHARE),
    "r², not corrected": (
        lambda responses, f: correlation(mean_over_repetitions(responses), f) ** 2,
        lambda noise: SHARE,
    ),
    "CCnorm": (normalised_correlation, lambda noise: SHARE**0.5),
}


def errors(recordings: Recordings, predictions: Array, name: str, repetitions: int) -> Array:
    """Return the errors (set, site) of a ceiling estimator for every set of so many repetitions."""
    estimate, truth = ESTIMATORS[name]
    responses = recordings.responses
    expected = truth(responses["noise_variance"].values / repetitions)
    sets = range(0, responses.sizes["repetition"] - repetitions + 1, repetitions)
    return np.stack([estimate(responses[first : first + repetitions], predictions) - expected for first in sets])


def half_right(recordings: Recordings) -> Array:
    """Return predictions (stimulus, site) that explain exactly `SHARE` of the signal's variance."""
    stimuli = recordings.stimuli
    sites = recordings.responses.sizes["site"]
    signal, _ = simulate_signal(stimuli.images[:], *objects_and_views(stimuli), sites, recordings.about["seed"])
    rest = np.random.default_rng(0).standard_normal(signal.shape)
    rest -= rest.mean(axis=0) + signal * (rest * signal).mean(axis=0)
    return SHARE**0.5 * signal + (1 - SHARE) ** 0.5 * rest / rest.std(axis=0)


def cell(found: Array) -> str:
    """Return a cell of the table of bias: mean, median and mean absolute error, and the share of NaN."""
    errors = found[np.isfinite(found)]
    without = f", {1 - errors.size / found.size:.1%} NaN" if errors.size < found.size else ""
    return f"{errors.mean():+.3f} / {np.median(errors):+.3f} ({np.abs(errors).mean():.3f}){without}"


def table(recordings: Recordings, repetitions: tuple[int, ...] = REPETITIONS) -> str:
    """Return the table of bias of all ceiling estimators."""
    predictions = half_right(recordings)
    columns = {number: f"{number} repetitions" for number in repetitions}
    rows = [
        {"estimator": name}
        | {column: cell(errors(recordings, predictions, name, number)) for number, column in columns.items()}
        for name in ESTIMATORS
    ]
    return markdown(rows, ["estimator", *columns.values()])


if __name__ == "__main__":
    write_section(DOCUMENT, "bias", table(load_plugins().benchmark("synthetic-it").load()))
