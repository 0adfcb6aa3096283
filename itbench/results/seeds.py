"""Scores of one model from several seeds: their mean, the spread between seeds, and an interval that has both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from itbench.results.score_file import NAMES, edition_of, provenance
from itbench.results.score_variables import draws_of
from itbench.results.summary import summary
from itbench.statistics.bootstrap import percentile_interval
from itbench.util.arrays import Array
from itbench.util.checksum import canonical_json, digest

MEANS = ("explained_variance", "correlation", "explained_variance_corrected", "brainscore", "r2_over_ceiling")
SEEDED = ("random", "trained")


@dataclass(frozen=True, eq=False)
class SeedScores:
    """Scores of one model on one benchmark from several seeds of its random weights or its training.

    Parameters
    ----------
    scores : tuple of Dataset
        One a seed, each as `itbench.score` returns it for that seed.
    """

    scores: tuple[xr.Dataset, ...]

    @property
    def summary(self) -> dict[str, Any]:
        """Mean over seeds, its interval and the value of each seed, as `pooled_seeds` returns them."""
        pooled = pooled_seeds([seed_row(score) for score in self.scores])
        return {key: value for key, value in pooled.items() if key not in ("alike", "seed")}


def seed_of(score: xr.Dataset) -> int | None:
    """Return the seed of a score's random weights or training; None where a seed changes nothing, or there are two."""
    sources = provenance(score).get("sources", ())
    seeded = [source for source in sources if "recipe" in source or source["weights"]["kind"] == "random"]
    seeds = {int(source["weights"]["seed"]) for source in seeded}
    return seeds.pop() if len(seeds) == 1 else None


def seed_row(score: xr.Dataset) -> dict[str, Any]:
    """Return the summary of a score, with its ``seed``, the ``draws`` of its measure, and ``alike``.

    Scores with the same ``alike`` differ in their seed alone: it is empty where there is no seed. The networks of an
    ensemble have following seeds; ensembles that share some differ in it.
    """
    seed, record = seed_of(score), provenance(score)
    names = {key: score.attrs[key] for key in NAMES}
    rules = {key: record.get(key) for key in ("digests", "splits", "options", "asked", "layers")}
    members = max([int(source.get("recipe", {}).get("members", 1)) for source in record.get("sources", ())] or [1])
    weights = without_seed(names["weights"], seed)
    rules["digests"] = {key: one for key, one in (rules["digests"] or {}).items() if key != "weights"}
    names |= {"weights": weights, "baseline": score.attrs.get("baseline", "")}
    alike = canonical_json([names, rules, (seed or 0) % members, edition_of(score)])
    return {**summary(score), "seed": seed, "alike": "" if seed is None else alike, "draws": draws_of(score)}


def without_seed(weights: str, seed: int | None) -> str:
    """Return the name of a score's weights without their seed: ``random`` for ``random-3``."""
    return re.sub(rf"(?<![^:+])({'|'.join(SEEDED)})-{seed}(?![^:+])", r"\1", weights)


def pooled_seeds(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one row for scores that differ in their seed alone: the mean over seeds and an interval for it.

    The interval holds the sampling of images and sites, by the draws of each score, and of seeds: see `seed_draws`.

    Parameters
    ----------
    rows : sequence of dict
        Each as `seed_row` returns it; two at least.

    Returns
    -------
    dict
        As a `summary`, without its layers; figures are means over seeds. ``seeds`` and ``by_seed``, the value of each;
        ``between_seeds``, the standard deviation of these values, n − 1 in its denominator; ``draws`` of their mean.
    """
    first, n = rows[0], len(rows)
    seeds, values = [row["seed"] for row in rows], [row["value"] for row in rows]
    known = not any(value is None for value in values)
    chosen: Counter[str] = sum((Counter(row["layers_chosen"]) for row in rows), Counter())
    weights = f"{without_seed(first['weights'], first['seed'])} ({n} seeds)"
    drawn = [row["draws"] for row in rows]
    # draws over seeds of two models are independent, those of images and sites are paired
    chance = int(digest([first["alike"], seeds])[:8], 16)
    draws = seed_draws(values, np.stack(drawn), chance) if known and not any(one is None for one in drawn) else None
    low, high = percentile_interval(draws) if draws is not None else (np.nan, np.nan)
    return {
        **first,
        **{key: _mean([row[key] for row in rows]) for key in MEANS if key in first},
        "weights": weights,
        "layer": chosen.most_common(1)[0][0],
        "layers_chosen": dict(chosen.most_common()),
        "value": _mean(values),
        "low": low if low <= high else None,
        "high": high if low <= high else None,
        "between_seeds": float(np.std(values, ddof=1)) if known else None,
        "seeds": seeds,
        "by_seed": values,
        "draws": draws,
        "seconds": round(sum(row["seconds"] for row in rows), 2),
        **{key: [] for key in ("layers", "models")},
        **{key: None for key in ("oracle_layer", "gap_to_oracle") if key in first},
    }


def pool_alike(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a pooled row for every two or more scores that differ in their seed alone, by the order of the first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["alike"], []).append(row)
    alike = [sorted(group, key=lambda row: row["seed"]) for key, group in groups.items() if key]
    return [pooled_seeds(group) for group in alike if len(group) > 1]


def seed_draws(values: Sequence[float], draws: Array, seed: int = 0) -> Array:
    """Return draws of a score's mean over seeds, which vary with images, sites and seeds.

    v̄ + c (d_b − d̄) + t_b s / √n, with d_b the mean over seeds of the draws, s the standard deviation of the n values,
    and t_b of Student's distribution with n − 1 degrees of freedom. s holds what a seed changes on all images and what
    it changes on some. The latter, of variance w between the seeds' draws, is in d_b too, once more: c² = 1 − (w / n) /
    Var(d_b) takes it out there.

    Parameters
    ----------
    values : sequence of float
        The score of each seed.
    draws : array of shape (seed, draw)
        Of the same images and sites for all seeds, as `itbench.statistics.bootstrap_draws` makes them.
    seed : int
        Of the order of the t_b: other for other models, or their seeds would be drawn alike.

    Returns
    -------
    array of shape (draw,)

    References
    ----------
    Bouthillier et al. (2021), MLSys 3, 747–769: what varies between trainings belongs in the error of a benchmark.

    Examples
    --------
    >>> low, high = np.quantile(seed_draws([0.1, 0.2, 0.3], np.zeros((3, 2000))), [0.025, 0.975])
    >>> bool(np.isclose(high - low, 2 * 4.303 * 0.1 / np.sqrt(3), rtol=0.02))  # without other chance: Student's
    True
    """
    n, n_draws = draws.shape
    finite = np.isfinite(draws).all(axis=0)
    apart = draws - draws[:, finite].mean(axis=1, keepdims=True) if finite.any() else draws
    mean = apart.mean(axis=0)
    total = float(mean[finite].var()) if finite.any() else 0.0
    within = float(apart[:, finite].var(axis=0, ddof=1).mean()) / n if finite.any() else 0.0
    kept = np.sqrt(np.clip(1 - within / total, 0, 1)) if total > 0 else 1.0
    student = stats.t.ppf((np.arange(n_draws) + 0.5) / n_draws, n - 1)
    spread = float(np.std(values, ddof=1)) / np.sqrt(n)
    return float(np.mean(values)) + kept * mean + spread * np.random.default_rng(seed).permutation(student)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
