"""Explain the inputs of a score: recordings, model, weights, preprocessing, layers read, versions and date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from itbench.results.explain.steps import Step, sentences
from itbench.results.score_file import provenance
from itbench.results.score_setup import SHORT
from itbench.results.score_variables import dimensionality_of_layers, layer_names, model_layers
from itbench.util.tables import counted

NO_MODEL = {  # by baseline
    "object-label": """
        No model: the label of the object that an image shows, as a one-hot code, takes the place of a layer's
        activations. What it explains needs no vision, only objects that training has seen.
    """,
    "animals": """
        No model: the responses of each animal were predicted from the mean responses of the other animals' sites,
        which take the place of a layer's activations.
    """,
    "ceiling": """
        No model: these are predictions without any error, judged by the same noisy responses as those of all models.
        No readout was fitted.
    """,
}
DIMENSIONALITY = (
    "The effective dimensionality of a layer is (Σ λ)² / Σ λ², λ the variances of its principal components over the"
    " images scored; it grows with their number."
)
GRAM = "K = X Xᵀ    X: activations (image, feature), flattened"
CHOICES = {"candidates": "the candidates of the model", "named": "those named by the user"}
POOLING = {
    "cls": "Of token layers, the class token was read.",
    "mean": "Of token layers, the mean over patches was read.",
}


def explain_recordings_and_model(score: xr.Dataset) -> Step:
    """Explain which recordings and which model, with its weights and preprocessing, are the inputs of a score."""
    record = provenance(score)
    digests, n_sites, n_stimuli = record["digests"], int(score.attrs["n_sites"]), int(score.attrs["n_stimuli"])
    region = f" of {score.attrs['region']}" if score.attrs["region"] else ""
    what = f"responses of {counted(n_sites, 'site')}{region}" if n_sites else f"dissimilarities{region}"
    recordings = sentences(
        f"The recordings of {score.attrs['benchmark']} hold {what} (digest {_short(digests.get('responses'))})",
        f"to {counted(n_stimuli, 'image')} (digest {_short(digests.get('stimuli'))}){_repetitions(record)}.",
    )
    models = [_model(source) for source in record["sources"]]
    computed = f"Computed in {record['precision']} on {record['device']}." if models else ""
    text = "\n\n".join([recordings, *(models or [_no_model(score)]), computed]).strip()
    return Step("Recordings and model", text, numbers={"n_stimuli": n_stimuli, "n_sites": n_sites})


def explain_layers(score: xr.Dataset, streamed: bool = False) -> Step:
    """Explain which layers are the inputs of a score, and that Grams were kept of them, unless `streamed`."""
    record = provenance(score)
    names, n = model_layers(score), score.attrs["n_stimuli"]
    gram = (
        f"Of each layer, its Gram is kept: the inner products of all pairs of images, a matrix of {n:,} × {n:,},"
        " whatever the number of features. Everything below is computed from it."
    )
    text = sentences(
        f"{counted(len(names), 'layer')} {'was' if len(names) == 1 else 'were'} read:",
        f"{CHOICES.get(record['layers'], record['layers'])}.",
        POOLING.get(record.get("pool", ""), ""),
        "The metric reads the activations themselves; they are not kept." if streamed else gram,
    )
    rows: list[dict[str, Any]] = [
        {"layer": name, "features": int(score["n_features"].sel(layer=name))} for name in names
    ]
    known = dict(zip(layer_names(score), dimensionality_of_layers(score), strict=True))
    if any(known[name] for name in names):
        text = f"{text} {DIMENSIONALITY}"
        rows = [{**row, "effective dimensionality": known[row["layer"]]} for row in rows]
    title, formula = ("Layers", "") if streamed else ("Layers and their Grams", GRAM)
    return Step(title, text, formula, {"layers": rows})


def explain_environment(score: xr.Dataset) -> Step:
    """Explain when, on which machine and with which versions and commit a score was made from its inputs."""
    record = provenance(score)
    machine, git = record["machine"], record["git"]
    commit = str(git["commit"] or "")
    text = sentences(
        f"{record['date']}, {machine['system']} on {machine['processor']}.",
        f"Commit {commit[:12]}{', with uncommitted changes' if git['dirty'] else ''}."
        if commit
        else "From an installed package.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in record["versions"].items()) + ".",
    )
    numbers = {f"seconds_of_{stage}": float(value) for stage, value in record["seconds"].items()}
    return Step("Date, machine and versions", text, numbers=numbers)


def _short(digest: str | None) -> str:
    return str(digest)[:SHORT] if digest and digest != "none" else "none"


def _model(source: Mapping[str, Any]) -> str:
    weights, identity = source["weights"], source["identity"]
    kinds = {
        "pretrained": "with its pretrained weights",
        "random": f"with random weights from seed {weights['seed']}",
        "file": f"with the weights of the file {weights['file']}",
        "none": "which has no weights",
    }
    digest = "" if weights["kind"] == "none" else f" (digest {_short(weights['digest'])})"
    start = ", from which its training on the recordings started" if "recipe" in source else ""
    origin = f" (from {source['source']})" if source.get("source") else ""
    preprocessing, degrees = identity.get("preprocessing"), identity.get("degrees")
    return sentences(
        f"The model is {source['model']}{origin}, {kinds[weights['kind']]}{digest}{start}.",
        f"Preprocessing of every image: {' '.join(preprocessing.split())}."
        if preprocessing
        else f"It computes: {identity.get('function', 'not stated')}.",
        f"Before that, images were brought to the visual angle that the model expects: {degrees}."
        if degrees
        else "Images were used at their own visual angle.",
    )


def _no_model(score: xr.Dataset) -> str:
    shuffled = provenance(score).get("shuffled")
    if shuffled:
        return sentences(
            f"The model is {shuffled['model']} ({shuffled['weights']}), with its activations shuffled over the images",
            f"from seed {shuffled['seed']}: the score is that of a readout without any relation to the responses.",
        )
    baseline = score.attrs.get("baseline", "")
    return sentences(NO_MODEL.get(baseline, f"No model: {score.attrs['model']} takes its place."))


def _repetitions(record: Mapping[str, Any]) -> str:
    if not record.get("repetitions"):
        return ""
    fewest, most = record["repetitions"]
    if most <= 1:
        return ", once each or as means over repetitions"
    return f", {fewest} to {most} times each" if fewest != most else f", {most} times each"
