"""Scores that a plot is given: read, named apart, with one measure; its values by layer and by site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import xarray as xr
from scipy import stats

from itbench.errors import BadOption, BadScore, UnknownName
from itbench.results.score_command import score_command
from itbench.results.score_file import BY_EARLIER_RULES, edition_of, is_earlier, provenance, read_score
from itbench.results.score_setup import Setup, name_of
from itbench.results.score_variables import (
    SITE_MEASURES,
    ceiling_of,
    ceilings_of,
    drawn_measures,
    has_predictions,
    has_split_measure,
    is_comparison,
    layer_names,
    measure_of,
    penalties_at_sites,
    pooled,
)
from itbench.results.seeds import SeedScores
from itbench.results.summary import LABELS, summary
from itbench.statistics.bootstrap import percentile_interval
from itbench.statistics.brainscore import brainscore_ratio
from itbench.statistics.jackknife import jackknife_draws
from itbench.statistics.noise_ceiling import ceiling_corrected
from itbench.util.arrays import Array

Given: TypeAlias = xr.Dataset | str | Path | SeedScores | Sequence["Given"]  # a score, its file, or several
RATIOS = ("explained_variance_corrected", "brainscore")  # to the ceiling
AXES = {**LABELS, "explained_variance_corrected": "EV/ceiling", "inner_explained_variance": "inner EV"}


def label_of(measure: str) -> str:
    """Return what an axis calls a measure, as a leaderboard's headline does."""
    return AXES.get(measure, measure)


def read_scores(given: Sequence[Given], measure: str = "", *, of_sites: bool = False) -> list[xr.Dataset]:
    """Return the scores that a plot is given, as datasets whose headline is one measure.

    Parameters
    ----------
    given : sequence of Dataset, str, Path, SeedScores, or sequences of these
    measure : str, optional
        Another measure than the headline, by its name or as an axis calls it: ``correlation``, ``EV/ceiling``.
    of_sites : bool
        Whether it must be one that each site has.

    Raises
    ------
    BadOption
        Without any score.
    BadScore, DamagedFile
    UnknownName
        If a score does not hold the measure, or its sites have none.
    """
    scores = list(_flat(given))
    if not scores:
        raise BadOption(
            "A plot needs a score.", known="None was given.", todo="Make one: itbench score -m itbench-tiny"
        )
    if of_sites:
        refuse_comparisons(scores)
    return [with_measure(score, measure, SITE_MEASURES if of_sites else measures(score)) for score in scores]


def _flat(given: Iterable[Given]) -> Iterable[xr.Dataset]:
    for one in given:
        if isinstance(one, xr.Dataset):
            yield one
        elif isinstance(one, str | Path):
            yield read_score(Path(one).expanduser())
        else:
            yield from _flat(one.scores if isinstance(one, SeedScores) else one)


def one_score(given: Given, measure: str = "", *, of_sites: bool = False) -> xr.Dataset:
    """Return the one score that a plot is given, read as by `read_scores`.

    Raises
    ------
    BadOption
        If there are several.
    """
    scores = read_scores([given], measure, of_sites=of_sites)
    if len(scores) > 1:
        raise BadOption(f"This plot shows one score, and {len(scores)} were given.")
    return scores[0]


def measures(score: xr.Dataset) -> list[str]:
    """Return the measures that a score holds: its headline first."""
    own, drawn = measure_of(score), drawn_measures(score)
    if is_comparison(score):
        return drawn[:1] or [own]
    ceiling = ceiling_of(score)
    ratios = RATIOS if ceiling is not None and np.isfinite(ceiling).any() else ()
    others = set(drawn) - {*SITE_MEASURES, *RATIOS, "ceiling"} if has_split_measure(score) else ()
    return list(dict.fromkeys([own, *sorted(others), *SITE_MEASURES, *ratios]))


def with_measure(score: xr.Dataset, measure: str, known: Sequence[str]) -> xr.Dataset:
    """Return a score whose headline is another of its measures, of those that a plot can show.

    Raises
    ------
    UnknownName
    """
    by_name = {name.casefold(): name for name in known} | {label_of(name).casefold(): name for name in known}
    if measure and measure.casefold() not in by_name:
        each = "each site of " if known is SITE_MEASURES else ""
        kind = f"measure of {each}{name_of(score)} by {score.attrs['metric']}"
        raise UnknownName.of(kind, measure, map(label_of, known))
    return score.assign_attrs(measure=by_name[measure.casefold()]) if measure else score


def shared_measure(scores: Sequence[xr.Dataset]) -> str:
    """Return the measure of all scores.

    Raises
    ------
    BadScore
        If they have several, which one axis cannot show.
    """
    found = list(dict.fromkeys(measure_of(score) for score in scores))
    if len(found) > 1:
        common = [name for name in measures(scores[0]) if all(name in measures(score) for score in scores)]
        raise BadScore(
            f"The scores have {len(found)} measures, and one axis shows one: {', '.join(map(label_of, found))}.",
            known=f"All hold: {', '.join(map(label_of, common))}." if common else "They hold none in common.",
            todo=f"Name one: --measure {label_of(common[0])}" if common else "Choose scores by one metric.",
        )
    return found[0]


def labels_of(scores: Sequence[xr.Dataset]) -> list[str]:
    """Return labels of scores for a legend: the model, and as much more as tells the scores apart."""

    def varies(key: str) -> bool:
        return len({score.attrs[key] for score in scores}) > 1

    models = [str(score.attrs["model"]) for score in scores]
    labels = []
    for score, model in zip(scores, models, strict=True):
        weights = {one.attrs["weights"] for one in scores if one.attrs["model"] == model}
        parts = [f"{model}:{score.attrs['weights']}" if len(weights) > 1 else model]
        parts += [str(score.attrs[key]) for key in ("metric", "benchmark") if varies(key)]
        parts += [f"{BY_EARLIER_RULES} ({edition_of(score)})"] if is_earlier(score) else []
        labels.append(", ".join(parts))
    settings = [Setup.of(score).metric_values() for score in scores]
    for i, label in enumerate(list(labels)):
        alike = [settings[j] for j in range(len(scores)) if labels[j].split(" · ")[0] == label]
        if len(alike) > 1:
            own = [f"{k}={v}" for k, v in settings[i].items() if len({one.get(k) for one in alike}) > 1]
            labels[i] = f"{label} · {', '.join(own) or f'score {i + 1}'}"
    return labels


class LayerValues(NamedTuple):
    """Values of a measure by layer (layer,), with 95 % intervals, NaN where there is none, and what they are over."""

    layers: list[str]
    value: Array
    low: Array
    high: Array
    over: str


def by_layer(score: xr.Dataset) -> LayerValues:
    """Return a score's measure at every layer, with an interval.

    Of a comparison the interval is the jackknife's, over images and sites, as that of the headline. Of EV and
    correlation it is Student's over sites: the held-out images are the same in it, which the headline's interval draws
    too. Other measures of a readout have none by layer.
    """
    names, measure = layer_names(score), measure_of(score)
    none = np.full(len(names), np.nan)
    if is_comparison(score):
        value = score["value"].values.astype(np.float64)
        parts = [
            jackknife_draws(one, score["without"].values[i], score["without_sites"].values[i])
            for i, one in enumerate(value)
        ]
        low, high = np.array([percentile_interval(draws) for draws in parts]).T
        return LayerValues(names, value, low, high, "images and sites")
    if measure in SITE_MEASURES:
        of_sites = pooled(score, measure).transpose("layer", "site").values
        value, low, high = np.array([student(values) for values in of_sites]).T
        return LayerValues(names, value, low, high, "sites, images fixed")
    ceiling, ceilings = ceiling_of(score), ceilings_of(score)
    if measure == "explained_variance_corrected" and ceiling is not None:
        ev = pooled(score, "explained_variance")
        value = np.array([float(ceiling_corrected(ev.sel(layer=name).values, ceiling)) for name in names])
    elif measure == "brainscore" and ceilings is not None:
        r = score["correlation"].transpose("layer", "split", "site").values
        value = np.array([brainscore_ratio(values, ceilings) for values in r])
    elif has_split_measure(score):
        value = pooled(score, "agreement").values.astype(np.float64)
    else:
        value = none
    return LayerValues(names, value, none, none, "")


def student(values: Array) -> tuple[float, float, float]:
    """Return the mean of the finite values and its 95 % interval by Student's distribution; NaN of none."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return (float(finite[0]) if len(finite) else np.nan), np.nan, np.nan
    mean, error = float(finite.mean()), float(finite.std(ddof=1)) / np.sqrt(len(finite))
    half = float(stats.t.ppf(0.975, len(finite) - 1)) * error
    return mean, mean - half, mean + half


class Headline(NamedTuple):
    """Headline of a score: its value, 95 % interval (NaN where there is none), layer, and what was drawn."""

    value: float
    low: float
    high: float
    layer: str
    drawn: str


def headline(score: xr.Dataset) -> Headline:
    """Return the headline of a score as a plot shows it."""
    found = summary(score)
    value, low, high = (np.nan if found[key] is None else float(found[key]) for key in ("value", "low", "high"))
    return Headline(value, low, high, str(found["layer"]), str(found["drawn"]))


def site_measure(scores: Sequence[xr.Dataset]) -> str:
    """Return the measure that plots of sites show: the headline of all scores where each site has it, else EV."""
    found = {measure_of(score) for score in scores}
    return found.pop() if len(found) == 1 and found <= set(SITE_MEASURES) else SITE_MEASURES[0]


def refuse_comparisons(scores: Sequence[xr.Dataset]) -> None:
    """Refuse scores that are comparisons, which have one value for all sites.

    Raises
    ------
    BadScore
    """
    for score in scores:
        if is_comparison(score):
            raise BadScore(
                f"The score of {name_of(score)} by {score.attrs['metric']} has one value for all sites together.",
                known="A plot of sites needs a readout, such as ridge.",
                todo=f"Make one: {score_command(score, 'ridge')}",
            )


def at_sites(score: xr.Dataset, measure: str) -> Array:
    """Return a measure of a readout at every site (site,), at the layers that the splits chose; NaN if not scored."""
    return np.asarray(pooled(score, measure, chosen=True).values, np.float64)


OF_READOUTS = ("sites", "scatter", "ceiling", "predictions", "penalties")  # kinds


def suits(kind: str, score: xr.Dataset) -> bool:
    """Return whether a score holds what a kind of plot shows of each score, as far as its variables say it."""
    if kind in OF_READOUTS and is_comparison(score):
        return False
    if kind == "ceiling":
        ceiling = ceiling_of(score)
        return ceiling is not None and bool(np.isfinite(ceiling).any())
    if kind == "penalties":
        penalties = penalties_at_sites(score)
        return penalties is not None and bool((penalties > 0).any())
    if kind in ("rdms", "mds", "training"):
        return Setup.of(score).trained == (kind == "training")
    return True


def possible_kinds(scores: Sequence[xr.Dataset]) -> list[str]:
    """Return the kinds of plot that scores can give, as far as their files say it."""
    benchmarks = {score.attrs["benchmark"] for score in scores}
    windows = {str(provenance(score).get("window") or "") for score in scores}
    same = len(set(map(measure_of, scores))) == 1
    tables = {(score.attrs["benchmark"], score.attrs.get("beside") or score.attrs["metric"]) for score in scores}
    one = len(scores) == 1
    can = {
        "layers": same,
        "models": len(tables) == 1,
        "sites": True,
        "scatter": len(scores) == 2 and len(benchmarks) == 1,
        "ceiling": one,
        "predictions": one and all(map(has_predictions, scores)),
        **dict.fromkeys(("rdms", "mds", "penalties"), one),
        "heatmap": True,
        "time": same and len(windows) > 1 and "" not in windows,
        **dict.fromkeys(("training", "montage"), one),
    }
    return [kind for kind, possible in can.items() if possible and all(suits(kind, score) for score in scores)]


def fitting_kind(scores: Sequence[xr.Dataset]) -> str:
    """Return the kind of plot that fits scores.

    Several benchmarks: ``heatmap``; one score: ``layers``, of one layer ``sites``; two readouts with one measure:
    ``scatter``; others ``models``, by several metrics ``heatmap``.
    """
    if len({score.attrs["benchmark"] for score in scores}) > 1:
        return "heatmap"
    readouts = not any(map(is_comparison, scores))
    if len(scores) == 1:
        return "layers" if len(layer_names(scores[0])) > 1 else "sites" if readouts else "models"
    if len(scores) == 2 and readouts and len(set(map(measure_of, scores))) == 1:
        return "scatter"
    tables = {score.attrs.get("beside") or score.attrs["metric"] for score in scores}
    return "models" if len(tables) == 1 else "heatmap"
