"""Which pictures were learnt from and which held out, and what the metric does with a Gram."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from itbench import options
from itbench.entries import MetricEntry
from itbench.explain.steps import Step, Value, counted, sentences
from itbench.score import provenance


def splits(score: xr.Dataset) -> Step:
    """Say how the pictures were divided."""
    train, test = (score[name].values for name in ("n_train", "n_test"))
    n = len(train)
    sizes = f"{_range(train)} pictures to learn from and {_range(test)} held out"
    text = sentences(
        splits_in_words(provenance(score)["splits"]),
        f"{counted(n, 'split')}{', each with' if n > 1 else ' with'} {sizes}.",
        "Whatever is learnt, the centre and the penalties included, is learnt from the former alone.",
    )
    numbers: dict[str, Value] = {"splits": n, "learnt_from": _range(train), "held_out": _range(test)}
    return Step("Pictures to learn from, pictures held out", text, numbers=numbers)


def splits_in_words(plan: Mapping[str, Any]) -> str:
    """Return a sentence on how pictures are divided."""
    if plan["kind"] == "provided":
        return "The division is the one published with the pictures."
    if plan["kind"] == "none":
        return "The pictures are not divided: nothing is learnt that could be tried on others."
    if plan["kind"] != "kfold":
        return f"The splits are those that belong to the metric ({plan['kind'].removeprefix('of ')})."
    balance = f", each with every {plan['stratify']} in equal shares" if plan.get("stratify") else ""
    return f"{plan['folds']} shuffled folds{balance}, from seed {plan['seed']}; each is held out once."


def readout(score: xr.Dataset, entry: MetricEntry | None) -> Step:
    """Say what the metric does, and with which options."""
    said = provenance(score)["options"]
    name = score.attrs["metric"]
    if entry is None:
        text = f"{name} is a metric of a plugin that is not here: name it with --plugin FILE to read what it does."
        helps: dict[str, str] = {}
    else:
        text = f"{name}: {about(entry)}"
        helps = {option["option"]: option["help"] for option in options.describe(entry.readout)}
    lines = [
        f"{option} = {value} ({how}){': ' if helps.get(option) else ''}{helps.get(option, '')}"
        for how, values in (("given", said["given"]), ("default", said["defaulted"]))
        for option, value in values.items()
    ]
    text += "\n\n" + "\n".join(["Options:", *lines]) if lines else ""
    formula = entry.formula if entry else ""
    return Step("The metric", text, formula, _penalties(score))


def about(entry: MetricEntry) -> str:
    """Return what a metric says of itself: the first paragraphs of its plugin's docstring."""
    own = entry.readout.__dict__.get("__doc__") or ""
    written = "" if own.startswith(f"{entry.readout.__name__}(") else own  # dataclasses write one themselves
    module = sys.modules.get(entry.readout.__module__)
    whole = inspect.cleandoc(written or (module and module.__doc__) or entry.description)
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in whole.split("\n\n"))


def _penalties(score: xr.Dataset) -> dict[str, Value]:
    if "alpha" not in score:
        return {}
    alpha = score["alpha"].values
    alpha = alpha[np.isfinite(alpha)]
    if not len(alpha):
        return {}
    return {
        "alpha_lowest": float(alpha.min()),
        "alpha_median": float(np.median(alpha)),
        "alpha_highest": float(alpha.max()),
    }


def _range(sizes: Any) -> str:
    low, high = int(sizes.min()), int(sizes.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
