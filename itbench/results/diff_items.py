"""What two scores have to agree in for their numbers to agree: items of provenance, the most consequential first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import xarray as xr

from itbench.models.recipe import Recipe
from itbench.results.explain.readout import splits_in_words
from itbench.results.score_file import provenance
from itbench.results.summary import chosen_layers

SHORT = 8  # characters of a digest that are shown
Said = Mapping[str, Any]
Value = Callable[[xr.Dataset, Said], str]


@dataclass(frozen=True)
class Departure:
    """Something in which two scores differ.

    Parameters
    ----------
    item : str
    text : str
        What that means, in a sentence.
    a, b : str
        What it is for each.
    changes_numbers : bool
        Whether numbers change by it, beyond rounding.
    """

    item: str
    text: str
    a: str
    b: str
    changes_numbers: bool


@dataclass(frozen=True)
class Item:
    """Something in which scores may differ: its name, a sentence, and what it is for a score and its provenance."""

    name: str
    text: str
    value: Value
    changes_numbers: bool = True


def departures(a: xr.Dataset, b: xr.Dataset) -> Iterator[Departure]:
    """Yield what differs, the most consequential first."""
    said = provenance(a), provenance(b)
    options = _options(*said) if a.attrs["metric"] == b.attrs["metric"] else ()
    for item in (*BEFORE, *_recipes(*said), *options, *AFTER):
        values = [item.value(score, own) for score, own in zip((a, b), said, strict=True)]
        if values[0] != values[1]:
            yield Departure(item.name, item.text, values[0], values[1], item.changes_numbers)


def _options(a: Said, b: Said) -> Iterator[Item]:
    """Yield an item for every option of a metric."""
    for name in dict.fromkeys(name for said in (a, b) for how in said["options"].values() for name in how):
        yield Item(f"option {name}", f"The metric's option {name} differs.", _option(name))


def _recipes(a: Said, b: Said) -> Iterator[Item]:
    """Yield an item for every key of a recipe, where both models learn."""
    if all(any("recipe" in source for source in said["sources"]) for said in (a, b)):
        for key in fields(Recipe):
            yield Item(f"recipe {key.name}", f"The recipe's {key.name} differs.", _of_recipe(key.name))


def _of_recipe(key: str) -> Value:
    return lambda _, said: str(next(source["recipe"].get(key) for source in said["sources"] if "recipe" in source))


def _option(name: str) -> Value:
    def value(_: xr.Dataset, said: Said) -> str:
        given, defaulted = said["options"]["given"], said["options"]["defaulted"]
        return (
            str(given[name])
            if name in given
            else f"{defaulted[name]} (default)"
            if name in defaulted
            else "no such option"
        )

    return value


def _digest(part: str) -> Value:
    return lambda _, said: str(said["digests"].get(part, "none"))[:SHORT]


def _attribute(name: str) -> Value:
    return lambda score, _: str(score.attrs.get(name, ""))


def _said(*keys: str) -> Value:
    return lambda _, said: ", ".join(str(said.get(key) or "none") for key in keys)


def _identity(*keys: str) -> Value:
    """Return what the models of a score say of themselves under some keys."""

    def value(_: xr.Dataset, said: Said) -> str:
        of_models = [[str(source["identity"].get(key) or "none") for key in keys] for source in said["sources"]]
        return " + ".join(", ".join(" ".join(text.split()) for text in texts) for texts in of_models) or "none"

    return value


def _code(_: xr.Dataset, said: Said) -> str:
    """Return the digests of what builds and runs the models, shortened."""
    keys = ("architecture", "function", "package", "plugin", "extraction")
    of_models = [
        ", ".join(f"{key} {str(source['identity'][key])[: SHORT * 5]}" for key in keys if key in source["identity"])
        for source in said["sources"]
    ]
    return " + ".join(of_models) or "none"


def _weights(score: xr.Dataset, said: Said) -> str:
    digests = "+".join(str(source["weights"]["digest"])[:SHORT] for source in said["sources"])
    return f"{score.attrs['weights']}, digest {digests or 'none'}"


def _chosen(score: xr.Dataset, _: Said) -> str:
    chosen = chosen_layers(score)
    if len(chosen) == 1:
        return next(iter(chosen))
    total = sum(chosen.values())
    return ", ".join(f"{layer} ({count}/{total})" for layer, count in chosen.items())


def _offered(score: xr.Dataset, _: Said) -> str:
    return ", ".join(str(layer) for layer in score["layer"].values)


def _sites(score: xr.Dataset, _: Said) -> str:
    scored, n = score.attrs["n_sites_scored"], score.attrs["n_sites"]
    if scored == n or "explained_variance" not in score:
        return f"{scored} of {n}"
    missing = np.isnan(score["explained_variance"].values).any(axis=(0, 1))
    return f"{scored} of {n}, without {', '.join(map(str, score['site'].values[missing]))}"


def _versions(_: xr.Dataset, said: Said) -> str:
    return ", ".join(f"{name} {version}" for name, version in said["versions"].items())


def _commit(_: xr.Dataset, said: Said) -> str:
    git = said["git"]
    return (
        f"{str(git['commit'])[:12]}{', with changes since' if git['dirty'] else ''}" if git["commit"] else "a package"
    )


BEFORE = (
    Item(
        "responses", "The recorded responses are not the same: the numbers speak of other data.", _digest("responses")
    ),
    Item("stimuli", "The images are not the same.", _digest("stimuli")),
    Item("coordinates", "What the recordings say of images or sites is not the same.", _digest("content")),
    Item("benchmark", "The benchmarks are not the same.", _attribute("benchmark")),
    Item("model", "The models are not the same.", _attribute("model")),
    Item("weights", "The weights are not the same.", _weights),
    Item("preprocessing", "The models prepare images differently.", _identity("preprocessing")),
    Item("code", "What builds the model, or reads its layers, is not the same.", _code),
    Item("layer chosen", "Not the same layers were chosen.", _chosen),
    Item("layers offered", "Not the same layers were there to choose from.", _offered),
    Item("splits", "Images were divided differently.", lambda _, said: splits_in_words(said["splits"])),
    Item("metric", "The metrics are not the same.", _attribute("metric")),
)
AFTER = (
    Item("precision", "The models computed in another precision.", _said("precision")),
    Item("pool", "Token layers were pooled differently.", _said("pool")),
    Item("degrees", "Images were brought to another visual angle.", _said("degrees")),
    Item("device", "The models ran on another device: activations differ by rounding.", _said("device"), False),
    Item("sites scored", "Not the same sites were scored.", _sites),
    Item("versions", "Other versions took part.", _versions, False),
    Item("commit", "Another state of itbench took part.", _commit, False),
    Item("machine", "It was another kind of machine.", lambda _, said: ", ".join(said["machine"].values()), False),
)
