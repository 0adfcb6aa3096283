"""The single best feature of a layer for every site, and the form ``channels``.

A Gram cannot tell features apart, so activations are streamed once more. All features stay in the panels of one pass
over the images, in memory or on scratch. Sums over halves of the training rows give their correlations with every site
in every split, a block of features at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.errors import ItbenchError
from itbench.metrics.form import Form, FrozenModels, Measured
from itbench.metrics.held_out import gather
from itbench.metrics.readout import ReadoutResult
from itbench.util.arrays import Array

BLOCK_BYTES = 128 * 2**20  # of what is computed of some features at once
ROUNDING = 1e-6  # of a feature's root mean square: the deviation that float32 may leave of a constant
FEWEST = 3  # rows to choose a feature on: any feature fits two
FITS = 3  # of a split: on all training rows, on their second half for the first, on their first half for the second


class Channels(Protocol):
    """Protocol of a single-feature metric: each site's own feature of a layer to predicted responses."""

    form: ClassVar[str] = "channels"

    def rate(self, correlation: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rate single features by their correlation (feature, site) with the sites over training rows.

        Each site gets the feature that is rated highest for it; none if no rating is above 0.
        """

    def __call__(
        self, features: NDArray[np.float64], responses: NDArray[np.float64], others: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Fit each site's single feature (train, site) to its `responses` (train, site).

        Predict from the same features of the other rows (test, site). A site without a feature has zeros.
        """


class SingleFeatureForm(Form):
    """Form of a metric that predicts every site from its single best feature of a layer."""

    name = "channels"
    streams = True
    refuses_trained = "looks for single features"

    def measure(self, metric: Channels, name: str, models: FrozenModels, task: Task) -> Measured:
        """Stream the activations once and measure the best single feature of every site at each layer."""
        ((_, layers),) = models.layers_by_model.items()
        held_out = gather(task, best_features(models, layers, task.recorded, task.splits, metric))
        return Measured(held_out.dataset(layers), held_out.remarks)


def best_features(
    models: FrozenModels, layers: Sequence[str], responses: Array, splits: Sequence[Split], readout: Channels
) -> Iterator[tuple[str, int, list[ReadoutResult]]]:
    """Run a model once and yield (layer, number of features, one result a split) of its best single features.

    The feature of a site is chosen, and its regression fitted, on the training rows alone. Inner predictions come from
    halves of them: chosen and fitted on one, predicted for the other.

    Parameters
    ----------
    models : FrozenModels
        One model.
    layers : sequence of str
        A layer ``A+B`` has the features of both.
    responses : array of shape (stimulus, site)
        Rows of no split may be NaN.
    splits : sequence of Split
    readout : Channels

    Raises
    ------
    UnknownName, BadActivations, BadOption, NoSpace
        As `itbench.extraction.forward.extract_grams` does.
    ItbenchError
        If a split has too few training rows to choose a feature on half of them.
    """
    plan = _Plan.of(responses, splits)
    last = {part: layer for layer in layers for part in models.parts(layer)}  # layer that needs each part last
    shape = (FITS * len(splits), *responses.shape)
    kept = 3 if set(last) == set(layers) else len(last) + 2
    beside = BLOCK_BYTES + kept * math.prod(shape) * np.dtype(np.float32).itemsize
    with (
        models.stream(beside) as activations,
        models.reporter.progress("features", len(layers), "layers") as advance,
    ):
        found: dict[str, _Best] = {}
        for layer in layers:
            best = _Best.none(shape)
            for part in models.parts(layer):
                if part not in found:
                    found[part] = _Best.none(shape)
                    for panel, reference in activations.panels(part):
                        _search(panel, reference, plan, readout, found[part])
                best.take_better(found[part])
                if last[part] == layer:
                    del found[part]
            yield layer, sum(activations.widths[part] for part in models.parts(layer)), best.readings(plan, readout)
            advance(1)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Training rows in two halves, on which single features are chosen and tried."""

    responses: Array
    splits: Sequence[Split]
    halves: tuple[NDArray[np.intp], NDArray[np.intp]]

    @classmethod
    def of(cls, responses: Array, splits: Sequence[Split]) -> _Plan:
        used = np.unique(np.concatenate([split.train for split in splits]))
        mixed = np.random.default_rng(0).permutation(used)
        plan = cls(responses, splits, (np.sort(mixed[::2]), np.sort(mixed[1::2])))
        for split in splits:
            if min(map(len, plan.inner(split))) < FEWEST:
                raise ItbenchError(
                    f"Split {split.name!r} has {len(split.train)} stimuli to train on: too few to choose a feature "
                    "on half of them and to try it on the other half.",
                    todo="Use fewer folds, more stimuli, or another metric.",
                )
        return plan

    def inner(self, split: Split) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        first, second = (np.intersect1d(half, split.train) for half in self.halves)
        return first, second

    def left_out(self, split: Split) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        first, second = (np.setdiff1d(half, split.train) for half in self.halves)
        return first, second


@dataclass(frozen=True, eq=False)
class _Moments:
    """Sums over rows, from which the correlation of every single feature with every site follows."""

    n: int
    x: Array  # (feature,)
    xx: Array
    y: Array  # (site,)
    yy: Array
    xy: Array  # (feature, site)

    @classmethod
    def of(cls, x: Array, y: Array) -> _Moments:
        xx, yy = np.einsum("ij,ij->j", x, x), np.einsum("ij,ij->j", y, y)
        return cls(len(x), x.sum(axis=0), xx, y.sum(axis=0), yy, x.T @ y)

    def plus(self, other: _Moments, sign: int = 1) -> _Moments:
        return _Moments(
            self.n + sign * other.n,
            self.x + sign * other.x,
            self.xx + sign * other.xx,
            self.y + sign * other.y,
            self.yy + sign * other.yy,
            self.xy + sign * other.xy,
        )

    def rounding(self, reference: Array) -> Array:
        """Return the variance that rounding may leave of a constant single feature (feature,)."""
        magnitude = self.xx + 2 * reference * self.x + self.n * reference**2
        return ROUNDING**2 * np.maximum(magnitude, self.xx) / self.n

    def correlation(self, rounding: Array) -> Array:
        """Return r of single features with sites (feature, site); 0 where a feature varies by rounding alone."""
        variance_x = self.xx - self.x**2 / self.n
        variance_y = self.yy - self.y**2 / self.n
        r = self.xy - np.outer(self.x / self.n, self.y)
        r *= _inverse_root(variance_x, variance_x > self.n * rounding)[:, None]
        r *= _inverse_root(variance_y, variance_y > 0)
        return r


def _inverse_root(values: Array, where: NDArray[np.bool_]) -> Array:
    return np.where(where, 1 / np.sqrt(np.where(where, values, 1.0)), 0.0)


@dataclass(frozen=True, eq=False)
class _Best:
    """Best single feature so far of every fit and site: its rating and its values."""

    rating: Array
    values: NDArray[np.float32]

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> _Best:
        return cls(np.zeros((shape[0], shape[2])), np.zeros(shape, np.float32))

    def offer(self, fit: int, ratings: Array, block: NDArray[np.floating]) -> None:
        index = ratings.argmax(axis=0)
        top = ratings[index, np.arange(len(index))]
        better = top > self.rating[fit]
        self.rating[fit, better] = top[better]
        self.values[fit][:, better] = block[:, index[better]]

    def take_better(self, other: _Best) -> None:
        better = other.rating > self.rating
        self.rating[better] = other.rating[better]
        np.copyto(self.values, other.values, where=better[:, None, :])

    def readings(self, plan: _Plan, readout: Channels) -> list[ReadoutResult]:
        """Return the results of the best single features, one a split."""
        found = []
        for number, split in enumerate(plan.splits):
            whole, *by_half = self.values[FITS * number : FITS * (number + 1)].astype(np.float64)
            first, second = plan.inner(split)
            inner = np.empty_like(plan.responses)
            for values, learn, rows in ((by_half[0], second, first), (by_half[1], first, second)):
                inner[rows] = readout(values[learn], plan.responses[learn], values[rows])
            predictions = readout(whole[split.train], plan.responses[split.train], whole[split.test])
            none = np.full(plan.responses.shape[1], np.nan)
            found.append(ReadoutResult(predictions, inner[split.train], none))
        return found


def _search(
    panel: NDArray[np.floating], reference: NDArray[np.floating], plan: _Plan, readout: Channels, best: _Best
) -> None:
    n, sites = plan.responses.shape
    step = max(1, BLOCK_BYTES // (8 * (2 * n + 12 * sites)))
    for start in range(0, panel.shape[1], step):
        columns = slice(start, start + step)
        _search_block(panel[:, columns].astype(np.float64), reference[columns].astype(np.float64), plan, readout, best)


def _search_block(block: Array, reference: Array, plan: _Plan, readout: Channels, best: _Best) -> None:
    halves = [_Moments.of(block[rows], plan.responses[rows]) for rows in plan.halves]
    rounding = halves[0].plus(halves[1]).rounding(reference)
    for number, split in enumerate(plan.splits):
        left_out = [_Moments.of(block[rows], plan.responses[rows]) for rows in plan.left_out(split)]
        first, second = (half.plus(part, -1) for half, part in zip(halves, left_out, strict=True))
        for fit, moments in enumerate((first.plus(second), second, first), FITS * number):
            best.offer(fit, readout.rate(moments.correlation(rounding)), block)
