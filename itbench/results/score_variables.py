"""Variables of a score: their names and dimensions, which of them a score holds, and their values."""

from __future__ import annotations

from collections import Counter

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.statistics.bootstrap import percentile_interval
from itbench.util.arrays import Array
from itbench.util.tables import counted

SITE_MEASURES = ("explained_variance", "correlation")
FEW_SITES = 20  # below it, in simulations, intervals of many images hold the truth in about 90 % of cases
SHARED = "shared"  # what two models explain both, in a partition of variance
SHARES_OF_VARIANCE = ("explained_variance", "share", "unique")  # which sums of squares weight in a mean over splits
VARIABLES = {  # by name: who has it, and its dimensions
    "explained_variance": "readout: (split, layer, site)",
    "correlation": "readout: (split, layer, site)",
    "sst": "readout: sum of squares of held-out responses about their mean (split, site)",
    "ssp": "readout: sum of squares of predictions about their mean (split, layer, site)",
    "alpha": "readout: penalty (split, layer, site)",
    "inner_explained_variance": "readout: of predictions of training rows, which choose the layer (split, layer, site)",
    "predictions": "readout: of held-out stimuli at the chosen layer, less response_mean (row, site)",
    "response_mean": "readout: mean training response, which predictions are stored without (split, site)",
    "row_stimulus": "readout: index of the stimulus (row)",
    "row_split": "readout: index of the split (row)",
    "row_cluster": "readout: number of what is drawn together for intervals, image or object (row)",
    "n_train": "readout: training stimuli (split)",
    "n_test": "readout: held-out stimuli (split)",
    "agreement": "readout with a measure of its own over all sites of a split: (split, layer)",
    "ceiling": "readout: noise ceiling, NaN without repetitions (site)",
    "ceiling_divisions": "readout: noise ceiling by division of the repetitions (division, site)",
    "part": "joint readout: names of the layers that it reads together (part)",
    "weight": "joint readout: (split, part, site)",
    "share": "joint readout: share of the explained variance (split, part, site)",
    "group": "joint readout: names of layers, and of models, that are left out in turn (group)",
    "unique": "joint readout: explained variance lost without the group (split, group, site)",
    "partition_draws": "joint readout of several models: unique and shared parts (partition, draw)",
    "value": "comparison: (layer)",
    "without": "comparison: value without each group of images (layer, group)",
    "without_sites": "comparison: value without each group of sites, or each subject (layer, site_group)",
    "standard_error": "comparison: (layer)",
    "group_size": "comparison: images (group)",
    "headline": "comparison: value at the layers chosen without the images that judge them ()",
    "layer": "all: names (layer)",
    "site": "readout: names (site)",
    "n_features": "all: (layer)",
    "effective_dimensionality": "of frozen models whose Grams were read: (layer)",
    "chosen_layer": "readout: (split); comparison: (group)",
    "measure": "all: names of the measures that were drawn (measure)",
    "draws": "all: bootstrap or jackknife draws (measure, draw)",
}


def is_comparison(score: xr.Dataset) -> bool:
    """Return whether a score holds the variables of a comparison: no predictions, one value a layer."""
    return "value" in score


def is_joint_readout(score: xr.Dataset) -> bool:
    """Return whether a score holds the variables of a joint readout: weights, shares and unique parts."""
    return "part" in score.coords


def has_predictions(score: xr.Dataset) -> bool:
    """Return whether a score holds the variable ``predictions``, which may be left out of its file."""
    return "predictions" in score


def has_splits(score: xr.Dataset) -> bool:
    """Return whether a score holds the variables of its splits: the numbers of training and held-out stimuli."""
    return "n_train" in score


def has_partition(score: xr.Dataset) -> bool:
    """Return whether a measured dataset still holds the variable of predictions without each of several models."""
    return "predictions_without" in score


def predictions(score: xr.Dataset) -> Array:
    """Return the predicted responses to held-out images that a score holds, in the units of the recorded ones.

    Parameters
    ----------
    score : Dataset
        Its variable ``predictions`` is less ``response_mean``, each split's mean training response.

    Returns
    -------
    array of shape (row, site)
        A row is the stimulus ``row_stimulus`` in the split ``row_split``; NaN at sites that are not scored.
    """
    values = score["predictions"].values.astype(np.float64)
    if "response_mean" not in score:  # of a former version
        return values
    return np.asarray(values + score["response_mean"].values[score["row_split"].values])


def has_split_measure(score: xr.Dataset) -> bool:
    """Return whether a score holds the variable of a measure over all sites of a split, such as predicted RSA."""
    return "agreement" in score


def measure_of(score: xr.Dataset) -> str:
    """Return which variable of a score, or which measure of its draws, is the headline."""
    return str(score.attrs.get("measure", SITE_MEASURES[0]))


def measures_site_by_site(score: xr.Dataset) -> bool:
    """Return whether a score holds explained variance and correlation variables by site."""
    return SITE_MEASURES[0] in score


def layer_names(score: xr.Dataset) -> list[str]:
    """Return the values of the variable ``layer``: all layers, and the joint readout of several."""
    return [str(name) for name in score.variables["layer"].values]


def model_layers(score: xr.Dataset) -> list[str]:
    """Return the values of the variable ``layer`` without the joint readout: layers of the model, or of several."""
    return [str(name) for name in score["part"].values] if is_joint_readout(score) else layer_names(score)


def layer_groups(score: xr.Dataset) -> list[str]:
    """Return the variable ``group`` of a joint readout's score: layers and models with a unique part."""
    return [str(name) for name in score["group"].values] if "group" in score.coords else []


def chosen_layers(score: xr.Dataset) -> dict[str, int]:
    """Count the values of the variable ``chosen_layer``, the most frequent first; of equals the better inner one."""
    count = Counter(str(layer) for layer in score.variables["chosen_layer"].values)
    if len(count) == 1:
        return dict(count)
    value = score["value"] if is_comparison(score) else score["inner_explained_variance"].mean(("split", "site"))
    return dict(sorted(count.items(), key=lambda item: (-item[1], -float(value.sel(layer=item[0])))))


def most_chosen_layer(score: xr.Dataset) -> str:
    """Return the most frequent value of the variable ``chosen_layer``."""
    return next(iter(chosen_layers(score)))


def in_each_split(score: xr.Dataset, variable: str) -> xr.Variable:
    """Return a variable (split, layer, …) of a score at the layer that each split chose (split, …), without labels."""
    of_layers = score.variables[variable].transpose("split", "layer", ...)
    rows = {layer: row for row, layer in enumerate(score.variables["layer"].values.tolist())}
    layers = [rows[layer] for layer in score.variables["chosen_layer"].values.tolist()]
    return xr.Variable(("split", *of_layers.dims[2:]), of_layers.values[np.arange(len(layers)), layers])


def _labelled(score: xr.Dataset, values: xr.Variable) -> xr.DataArray:
    """Return values with the names of splits, layers and sites of a score, and none of its other coordinates."""
    return xr.DataArray(values, {name: score.indexes[name] for name in values.dims if name in score.indexes})


def pooled(score: xr.Dataset, variable: str, *, chosen: bool = False) -> xr.DataArray:
    """Return a variable (split, layer, site) of a score pooled over splits, (layer, site), or (site) at chosen layers.

    Explained variance is 1 − Σ SSR / Σ SST, and so is the mean over splits weighted by the variance of their responses;
    shares and unique parts likewise. Correlation is Σ Cov / √(Σ SST Σ SSP). Any other variable is averaged, as are all
    of a score by earlier rules, which has no sums of squares.
    """
    return _labelled(score, _pooled(score, variable, chosen))


def pooled_values(score: xr.Dataset, variable: str, *, chosen: bool = False) -> Array:
    """Return the values of a variable of a score `pooled` over splits, without labels, which take most of the time."""
    return np.asarray(_pooled(score, variable, chosen).values)


def _pooled(score: xr.Dataset, variable: str, chosen: bool) -> xr.Variable:
    def value(name: str) -> xr.Variable:
        return in_each_split(score, name) if chosen else score.variables[name]

    of_splits = value(variable)
    kept, values = of_splits.dims[1:], of_splits.values
    if "sst" not in score.variables or variable not in (*SHARES_OF_VARIANCE, "correlation"):
        return xr.Variable(kept, values.mean(axis=0))
    sst = score.variables["sst"].values.reshape(len(values), *[1] * (len(kept) - 1), -1)  # (split, layer or none, site)
    total = sst.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        if variable != "correlation":
            return xr.Variable(kept, (values * sst).sum(axis=0) / total)
        ssp = value("ssp").values
        predicted = ssp.sum(axis=0)
        scale = np.sqrt(total * np.where(predicted == 0, 1.0, predicted))  # of a constant prediction, the product is 0
        return xr.Variable(kept, ((values * np.sqrt(sst * ssp)).sum(axis=0) / scale).clip(-1.0, 1.0))


def mean_by_layer(score: xr.Dataset, variable: str) -> dict[str, float]:
    """Return the mean over sites of a variable (split, layer, site) of a score, pooled over splits, by layer."""
    of_sites = pooled(score, variable)
    return {layer: float(np.nanmean(of_sites.sel(layer=layer))) for layer in layer_names(score)}


def dimensionality_of_layers(score: xr.Dataset) -> list[float | None]:
    """Return the variable ``effective_dimensionality`` (layer,); None for each layer where it is not held."""
    if "effective_dimensionality" not in score:
        return [None] * score.sizes["layer"]
    values = score.variables["effective_dimensionality"].values.tolist()
    return [value if np.isfinite(value) else None for value in values]


def value_at_layer(score: xr.Dataset, layer: str, measure: str) -> float | None:
    """Return the variable of a measure at one layer in all splits; None where the score does not hold it."""
    if layer not in layer_names(score):
        return None
    if is_comparison(score):
        return float(score["value"].sel(layer=layer))
    name = measure if measure in SITE_MEASURES else "agreement" if has_split_measure(score) else None
    return float(np.nanmean(pooled(score, name).sel(layer=layer))) if name else None


def scored_sites(score: xr.Dataset) -> NDArray[np.bool_] | None:
    """Return which values of the variable ``site`` were scored (site,); None of a comparison, which has no sites."""
    if not measures_site_by_site(score):
        return None
    return np.asarray(np.isfinite(pooled_values(score, SITE_MEASURES[0], chosen=True)))


def ceiling_of(score: xr.Dataset) -> Array | None:
    """Return the variable ``ceiling`` of a score (site,), NaN without repetitions; None where it is not held."""
    return np.asarray(score.variables["ceiling"].values) if "ceiling" in score else None


def ceilings_of(score: xr.Dataset) -> Array | None:
    """Return the ceiling variables of a score, by division of the repetitions (division, site); None without any."""
    if "ceiling_divisions" in score:
        return np.asarray(score["ceiling_divisions"].values)
    ceiling = ceiling_of(score)
    return None if ceiling is None else np.atleast_2d(ceiling)


def penalties_at_sites(score: xr.Dataset) -> Array | None:
    """Return the variable ``alpha`` at the layers that the splits chose (split, site); None where it is not held."""
    if "alpha" not in score:
        return None
    return np.asarray(in_each_split(score, "alpha").transpose("split", "site").values, np.float64)


def drawn_measures(score: xr.Dataset) -> list[str]:
    """Return the values of the variable ``measure``: the measures that have draws."""
    return [str(name) for name in score["measure"].values] if "measure" in score.coords else []


def draws_of(score: xr.Dataset, measure: str = "") -> Array | None:
    """Return the variable ``draws`` of a measure (draw,), by default the headline; None where it is not held."""
    measure = measure or measure_of(score)
    names = [] if "draws" not in score else score.variables["measure"].values.tolist()
    return score.variables["draws"].values[names.index(measure)].astype(np.float64) if measure in names else None


def partition_of(score: xr.Dataset) -> dict[str, tuple[float, float, float]]:
    """Return the variable ``partition_draws``: the value and the 95 % interval of each part; empty where not held."""
    if "partition_draws" not in score:
        return {}
    parts = zip(score["partition"].values, score["partition_draws"].values.astype(np.float64), strict=True)
    return {str(name): (float(np.nanmedian(draws)), *percentile_interval(draws)) for name, draws in parts}


def interval_of(score: xr.Dataset, measure: str = "") -> tuple[float, float] | None:
    """Return the 95 % interval of the variable ``draws``; None where it is not held, NaN of too few draws."""
    draws = draws_of(score, measure)
    return None if draws is None else percentile_interval(draws)


def drawn_text(score: xr.Dataset) -> str:
    """Return what the variable ``draws`` is drawn over, such as ``64 objects × 168 sites``; empty without draws."""
    if "draws" not in score or "n_clusters" not in score.attrs:
        return ""
    images = counted(int(score.attrs["n_clusters"]), str(score.attrs["clusters"]) or "image")
    if is_comparison(score) and not score.attrs["n_sites"]:
        n_subjects = score.sizes["site_group"]
        return f"{images} × {counted(n_subjects, 'subject')}" if n_subjects else images
    return f"{images} × {counted(int(score.attrs['n_sites_scored']), 'site')}"


def draws_few_sites(score: xr.Dataset) -> bool:
    """Return whether the variable ``draws`` resamples so few sites that its interval is somewhat too narrow."""
    resampled = "draws" in score and not is_comparison(score) and not has_split_measure(score)
    return resampled and int(score.attrs["n_sites_scored"]) < FEW_SITES


def held_out_rows(score: xr.Dataset) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
    """Return the variables ``row_stimulus`` and ``row_split`` (row,); None where a score holds no predictions."""
    if "row_stimulus" not in score:  # no coordinate where the predictions were not read
        return None
    return score.variables["row_stimulus"].values, score.variables["row_split"].values


def site_names(score: xr.Dataset) -> list[str] | None:
    """Return the values of the variable ``site`` of a score; None where it has no sites."""
    return [str(name) for name in score.variables["site"].values] if "site" in score.coords else None
