"""Explain the training data of a score: splits into training and test images, and the training of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from itbench.models.recipe import Recipe
from itbench.results.explain.steps import Step, Value, sentences
from itbench.results.score_file import provenance
from itbench.results.score_setup import SHORT
from itbench.util.tables import counted

EVERY_SPLIT = """
    A network was trained anew in every split, on the training images and their responses alone; it predicted the
    held-out images afterwards.
"""
FIGURES = {
    "epochs": "epochs",
    "best_epoch": "best epoch",
    "inner_explained_variance": "inner EV",
    "inner_accuracy": "inner accuracy",
}


def explain_splits(score: xr.Dataset) -> Step:
    """Explain how the images were split into training and held-out test images."""
    train, test = (score[name].values for name in ("n_train", "n_test"))
    n = len(train)
    counts = f"{counted(n, 'split')}{', each with' if n > 1 else ' with'}"
    fitted = "Everything that is fitted, the centre and the penalties included, is fitted to the training images alone."
    if not train.any():  # a ceiling: all images at once
        counts, fitted = "", "Here nothing is fitted, and no image trains."
    text = sentences(
        splits_in_words(provenance(score)["splits"]),
        question_in_words(provenance(score).get("groups", {})),
        f"{counts} {_range(train)} training images and {_range(test)} held out." if counts else "",
        fitted,
    )
    numbers: dict[str, Value] = {"splits": n, "n_train": _range(train), "n_test": _range(test)}
    return Step("Training images and held-out images", text, numbers=numbers)


def splits_in_words(plan: Mapping[str, Any]) -> str:
    """Return one sentence that explains a plan of splits into training and test images."""
    if plan["kind"] == "provided":
        return "The split is the one published with the images."
    if plan["kind"] == "none":
        return "The images are not split: nothing is fitted that needs held-out images."
    if plan["kind"] == "leave-group-out":
        return f"Each {plan['group']} is held out once, with all of its images; the others train."
    if plan["kind"] == "file":
        columns = f", {', '.join(plan['columns'])}" if plan.get("columns") else ""
        return f"The splits are those of the file {plan['path']}{columns} (digest {plan['digest'][:SHORT]})."
    if plan["kind"] != "kfold":
        return f"The splits are those that belong to the metric ({plan['kind'].removeprefix('of ')})."
    balance = f", each with every {plan['stratify']} in equal shares" if plan.get("stratify") else ""
    whole = f", no {plan['group']} in two of them" if plan.get("group") else ""
    return f"{plan['folds']} shuffled folds{balance}{whole}, from seed {plan['seed']}; each is held out once."


PLURALS = {"category": "categories"}


def question_in_words(groups: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one sentence that explains what splits ask: held-out images of objects that training has seen, or of new.

    Parameters
    ----------
    groups : mapping
        Of ``object``, ``category`` and other coordinates: the number of ``groups``, and the share ``seen_in_training``
        of test images whose group is in the training images of the split, as provenance has them.
    """
    if not groups:
        return ""
    asked = ", of ".join(_group_in_words(noun, **groups[noun]) for noun in sorted(groups, key=_fineness))
    return f"The benchmark asks for responses to held-out images of {asked}."


def _fineness(noun: str) -> int:
    return ("object", "category").index(noun) if noun in ("object", "category") else 2


def _group_in_words(noun: str, groups: int, seen_in_training: float) -> str:
    plural = PLURALS.get(noun, f"{noun}s")
    if seen_in_training == 1:
        return f"{plural} that were seen in training ({groups:,})"
    if seen_in_training == 0:
        return f"new {plural} ({groups:,})"
    return f"{plural} of which training has seen those of {seen_in_training:.0%} of the images ({groups:,})"


def explain_training(score: xr.Dataset) -> Step:
    """Explain how a network was trained on the recordings: loss, validation set, recipe, epochs of every split."""
    (source,) = provenance(score)["sources"]
    recipe = Recipe().with_values(source["recipe"])
    losses = ", ".join(f"{name} × {weight:g}" for name, weight in recipe.losses.items() if weight)
    text = sentences(
        f"{source['model']} is built on {source['core']}." if source["core"] else "",
        EVERY_SPLIT,
        f"The loss is {losses}.",
        f"{recipe.validation:.0%} of the training images were set aside for validation, which chooses the epoch."
        if recipe.validation
        else "There was no validation set: all training images were used, and the last epoch counts.",
    )
    lines = [f"{key} = {value}" for key, value in recipe.departures(Recipe()).items() if key not in ("losses", "tune")]
    text += "\n\n" + "\n".join(["Recipe, where it departs from the defaults:", *lines]) if lines else ""
    rows = [
        {"split": split["split"], **{words: split[key] for key, words in FIGURES.items() if key in split}}
        for split in source["splits"]
    ]
    return Step("Training of the model", text, numbers={"splits": rows})


def _range(sizes: Any) -> str:
    low, high = int(sizes.min()), int(sizes.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
