"""Coverage of intervals, and errors of comparisons and ranks, in simulated recordings of known populations.

Each experiment draws images, objects, sites and repetitions anew from one population, measures two models (or twenty)
with the functions that scores use, and asks whether the 95 % interval holds the truth, whether `compare` finds a
difference of two equally good models, and whether a leaderboard of twenty equal models claims that one is better.

python -m tools.coverage                   all cells; half an hour on two cores
python -m tools.coverage --fast            two cells, few experiments
python -m tools.coverage --cell 300x50x30  one cell: images x sites x objects, 0 for none
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import xarray as xr

from itbench.gram import Gram
from itbench.metrics.comparison import compare_layers
from itbench.metrics.held_out import split_measure_draws
from itbench.metrics.neural_data import NeuralData
from itbench.plugins import load_plugins
from itbench.statistics import bootstrap_draws, percentile_interval, rank_intervals, split_half, two_sided_p
from itbench.statistics.noise_power import moments, noise_of_means
from itbench.sweeps.ceiling_table import COMPARISONS

DIMENSIONS = 20  # of the images; each model knows half of them
SPURIOUS = 0.25  # what a model adds to its predictions, in units of a site's loading
NOISE = 0.5  # standard deviation of the noise in a mean response; that of the signal is 0.3 to 1
ALIKE = 0.7  # share of the variance of images that lies between objects
REPETITIONS, FOLDS, HALVES, DRAWS, MODELS = 6, 5, 20, 500, 20
CELLS = tuple(
    (images, sites, objects)
    for images, grouped in ((60, 20), (300, 30), (1000, 50))
    for objects in (0, grouped)
    for sites in (10, 50, 168)
)
FAST = ((300, 50, 0), (300, 50, 30))
RANKED = ((300, 50, 0), (300, 50, 30))  # cells with leaderboards of 20 equal models: each takes ten comparisons
KNOWN = ("EV", "r", "EV/ceiling")  # whose truth is that of the population; else the mean over experiments of this size
MEASURES = ("explained_variance", "correlation", "explained_variance_corrected")


@dataclass(frozen=True)
class Experiment:
    """Simulated recordings for a coverage experiment: responses, and the features of the images that models know.

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
    latent, spurious : arrays of shape (stimulus, dimension)
        What drives the sites, and what models see beside it.
    loading, added : arrays of shape (dimension, site)
    cluster, split : int arrays of shape (stimulus,)
    """

    responses: xr.DataArray
    latent: np.ndarray
    spurious: np.ndarray
    loading: np.ndarray
    added: np.ndarray
    cluster: np.ndarray
    split: np.ndarray

    def predictions(self, known: np.ndarray, turn: int = 0) -> np.ndarray:
        """Return the predictions (stimulus, site) of a model that knows some dimensions (dimension,) of the images."""
        own = np.roll(self.spurious, turn, axis=1) @ self.added
        return self.latent[:, known] @ self.loading[known] + own


def experiment(random: np.random.Generator, images: int, sites: int, objects: int) -> Experiment:
    """Draw the recordings of one coverage experiment; `objects` is 0 for images that have nothing in common."""
    cluster = np.repeat(np.arange(objects), images // objects) if objects else np.arange(images)

    def features() -> np.ndarray:
        own = random.standard_normal((images, DIMENSIONS))
        if not objects:
            return own
        return np.sqrt(ALIKE) * random.standard_normal((objects, DIMENSIONS))[cluster] + np.sqrt(1 - ALIKE) * own

    latent, spurious = features(), features()
    loading, added = _sites(random, sites)
    noise = random.standard_normal((REPETITIONS, images, sites)) * NOISE * np.sqrt(REPETITIONS)
    split = np.empty(images, int)
    for number in range(max(objects, 1)):  # every fold has images of every object
        rows = np.flatnonzero(cluster == number) if objects else np.arange(images)
        split[random.permutation(rows)] = (np.arange(len(rows)) + number) % FOLDS
    dims = ("repetition", "stimulus", "site")
    return Experiment(
        xr.DataArray(latent @ loading + noise, dims=dims), latent, spurious, loading, added, cluster, split
    )


@functools.cache
def truth() -> dict[str, float]:
    """Return what a coverage interval should hold: each measure of the model in the whole population of sites."""
    loading, added = _sites(np.random.default_rng(0), 400_000)
    signal, known, wrong = (np.square(part).sum(axis=0) for part in (loading, loading[: DIMENSIONS // 2], added))
    ev = 1 - (signal - known + wrong + NOISE**2) / (signal + NOISE**2)
    r = known / np.sqrt((signal + NOISE**2) * (known + wrong))
    ceiling = (signal / (signal + NOISE**2)).mean()
    return dict(zip(KNOWN, map(float, (ev.mean(), r.mean(), ev.mean() / ceiling)), strict=True))


def _sites(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    loading = random.standard_normal((DIMENSIONS, n)) * random.uniform(0.3, 1.0, n)
    return loading / np.sqrt(DIMENSIONS), random.standard_normal((DIMENSIONS, n)) * SPURIOUS / np.sqrt(DIMENSIONS)


Result = dict[str, tuple[float, float, float]]  # value and interval; of a comparison p, of a leaderboard its claim


def measured(seed: int, cell: tuple[int, int, int]) -> Result:
    """Return values and intervals of one coverage experiment, p of its comparisons, and whether its ranks are false."""
    random = np.random.default_rng([seed, *cell])
    one, half = experiment(random, *cell), np.arange(DIMENSIONS) < DIMENSIONS // 2
    recorded = one.responses.values.mean(axis=0)
    ceiling = np.atleast_2d(split_half(one.responses, splits=HALVES, row_split=one.split))
    noise = noise_of_means(moments(one.responses))

    def drawn(predicted: np.ndarray) -> dict[str, np.ndarray]:
        how = {"ceiling": ceiling, "noise": noise, "n": DRAWS}
        return bootstrap_draws(recorded, predicted, one.cluster, one.split, **how)

    first, second = drawn(one.predictions(half)), drawn(one.predictions(~half, 1))
    found = {name: _interval(first[measure]) for name, measure in zip(KNOWN, MEASURES, strict=True)}
    found["compare EV"] = _p(first["explained_variance"] - second["explained_variance"])
    found["compare r"] = _p(first["correlation"] - second["correlation"])
    ids = tuple(map(str, range(len(recorded))))
    neural = NeuralData(ids, one.responses)
    mixing = np.random.default_rng(1).standard_normal((DIMENSIONS // 2, 50))
    grams = [Gram.from_features(one.latent[:, known] @ mixing, ids) for known in (half, ~half)]
    for name in ("cka", "rsa"):
        metric = _registry().metric(name).readout()
        draws = [
            compare_layers(metric, [("layer", gram)], neural, ["layer"], one.cluster)["draws"].values[0]
            for gram in grams
        ]
        found[name.upper()], found[f"compare {name.upper()}"] = _interval(draws[0]), _p(draws[0] - draws[1])
    for name in ("rsa", "cka"):
        both = (one.predictions(half), one.predictions(~half, 1))
        compare = functools.partial(_compared, COMPARISONS[name])
        draws = [split_measure_draws(compare, recorded, model, one.cluster, one.split) for model in both]
        found[f"predicted-{name}"] = _interval(draws[0])
        found[f"compare predicted-{name}"] = _p(draws[0] - draws[1])
    if cell in RANKED:
        found["ranks"] = (_claims(one, random, drawn), 0.0, 0.0)
    return found


def _claims(one: Experiment, random: np.random.Generator, drawn: object) -> float:
    """Return 1 if a leaderboard of twenty equally good models says that one is better than another."""
    draws = []
    for number in range(MODELS):
        known = np.isin(np.arange(DIMENSIONS), random.permutation(DIMENSIONS)[: DIMENSIONS // 2])
        draws.append(drawn(one.predictions(known, number))["explained_variance"])
    ranks = rank_intervals([float(np.median(values)) for values in draws], draws)
    return float(any(rank != (1, MODELS) for rank in ranks))


@functools.cache
def _registry() -> object:
    return load_plugins()


def _compared(comparison: Callable[..., np.ndarray], recorded: np.ndarray, predicted: np.ndarray) -> float:
    return float(comparison(recorded, predicted, None)[0])


def _interval(draws: np.ndarray) -> tuple[float, float, float]:
    return (float(np.nanmedian(draws)), *percentile_interval(draws))


def _p(draws: np.ndarray) -> tuple[float, float, float]:
    return two_sided_p(draws), 0.0, 0.0


def coverage(results: list[Result]) -> dict[str, float]:
    """Return by measure the coverage of its intervals, or the share of experiments with a false claim."""
    known, shares = truth(), {}
    for name in results[0]:
        values, low, high = np.array([result[name] for result in results]).T
        if name.startswith("compare"):
            shares[name] = float((values < 0.05).mean())
        elif name == "ranks":
            shares[name] = float(values.mean())
        else:
            true = known.get(name, float(np.nanmean(values)))
            shares[name] = float(((low <= true) & (true <= high)).mean())
    return shares


def run_cell(cell: tuple[int, int, int], n: int, pool: ProcessPoolExecutor | None = None) -> dict[str, float]:
    """Return the coverage in one cell, of n experiments."""
    run = functools.partial(measured, cell=cell)
    return coverage(list(pool.map(run, range(n), chunksize=4) if pool else map(run, range(n))))


def _experiments(cell: tuple[int, int, int]) -> int:
    return 200 if cell[0] < 1000 else 100


def _rows(cells: tuple[tuple[int, int, int], ...], n: int | None) -> Iterator[str]:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for number, cell in enumerate(cells):
            start, count = time.monotonic(), n or _experiments(cell)
            shares = run_cell(cell, count, pool)
            names = sorted((name for name in shares if name != "ranks"), key=lambda name: name.startswith("compare"))
            names.append("ranks")
            if not number:
                yield "| images | objects | sites | n | " + " | ".join(names) + " |"
                yield "| ---: | ---: | ---: | ---: | " + " | ".join("---:" for _ in names) + " |"
            texts = (f"{shares[name]:.3f}" if name in shares else "" for name in names)
            yield f"| {cell[0]} | {cell[2] or '–'} | {cell[1]} | {count} | " + " | ".join(texts) + " |"
            print(f"{cell}: {time.monotonic() - start:.0f} s", file=sys.stderr)


def main() -> None:
    """Print the coverage table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="two cells, 40 experiments each")
    parser.add_argument("--cell", help="such as 300x50x30: images, sites, objects")
    parser.add_argument("--n", type=int, help="experiments of each cell")
    given = parser.parse_args()
    cells = (tuple(map(int, given.cell.split("x"))),) if given.cell else FAST if given.fast else CELLS
    for row in _rows(cells, given.n or (40 if given.fast else None)):
        print(row, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
