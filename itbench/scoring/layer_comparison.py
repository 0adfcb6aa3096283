"""A comparison over the layers of a model: values, the layer chosen without looking, and draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from itbench.errors import BadScore
from itbench.gram import Gram
from itbench.metrics.neural_data import NeuralData
from itbench.metrics.protocols import Comparison, ComparisonResult
from itbench.statistics.jackknife import (
    DRAWS,
    SEED,
    cross_validated_choice,
    jackknife_draws,
    jackknife_error,
    jackknife_groups,
)
from itbench.util.arrays import Array


def compare_layers(
    comparison: Comparison, grams: Iterable[tuple[str, Gram]], recorded: NeuralData, layers: Sequence[str]
) -> xr.Dataset:
    """Compare layers with what was recorded, one Gram at a time.

    The layer is chosen for every fifth of the images by the others. `headline` is what the layers chosen so are worth
    on the images that did not choose them, see `cross_validated_choice`.

    Parameters
    ----------
    comparison : Comparison
    grams : iterable of (layer, Gram)
        In any order; of all images of `recorded`, and perhaps of more.
    recorded : NeuralData
    layers : sequence of str
        In the order of the result.

    Returns
    -------
    Dataset
        ``value`` and ``standard_error`` (layer), ``without`` (layer, group), ``group_size`` (group), the scalar
        ``headline``, and ``draws`` (measure, draw) of it; coordinates ``n_features`` (layer), ``chosen_layer``
        (group); attribute ``remarks``, one a line.

    Raises
    ------
    BadScore
        If a value is not finite.
    """
    groups = jackknife_groups(len(recorded), SEED)
    said: dict[str, ComparisonResult] = {}
    widths: dict[str, int] = {}
    for layer, gram in grams:
        said[layer] = comparison(aligned(gram, recorded), recorded, groups)
        widths[layer] = gram.n_features
    values = np.array([said[layer].value for layer in layers])
    without = np.stack([said[layer].without for layer in layers])
    _require_finite(values, without, layers)
    chosen, headline, headline_without = cross_validated_choice(values, without)
    drawn = jackknife_draws(headline, headline_without, DRAWS, SEED)
    data: dict[str, Any] = {
        "value": ("layer", values),
        "standard_error": ("layer", [jackknife_error(row) for row in without]),
        "without": (("layer", "group"), without),
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
    remarks = dict.fromkeys(f"layer {layer}: {text}" for layer in layers for text in said[layer].remarks)
    return xr.Dataset(data, coords, {"remarks": "\n".join(remarks)})


def aligned(gram: Gram, recorded: NeuralData) -> Gram:
    """Return the Gram of the stimuli that were recorded, in their order."""
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
