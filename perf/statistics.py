"""Speed and memory of intervals and permutations, beside plain loops and scipy, in one run on one machine.

python -m perf.statistics                     # two minutes on 2 cores
python -m perf.statistics --output docs/performance.md
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from itbench.statistics.explained_variance import explained_variance
from itbench.util.arrays import Array
from perf.commands import LAUNCHER, measured
from perf.table import Row, show

DRAWS, IMAGES, SITES, SPLITS = 10_000, 3_200, 168, 10
SAMPLE = 100  # draws of a plain loop, which are then scaled to DRAWS
SECONDS, MEMORY = 10.0, 0.5  # wanted: at most so many, and GB


def recordings() -> tuple[Array, Array, Array, Array]:
    """Return responses, the predictions of two models (image, site), and the split of each image."""
    rng = np.random.default_rng(0)
    recorded = rng.standard_normal((IMAGES, SITES))
    first, second = (0.5 * recorded + noise * rng.standard_normal(recorded.shape) for noise in (0.5, 0.51))
    return recorded, first, second, np.arange(IMAGES) % SPLITS


def bootstrap() -> float:
    """Draw images and sites; return the standard error of the mean explained variance."""
    from itbench.statistics.bootstrap import bootstrap_draws

    recorded, first, _, split = recordings()
    return float(bootstrap_draws(recorded, first, np.arange(IMAGES), split, n=DRAWS)["explained_variance"].std())


def bootstrap_loop() -> float:
    """Draw images and sites in a plain loop, a few times; return the standard error."""
    recorded, first, _, split = recordings()
    rng, draws = np.random.default_rng(1), []
    parts = [np.flatnonzero(split == one) for one in range(SPLITS)]
    for _ in range(SAMPLE):
        drawn = [rng.choice(part, len(part)) for part in parts]
        rows = np.concatenate(drawn)
        ev = explained_variance(recorded[rows], first[rows], split[rows])
        draws.append(ev[rng.integers(0, SITES, SITES)].mean())
    return float(np.std(draws))


def bootstrap_scipy() -> float:
    """Let scipy draw the images of a single site, in a single split; return the standard error."""
    import scipy.stats

    recorded, first, _, _ = recordings()

    def statistic(y: Array, f: Array, axis: int) -> Array:
        return 1 - np.var(y - f, axis=axis) / np.var(y, axis=axis)

    pair = recorded[:, 0], first[:, 0]
    found = scipy.stats.bootstrap(
        pair, statistic, paired=True, n_resamples=DRAWS, batch=200, method="percentile", rng=np.random.default_rng(1)
    )
    return float(found.standard_error)


def permutation() -> float:
    """Swap the predictions of two models; return p."""
    from itbench.statistics.permutation import permutation_test

    recorded, first, second, split = recordings()
    return permutation_test(recorded, (first, second), np.arange(IMAGES), split, n=DRAWS).p


def permutation_loop() -> float:
    """Swap the predictions of two models in a plain loop, a few times; return p."""
    recorded, first, second, split = recordings()
    rng, exceeding = np.random.default_rng(1), 0

    def difference(swapped: Array) -> float:
        models = np.where(swapped, second, first), np.where(swapped, first, second)
        ev = [explained_variance(recorded, f, split).mean() for f in models]
        return float(ev[0] - ev[1])

    observed = abs(difference(np.zeros((IMAGES, 1), bool)))
    for _ in range(SAMPLE):
        exceeding += abs(difference(rng.integers(0, 2, (IMAGES, 1)).astype(bool))) >= observed
    return (exceeding + 1) / (SAMPLE + 1)


PARTS: dict[str, Callable[[], float]] = {
    "bootstrap": bootstrap,
    "bootstrap-loop": bootstrap_loop,
    "bootstrap-scipy": bootstrap_scipy,
    "permutation": permutation,
    "permutation-loop": permutation_loop,
}


def alone(name: str) -> dict[str, Any]:
    """Run one part in a process of its own: ``value``, ``seconds`` and ``rss``, its peak resident memory in GB."""
    part = [sys.executable, "-m", "perf.statistics", "--part", name]
    quiet = LAUNCHER.replace(", stdout=subprocess.DEVNULL", "")
    done = subprocess.run([sys.executable, "-c", quiet, *part], check=True, capture_output=True, text=True)
    printed, peak = done.stdout.split("\n")[:2]
    return {**json.loads(printed), "rss": int(peak) / (1e9 if sys.platform == "darwin" else 1e9 / 1024)}


def rows() -> list[Row]:
    """Measure intervals and permutations; return the rows of their table."""
    shape = f"{DRAWS:,} × {IMAGES:,} images × {SITES} sites, {SPLITS} splits"
    ours, loop, scipy = (alone(name) for name in ("bootstrap", "bootstrap-loop", "bootstrap-scipy"))
    swaps, swaps_loop = (alone(name) for name in ("permutation", "permutation-loop"))
    scale = DRAWS / SAMPLE
    return [
        _row(
            f"bootstrap of images and sites, {shape} (standard error {ours['value']:.5f})",
            ours,
            f"numpy, one draw after the other: {scale * loop['seconds']:.0f} s, {SAMPLE} draws scaled "
            f"(standard error {loop['value']:.5f})",
            scale * loop["seconds"],
        ),
        _row(
            "the same",
            ours,
            f"scipy.stats.bootstrap of one site, images alone, one split: {scipy['seconds']:.1f} s; "
            f"{SITES} sites scaled: {SITES * scipy['seconds']:.0f} s, {scipy['rss']:.2f} GB",
            SITES * scipy["seconds"],
        ),
        _row(
            f"permutation of two models' predictions, {shape} (p = {swaps['value']:.1g})",
            swaps,
            f"numpy, one swap after the other: {scale * swaps_loop['seconds']:.0f} s, {SAMPLE} swaps scaled",
            scale * swaps_loop["seconds"],
        ),
    ]


def _row(what: str, ours: dict[str, Any], beside: str, theirs: float) -> Row:
    seconds, rss = ours["seconds"], ours["rss"]
    wanted = f"≤ {SECONDS:.0f} s, ≤ {MEMORY} GB"
    met = seconds <= SECONDS and rss <= MEMORY
    return Row(what, f"{seconds:.1f} s, {rss:.2f} GB peak", beside, f"{theirs / seconds:.0f} × faster", wanted, met)


@click.command()
@click.option("--part", type=click.Choice(list(PARTS)), hidden=True, help="Run one part here, and print its seconds.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Also write the table between the markers in this file."
)
def main(part: str | None, output: Path | None) -> None:
    """Measure and print a markdown table."""
    if part:
        value, seconds = measured(PARTS[part])
        print(json.dumps({"value": value, "seconds": seconds}), flush=True)
        return
    show([row.cells() for row in rows()], "statistics", output)


if __name__ == "__main__":
    main()
