"""Items of provenance in which two scores differ, such as weights or versions, the most consequential first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import xarray as xr

from itbench.models.recipe import Recipe
from itbench.results.explain.training import splits_in_words
from itbench.results.score_file import provenance
from itbench.results.score_setup import SHORT, Setup
from itbench.results.score_variables import chosen_layers, layer_names, scored_sites, site_names


@dataclass(frozen=True)
class Compared:
    """A score whose provenance items are compared: its dataset, provenance and setup."""

    score: xr.Dataset
    record: Mapping[str, Any]
    setup: Setup


Value = Callable[[Compared], str]


@dataclass(frozen=True)
class DifferingItem:
    """An item of provenance that differs between two scores.

    Parameters
    ----------
    item : str
        Its name.
    text : str
        One sentence on what differs.
    a, b : str
        Its value in each score.
    changes_numbers : bool
        Whether values of the score depend on it beyond rounding.
    """

    item: str
    text: str
    a: str
    b: str
    changes_numbers: bool


@dataclass(frozen=True)
class Item:
    """An item of provenance: its name, a sentence for when it differs, and a function that returns its value."""

    name: str
    text: str
    value: Value
    changes_numbers: bool = True


def differing_items(a: xr.Dataset, b: xr.Dataset) -> Iterator[DifferingItem]:
    """Yield the items of provenance that differ between two scores, the most consequential first."""
    first, second = (Compared(score, provenance(score), Setup.of(score)) for score in (a, b))
    options = _options(first.setup, second.setup) if first.setup.metric == second.setup.metric else ()
    for item in (*BEFORE, *_recipe_keys(first.setup, second.setup), *options, *AFTER):
        values = item.value(first), item.value(second)
        if values[0] != values[1]:
            yield DifferingItem(item.name, item.text, *values, item.changes_numbers)


def _options(a: Setup, b: Setup) -> Iterator[Item]:
    for name in dict.fromkeys(name for setup in (a, b) for values in setup.options.values() for name in values):
        yield Item(f"option {name}", f"The metric's option {name} differs.", _option(name))


def _recipe_keys(a: Setup, b: Setup) -> Iterator[Item]:
    if a.trained and b.trained:
        for key in fields(Recipe):
            yield Item(f"recipe {key.name}", f"The recipe's {key.name} differs.", _of_recipe(key.name))


def _of_recipe(key: str) -> Value:
    return lambda one: str(next(source["recipe"].get(key) for source in one.setup.sources if "recipe" in source))


def _option(name: str) -> Value:
    def value(one: Compared) -> str:
        given, defaulted = one.setup.options["given"], one.setup.options["defaulted"]
        if name in given:
            return str(given[name])
        return f"{defaulted[name]} (default)" if name in defaulted else "no such option"

    return value


def _digest(part: str) -> Value:
    return lambda one: str(one.setup.digests.get(part, "none"))[:SHORT]


def _attribute(name: str) -> Value:
    return lambda one: str(one.score.attrs.get(name, ""))


def _record(key: str) -> Value:
    return lambda one: str(one.record.get(key) or "none")


def _preprocessing(one: Compared) -> str:
    of_models = [str(source["identity"].get("preprocessing") or "none") for source in one.setup.sources]
    return " + ".join(" ".join(text.split()) for text in of_models) or "none"


def _code(one: Compared) -> str:
    """Return the digests of the code that builds and runs the models, shortened."""
    keys = ("architecture", "function", "package", "plugin", "extraction")
    of_models = [
        ", ".join(f"{key} {str(source['identity'][key])[: SHORT * 5]}" for key in keys if key in source["identity"])
        for source in one.setup.sources
    ]
    return " + ".join(of_models) or "none"


def _weights(one: Compared) -> str:
    digests = "+".join(str(source["weights"]["digest"])[:SHORT] for source in one.setup.sources)
    return f"{one.score.attrs['weights']}, digest {digests or 'none'}"


def _chosen(one: Compared) -> str:
    chosen = chosen_layers(one.score)
    if len(chosen) == 1:
        return next(iter(chosen))
    total = sum(chosen.values())
    return ", ".join(f"{layer} ({count}/{total})" for layer, count in chosen.items())


def _sites(one: Compared) -> str:
    n_scored, n = one.setup.n_sites_scored, one.setup.n_sites
    names, scored = site_names(one.score), scored_sites(one.score)
    if n_scored == n or names is None or scored is None:
        return f"{n_scored} of {n}"
    return f"{n_scored} of {n}, without {', '.join(names[i] for i in (~scored).nonzero()[0])}"


def _versions(one: Compared) -> str:
    return ", ".join(f"{name} {version}" for name, version in one.record["versions"].items())


def _commit(one: Compared) -> str:
    git = one.record["git"]
    if not git["commit"]:
        return "an installed package"
    return f"{str(git['commit'])[:12]}{', with uncommitted changes' if git['dirty'] else ''}"


BEFORE = (
    Item("rules", "The rules by which the scores were made differ.", lambda one: f"edition {one.setup.edition}"),
    Item("responses", "The recorded responses differ: the scores are of different data.", _digest("responses")),
    Item("stimuli", "The images differ.", _digest("stimuli")),
    Item("coordinates", "The metadata of images or sites in the recordings differ.", _digest("content")),
    Item("benchmark", "The benchmarks differ.", _attribute("benchmark")),
    Item("model", "The models differ.", _attribute("model")),
    Item("weights", "The weights differ.", _weights),
    Item("preprocessing", "The preprocessing of images differs.", _preprocessing),
    Item("code", "The code that builds the model or reads its layers differs.", _code),
    Item("layer chosen", "The chosen layers differ.", _chosen),
    Item("layers offered", "The layers to choose from differ.", lambda one: ", ".join(layer_names(one.score))),
    Item("splits", "The splits into training and test images differ.", lambda one: splits_in_words(one.setup.splits)),
    Item("metric", "The metrics differ.", _attribute("metric")),
)
AFTER = (
    Item("precision", "The precision of the forward pass differs.", _record("precision")),
    Item("pool", "The pooling of token layers differs.", _record("pool")),
    Item("degrees", "The visual angle of the images differs.", _record("degrees")),
    Item("device", "The device differs: activations agree up to rounding.", _record("device"), False),
    Item("sites scored", "The scored sites differ.", _sites),
    Item("versions", "The versions of packages differ.", _versions, False),
    Item("commit", "The commit of itbench differs.", _commit, False),
    Item("machine", "The kind of machine differs.", lambda one: ", ".join(one.record["machine"].values()), False),
)
