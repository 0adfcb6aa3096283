"""Comparisons of a layer's Gram with the neural data of the same stimuli, and the form ``comparison``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.task import Task
from itbench.errors import BadRecordings, BadScore
from itbench.gram import Gram
from itbench.metrics.form import Form, FrozenModels, Measured
from itbench.metrics.neural_data import NeuralData
from itbench.statistics.jackknife import (
    SEED,
    SITE_GROUPS,
    count_groups,
    cross_validated_choice,
    jackknife_draws,
    jackknife_error,
    jackknife_groups,
    kept_sites,
)
from itbench.util.arrays import Array

KEPT_BYTES = 4 * 10**8
FEWEST = 4  # images that a comparison needs, also without a group: an unbiased one of 3 is 0 / 0


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """Comparison of one layer with neural data: its value, and its values without each group of images.

    Parameters
    ----------
    value : float
        Of all images; the higher, the more alike.
    without : array of shape (group,)
        Of all images but those of each group; empty where no groups were given.
    remarks : tuple of str
        What the user should know.
    """

    value: float
    without: NDArray[np.float64]
    remarks: tuple[str, ...] = ()

    @classmethod
    def by_leaving_out(
        cls,
        compare: Callable[[Gram, NeuralData], float],
        gram: Gram,
        recorded: NeuralData,
        groups: NDArray[np.integer] | None,
    ) -> ComparisonResult:
        """Return a comparison of all images, and again without each group, where there is no shorter way."""
        kept = [np.flatnonzero(groups != group) for group in range(count_groups(groups))]
        without = [compare(gram.take(rows), recorded.take(rows)) for rows in kept]
        return cls(compare(gram, recorded), np.array(without))


class Comparison(Protocol):
    """Protocol of a comparison: a layer's Gram and the neural data of the same images to one number."""

    form: ClassVar[str] = "comparison"

    measure: ClassVar[str]
    """What the number is called."""

    site_groups: ClassVar[int] = SITE_GROUPS
    """How many groups of sites are left out in turn for the interval; fewer for a slow comparison. May be left out."""

    def __call__(self, gram: Gram, recorded: NeuralData, groups: NDArray[np.integer] | None) -> ComparisonResult:
        """Return the comparison of all images, and without each group.

        `groups` (stimulus,) numbers them from 0; None asks for the value alone. Neural data that are RDMs come one
        subject at a time.
        """


class ComparisonForm(Form):
    """Form of a comparison of Grams with neural data; nothing is fitted, and all stimuli are compared."""

    name = "comparison"
    needs_responses = False
    refuses_trained = "compares all images"

    def measure(self, metric: Comparison, name: str, models: FrozenModels, task: Task) -> Measured:
        """Measure frozen models by a comparison with the neural data, one Gram at a time."""
        layers = [layer for own in models.layers_by_model.values() for layer in own]
        clusters = task.clusters[1][task.rows]
        compared = compare_layers(metric, models.grams(), neural_data_of(task), layers, clusters)
        return Measured(compared, compared.attrs.pop("remarks").splitlines())


def neural_data_of(task: Task) -> NeuralData:
    """Return the neural data that a comparison sees: the stimuli of the task's splits, its scorable sites."""
    recordings = task.recordings
    sites = np.flatnonzero(task.scorable)
    responses = None if recordings.responses is None else recordings.responses.isel(site=sites)
    distance = str(recordings.about.get("distance") or "")
    return NeuralData(recordings.stimuli.ids, responses, recordings.rdms, distance).take(task.rows)


def compare_layers(
    comparison: Comparison,
    grams: Iterable[tuple[str, Gram]],
    recorded: NeuralData,
    layers: Sequence[str],
    clusters: NDArray[np.integer] | None = None,
) -> xr.Dataset:
    """Return the comparison of every layer with neural data, the cross-validated choice of the layer, and its draws.

    Of the RDMs of several subjects, a value is the mean over subjects of the comparison with each. The layer is chosen
    for every fifth of the images by the others. `headline` is what the layers chosen so are worth on the images that
    did not choose them, see `cross_validated_choice`. Its error is the jackknife's over images and over sites, or
    subjects.

    Parameters
    ----------
    comparison : Comparison
    grams : iterable of (layer, Gram)
        In any order; of all images of `recorded`, and perhaps of more.
    recorded : NeuralData
    layers : sequence of str
        In the order of the result.
    clusters : int array of shape (stimulus,), optional
        Images that are left out together; by default each by itself.

    Returns
    -------
    Dataset
        ``value`` and ``standard_error`` (layer), ``without`` (layer, group), ``without_sites`` (layer, site_group),
        ``group_size`` (group), the scalar ``headline``, and ``draws`` (measure, draw) of it; coordinates ``n_features``
        (layer), ``chosen_layer`` (group); attribute ``remarks``, one a line.

    Raises
    ------
    BadRecordings
        If there are fewer than 5 images, or clusters of them: 4 and one to leave out.
    BadScore
        If a value is not finite.
    """
    groups = jackknife_groups(len(recorded) if clusters is None else clusters, SEED)
    if count_groups(groups) <= FEWEST:
        raise BadRecordings(
            f"{count_groups(groups)} images or clusters are too few for a comparison and its interval.",
            known=f"{FEWEST + 1} are needed: {FEWEST}, and one that is left out in turn.",
        )
    with_sites = _WithSites(comparison, recorded, groups)
    results: dict[str, tuple[ComparisonResult, Array]] = {}
    widths: dict[str, int] = {}
    for layer, gram in grams:
        results[layer] = with_sites(aligned(gram, recorded))
        widths[layer] = gram.n_features
    values = np.array([results[layer][0].value for layer in layers])
    without = np.stack([results[layer][0].without for layer in layers])
    without_sites = np.stack([results[layer][1] for layer in layers])
    _require_finite(values, np.concatenate([without, without_sites], axis=1), layers)
    chosen, headline, headline_without = cross_validated_choice(values, without)
    sites_headline = headline + (without_sites - values[:, None])[chosen].mean(axis=0)
    drawn = jackknife_draws(headline, headline_without, sites_headline)
    data: dict[str, Any] = {
        "value": ("layer", values),
        "standard_error": (
            "layer",
            [
                np.hypot(jackknife_error(own), jackknife_error(site))
                for own, site in zip(without, without_sites, strict=True)
            ],
        ),
        "without": (("layer", "group"), without),
        "without_sites": (("layer", "site_group"), without_sites),
        "group_size": ("group", np.bincount(groups)),
        "headline": headline,
        "draws": (("measure", "draw"), drawn[None].astype(np.float32)),
    }
    coords = {
        "layer": list(layers),
        "n_features": ("layer", [widths[layer] for layer in layers]),
        "chosen_layer": ("group", [layers[index] for index in chosen]),
        "measure": [comparison.measure],
    }
    remarks = dict.fromkeys(f"layer {layer}: {text}" for layer in layers for text in results[layer][0].remarks)
    return xr.Dataset(data, coords, {"remarks": "\n".join(remarks)})


class _WithSites:
    """Comparison of one Gram after another with neural data, and with those without each group of sites, or subject.

    Parameters
    ----------
    comparison : Comparison
    recorded : NeuralData
    groups : int array of shape (stimulus,)
        Of images.
    """

    def __init__(self, comparison: Comparison, recorded: NeuralData, groups: NDArray[np.integer]) -> None:
        self.comparison, self.recorded, self.groups = comparison, recorded, groups
        self.subjects = [] if recorded.rdms is None else recorded.subjects
        n_sites = 0 if recorded.responses is None else recorded.responses.sizes["site"]
        self.kept = kept_sites(n_sites, getattr(comparison, "site_groups", SITE_GROUPS))
        self.parts: list[NeuralData] = []
        if len(self.kept) * 16 * len(recorded) ** 2 <= KEPT_BYTES:  # their Grams and RDMs are kept for all layers
            self.parts = [recorded.take_sites(sites) for sites in self.kept]

    def __call__(self, gram: Gram) -> tuple[ComparisonResult, Array]:
        if self.subjects:
            each = [self.comparison(gram, one, self.groups) for one in self.subjects]
            values = np.array([result.value for result in each])
            remarks = tuple(dict.fromkeys(remark for result in each for remark in result.remarks))
            mean = ComparisonResult(values.mean(), np.mean([result.without for result in each], axis=0), remarks)
            return mean, (values.sum() - values) / (len(each) - 1) if len(each) > 1 else np.empty(0)
        parts = self.parts or (self.recorded.take_sites(sites) for sites in self.kept)
        without = [self.comparison(gram, part, None).value for part in parts]
        return self.comparison(gram, self.recorded, self.groups), np.array(without, np.float64)


def aligned(gram: Gram, recorded: NeuralData) -> Gram:
    """Return the Gram for a comparison: of the stimuli of the neural data, in their order."""
    if gram.stimulus_ids == recorded.stimulus_ids:
        return gram
    row_of = {name: row for row, name in enumerate(gram.stimulus_ids)}
    return gram.take(np.array([row_of[name] for name in recorded.stimulus_ids]))


def _require_finite(values: Array, without: Array, layers: Sequence[str]) -> None:
    finite = np.isfinite(values) & np.isfinite(without).all(axis=1)
    if not finite.all():
        bad = [layer for layer, is_finite in zip(layers, finite, strict=True) if not is_finite]
        raise BadScore(
            f"The comparison with layer {bad[0]} is no number.",
            known=f"So it is at {len(bad)} of {len(layers)} layers.",
            todo="Look for images without activation, or leave the layer out.",
        )
