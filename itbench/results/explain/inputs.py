"""What was shown to what: images, the model with its weights, the layers that were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from itbench.models.recipe import Recipe
from itbench.results.explain.steps import Step, counted, sentences
from itbench.results.score_file import provenance

SHORT = 8  # characters of a digest that a text shows
STANDS_IN = {
    "animals": """
        No network took part: the sites of each animal were predicted from the mean responses of the other animals'
        sites, which stand in the place of a layer's activations.
    """,
    "ceiling": """
        No network took part: these are predictions without any error, judged by the same noisy responses as all others.
        Nothing was learnt.
    """,
}
GRAM = "K = X Xᵀ    X: activations (image, feature), flattened"
CHOSEN = {"candidates": "the candidates of the model", "named": "those that were named"}


def shown(score: xr.Dataset) -> Step:
    """Say which images were shown, and to what."""
    said = provenance(score)
    digests, n_sites = said["digests"], int(score.attrs["n_sites"])
    region = f" of {score.attrs['region']}" if score.attrs["region"] else ""
    what = f"{counted(n_sites, 'site')}{region} were recorded" if n_sites else f"dissimilarities{region} were measured"
    images = sentences(
        f"{counted(score.attrs['n_stimuli'], 'image')} (digest {short(digests.get('stimuli'))}) of"
        f" {score.attrs['benchmark']} had been shown while {what}",
        f"(digest {short(digests.get('responses'))}){_repetitions(said)}.",
    )
    models = [_model(source) for source in said["sources"]]
    how = f"Computed in {said['precision']} on {said['device']}." if models else ""
    text = "\n\n".join([images, *(models or [_no_model(score)]), how]).strip()
    numbers = {"n_stimuli": int(score.attrs["n_stimuli"]), "n_sites": n_sites}
    return Step("What was shown to what", text, numbers=numbers)


def layers_read(score: xr.Dataset, streamed: bool = False) -> Step:
    """Say which layers were read, and what was kept of them; nothing was of those whose activations were `streamed`."""
    said = provenance(score)
    names = layer_names(score)
    n = score.attrs["n_stimuli"]
    pool = {"cls": "Of token layers, the class token was taken.", "mean": "Of token layers, the mean over patches."}
    which = CHOSEN.get(said["layers"], said["layers"])
    kept = (
        f"What is kept of each is the inner product of every two images: a matrix of {n:,} × {n:,}, however many"
        " features the layer has. All that follows is computed from it."
    )
    text = sentences(
        f"{counted(len(names), 'layer')} {'was' if len(names) == 1 else 'were'} read: {which}.",
        pool.get(said.get("pool", ""), ""),
        "Their activations themselves were gone through; nothing is kept of them." if streamed else kept,
    )
    rows = [{"layer": name, "features": int(score["n_features"].sel(layer=name))} for name in names]
    title, formula = ("Layers", "") if streamed else ("Layers and their Grams", GRAM)
    return Step(title, text, formula, {"layers": rows})


def layer_names(score: xr.Dataset) -> list[str]:
    """Return the layers that were read: all but what several gave together."""
    return [str(name) for name in score["part" if "part" in score.coords else "layer"].values]


def short(digest: str | None) -> str:
    """Return the beginning of a digest."""
    return str(digest)[:SHORT] if digest and digest != "none" else "none"


def _model(source: Mapping[str, Any]) -> str:
    weights, identity = source["weights"], source["identity"]
    kinds = {
        "pretrained": "with the pretrained weights of its publication",
        "random": f"with random weights from seed {weights['seed']}",
        "file": f"with the weights of the file {weights['file']}",
        "none": "which has no weights",
    }
    learns = ", which it started from to learn from the recordings" if "recipe" in source else ""
    digest = "" if weights["kind"] == "none" else f" (digest {short(weights['digest'])})"
    origin = f" (from {source['source']})" if source.get("source") else ""
    how = identity.get("preprocessing")
    prepared = (
        f"Every image was prepared as {' '.join(how.split())}."
        if how
        else f"It computes: {identity.get('function', 'not said')}."
    )
    degrees = identity.get("degrees")
    return sentences(
        f"They were shown to {source['model']}{origin}, {kinds[weights['kind']]}{digest}{learns}.",
        prepared,
        f"Before, they were brought to the visual angle that it expects: {degrees}."
        if degrees
        else "They were taken as they are, whatever their visual angle was.",
    )


def _no_model(score: xr.Dataset) -> str:
    shuffled = provenance(score).get("shuffled")
    if shuffled:
        return sentences(
            f"They were shown to {shuffled['model']} ({shuffled['weights']}), and what it said of one was given to",
            f"another, shuffled from seed {shuffled['seed']}: left is what a readout makes of no relation at all.",
        )
    return sentences(
        STANDS_IN.get(score.attrs.get("baseline", ""), f"{score.attrs['model']} stands in a network's place.")
    )


def _repetitions(said: Mapping[str, Any]) -> str:
    if not said.get("repetitions"):
        return ""
    fewest, most = said["repetitions"]
    if most <= 1:
        return ", once each or as means over repetitions"
    return f", {fewest} to {most} times each" if fewest != most else f", {most} times each"


def made(score: xr.Dataset) -> Step:
    """Say what produced the score."""
    said = provenance(score)
    machine, git, seconds = said["machine"], said["git"], said["seconds"]
    commit = str(git["commit"] or "")
    text = sentences(
        f"{said['date']}, {machine['system']} on {machine['processor']}.",
        f"Commit {commit[:12]}{', with changes since' if git['dirty'] else ''}."
        if commit
        else "From an installed package.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in said["versions"].items()) + ".",
    )
    numbers = {f"seconds_of_{stage}": float(value) for stage, value in seconds.items()}
    return Step("When, where and by what", text, numbers=numbers)


HOW = """
    In every split it learnt anew, from the images to learn from and their responses alone; those held out were shown
    to it afterwards.
"""
FIGURES = {
    "epochs": "epochs",
    "best_epoch": "best epoch",
    "inner_explained_variance": "inner EV",
    "inner_accuracy": "inner accuracy",
}


def has_learnt(score: xr.Dataset) -> bool:
    """Say whether a score is of a model that learns from recordings."""
    return any("recipe" in source for source in provenance(score)["sources"])


def learning(score: xr.Dataset) -> Step:
    """Say how a model learnt."""
    (learner,) = provenance(score)["sources"]
    recipe = Recipe().with_values(learner["recipe"])
    core = f"{learner['model']} is built on {learner['core']}." if learner["core"] else ""
    losses = ", ".join(f"{name} × {weight:g}" for name, weight in recipe.losses.items() if weight)
    inner = (
        f"{recipe.validation:.0%} of the images to learn from were set aside: they choose the epoch that counts."
        if recipe.validation
        else "All of them were learnt from, and the last epoch counts."
    )
    lines = [f"{key} = {value}" for key, value in recipe.departures(Recipe()).items() if key not in ("losses", "tune")]
    text = sentences(core, HOW, f"The loss is {losses}.", inner)
    text += "\n\n" + "\n".join(["What its recipe says beyond the defaults:", *lines]) if lines else ""
    rows = [
        {"split": said["split"], **{FIGURES[key]: said[key] for key in FIGURES if key in said}}
        for said in learner["splits"]
    ]
    return Step("What was learnt", text, numbers={"splits": rows})
