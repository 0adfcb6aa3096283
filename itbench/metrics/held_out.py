"""Readouts of layers in every split, measured on the held-out stimuli."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.task import Task
from itbench.metrics.readout import JointReadoutResult, ReadoutResult
from itbench.statistics.explained_variance import (
    check_explained_variance,
    correlation,
    explained_variance,
    sum_of_squares,
    variance_shares,
)
from itbench.statistics.jackknife import DRAWS, SEED, jackknife_draws, jackknife_groups, kept_sites
from itbench.util.arrays import Array

PER_SITE = ("explained_variance", "correlation", "alpha", "inner_explained_variance", "ssp")
FEWEST_LEFT = 3  # images of a split that a measure of all its sites needs
Compare = Callable[[Array, Array], float]


class HeldOut:
    """Readouts measured on held-out stimuli: explained variance and correlation by split, layer and site.

    Parameters
    ----------
    task : Task
    compare : callable, optional
        Of recorded and predicted responses (test, site) to a number: what is measured of a split beside the sites.
    """

    def __init__(self, task: Task, compare: Compare | None = None) -> None:
        self.task, self.compare = task, compare
        self.remarks: list[str] = []
        self._recorded = task.recorded
        self._means = np.stack([self._recorded[split.train].mean(axis=0) for split in task.splits])  # (split, site)
        self._per_site: dict[str, dict[str, Array]] = {name: {} for name in PER_SITE}
        self._agreement: dict[str, Array] = {}
        self._predicted: dict[str, NDArray[np.float32]] = {}
        self._widths: dict[str, int] = {}
        self._joint: xr.Dataset | None = None

    def add(self, layer: str, n_features: int, results: Sequence[ReadoutResult]) -> None:
        """Measure the readout of a layer on the held-out stimuli of every split."""
        measured: dict[str, list[Array]] = {name: [] for name in PER_SITE}
        agreement = []
        for split, result in zip(self.task.splits, results, strict=True):
            test, inner = self._recorded[split.test], ~np.isnan(result.inner_predictions).all(axis=1)
            train = self._recorded[split.train[inner]]
            measured["explained_variance"].append(explained_variance(test, result.predictions))
            measured["correlation"].append(correlation(test, result.predictions))
            measured["alpha"].append(result.alpha)
            measured["ssp"].append(sum_of_squares(result.predictions))
            measured["inner_explained_variance"].append(explained_variance(train, result.inner_predictions[inner]))
            if self.compare:
                agreement.append(self.compare(test, result.predictions))
            self.remarks += [f"layer {layer}: {remark}" for remark in result.remarks]
        check_explained_variance(*(np.array(measured[name]) for name in PER_SITE[:2]))
        for name, values in measured.items():
            self._per_site[name][layer] = np.array(values)
        if self.compare:
            self._agreement[layer] = np.array(agreement)
        # less the mean: predictions far from 0 would lose their digits in single precision
        less = [result.predictions - mean for result, mean in zip(results, self._means, strict=True)]
        self._predicted[layer] = np.concatenate(less).astype(np.float32)
        self._widths[layer] = n_features

    def add_joint(
        self,
        name: str,
        layers: Sequence[str],
        n_features: Mapping[str, int],
        groups: Mapping[str, Collection[str]],
        results: Sequence[JointReadoutResult],
    ) -> None:
        """Measure a joint readout of `layers`, called `name`, and that of each alone, on held-out stimuli."""
        for layer in layers:
            self.add(layer, n_features[layer], [result.alone[layer] for result in results])
        none = np.full(self._recorded.shape[1], np.nan)
        whole = [
            ReadoutResult(result.predictions, result.inner_predictions, none, result.remarks) for result in results
        ]
        self.add(name, sum(n_features.values()), whole)
        recorded = [self._recorded[split.test] for split in self.task.splits]
        pairs = list(zip(recorded, results, strict=True))
        weight = np.array([result.weights for result in results])
        share = np.array([variance_shares(test, result.contributions) for test, result in pairs])
        unique = np.array([_unique(test, result) for test, result in pairs])
        self._joint = xr.Dataset(
            {
                "weight": (("split", "part", "site"), self.task.at_all_sites(weight)),
                "share": (("split", "part", "site"), self.task.at_all_sites(share)),
                "unique": (("split", "group", "site"), self.task.at_all_sites(unique)),
            },
            {"part": list(layers), "group": list(groups)},
        )
        models = [number for number, group in enumerate(groups) if group not in layers]
        if models:
            rest = [result.without[models] - mean for result, mean in zip(results, self._means, strict=True)]
            self._joint = self._joint.assign(
                predictions_without=(
                    ("model", "row", "site"),
                    self.task.at_all_sites(np.concatenate(rest, axis=1).astype(np.float32)),
                )
            ).assign_coords(model=[list(groups)[number] for number in models])

    def dataset(self, layers: Sequence[str], *, whole: str = "") -> xr.Dataset:
        """Return the held-out measures of all layers, and the predictions at the layer that each split chose.

        The layer is chosen by the explained variance of inner predictions, of training rows by training rows; `whole`
        is the joint one, which is what counts wherever there is one.
        """
        splits = self.task.splits
        names = [*layers, whole] if whole else list(layers)
        inner = np.stack([self._per_site["inner_explained_variance"][name].mean(axis=1) for name in names], axis=1)
        chosen = [whole] * len(splits) if whole else [names[index] for index in inner.argmax(axis=1)]
        data: dict[str, Any] = {
            name: (
                ("split", "layer", "site"),
                self.task.at_all_sites(np.stack([one[layer] for layer in names], axis=1)),
            )
            for name, one in self._per_site.items()
        }
        sst = np.stack([sum_of_squares(self._recorded[split.test]) for split in splits])
        data["sst"] = (("split", "site"), self.task.at_all_sites(sst))
        if self.compare:
            data["agreement"] = (("split", "layer"), np.stack([self._agreement[name] for name in names], axis=1))
        row_stimulus, row_split = self.task.held_out
        sizes = [len(split.test) for split in splits]
        ends = np.cumsum([0, *sizes])
        rows = [self._predicted[name][ends[i] : ends[i + 1]] for i, name in enumerate(chosen)]
        data["predictions"] = (("row", "site"), self.task.at_all_sites(np.concatenate(rows)))
        data["response_mean"] = (("split", "site"), self.task.at_all_sites(self._means))
        dataset = xr.Dataset(
            data,
            coords={
                "split": [split.name for split in splits],
                "layer": names,
                **self.task.recordings.site_coordinates(),
                "n_features": ("layer", [self._widths[name] for name in names]),
                "chosen_layer": ("split", chosen),
                "n_train": ("split", [len(split.train) for split in splits]),
                "n_test": ("split", sizes),
                "row_stimulus": ("row", row_stimulus.astype(np.int32)),
                "row_split": ("row", row_split.astype(np.int32)),
                "row_cluster": ("row", self.task.clusters[1][row_stimulus].astype(np.int32)),
            },
        )
        return dataset if self._joint is None else dataset.merge(self._joint)


def gather(
    task: Task, read: Iterable[tuple[str, int, Sequence[ReadoutResult]]], compare: Compare | None = None
) -> HeldOut:
    """Measure readouts on held-out stimuli: (layer, number of features, one readout result a split)."""
    held_out = HeldOut(task, compare)
    for layer, n_features, results in read:
        held_out.add(layer, n_features, results)
    return held_out


def split_measure_draws(
    compare: Compare,
    recorded: Array,
    predicted: Array,
    row_cluster: NDArray[np.integer],
    row_split: NDArray[np.integer],
) -> Array:
    """Return draws of the mean over splits of a measure of held-out responses: a jackknife over images and over sites.

    Parameters
    ----------
    compare : callable
        Of recorded and predicted responses (test, site) to a number.
    recorded, predicted : array of shape (row, site)
    row_cluster, row_split : int array of shape (row,)
        Images that are left out together, and the split of each row. A split is left out where too few of its images
        remain.

    Returns
    -------
    array of shape (draw,)
        NaN where the splits are too small, or there is a single cluster.
    """
    clusters, cluster = np.unique(row_cluster, return_inverse=True)
    image_group = jackknife_groups(len(clusters), SEED)[cluster]
    parts = [row_split == split for split in np.unique(row_split)]

    def value(kept: NDArray[np.bool_], sites: NDArray[np.intp]) -> float:
        left = [part & kept for part in parts if (part & kept).sum() >= FEWEST_LEFT]
        each = [compare(recorded[rows][:, sites], predicted[rows][:, sites]) for rows in left]
        return float(np.mean(each)) if each else np.nan

    every_row, every_site = np.ones(len(recorded), bool), np.arange(recorded.shape[1])
    if len(clusters) < 2:
        return np.full(DRAWS, np.nan)
    images = [value(image_group != group, every_site) for group in np.unique(image_group)]
    sites = [value(every_row, kept) for kept in kept_sites(recorded.shape[1])]
    return jackknife_draws(value(every_row, every_site), np.array(images), np.array(sites))


def _unique(recorded: Array, result: JointReadoutResult) -> Array:
    whole = explained_variance(recorded, result.predictions)
    return np.array([whole - explained_variance(recorded, rest) for rest in result.without]).reshape(-1, len(whole))
