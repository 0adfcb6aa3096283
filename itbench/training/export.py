"""Trained weights as files of their own, each with a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from itbench.data.benchmark import Benchmark
from itbench.errors import BadOption, NoWeights, UnknownName
from itbench.metrics.readout_forms import OUTPUT
from itbench.models.recipe import Recipe
from itbench.models.weights import Weights
from itbench.plugins import load_plugins
from itbench.registry import Registry
from itbench.results.score_file import provenance, scores_in
from itbench.results.score_variables import layer_names
from itbench.training.model_card import model_card
from itbench.training.trainable_model import Predictor, TrainableSpec, start_weights
from itbench.training.trained_weights import ENDING, TrainedStore, read_trained, write_trained
from itbench.util import folders
from itbench.util.checksum import canonical_json
from itbench.util.files import write_text

APART = ("model", "benchmark", "seed", "start", "recipe")  # what splits of one training share


def export_trained(
    name: str,
    output: Path,
    *,
    registry: Registry,
    benchmark: str | None = None,
    split: str | None = None,
    results: Path | None = None,
    store: TrainedStore | None = None,
    replace: bool = False,
) -> list[Path]:
    """Export trained weights to safetensors files with a model card each, and return the paths.

    Parameters
    ----------
    name : str
        An id, a model or ``MODEL:WEIGHTS``, as `TrainedStore.find` takes it.
    output : Path
        Of the weights; the model card has the same name with ``.md``. Of several splits, each adds its own name.
    registry : Registry
        Where the benchmark's citation and licence are looked up.
    benchmark, split : str, optional
        Only of these.
    results : Path, optional
        Folder of scores, for what is known of held-out images.
    store : TrainedStore, optional
    replace : bool
        Put the files in the place of others.

    Raises
    ------
    UnknownName, BadOption
        If nothing is called so, or trainings are that differ in more than the split; or if a file is there already.
    DamagedFile
        If the weights are truncated or were altered.
    NoSpace
    """
    found = sorted((store or TrainedStore()).find(name, benchmark=benchmark, split=split), key=_split)
    _refuse_several(name, found)
    paths = _paths(output, found)
    there = [path for weights in paths for path in (weights, _card_of(weights)) if path.exists()]
    if there and not replace:
        raise BadOption(f"There is a file {there[0]} already.", todo="Put it elsewhere, or replace it: --replace")
    for entry, path in zip(found, paths, strict=True):
        state, about = read_trained(Path(entry["file"]))
        write_trained(path, state, about)
        figures = held_out_figures(about, results or folders.results())
        write_text(_card_of(path), model_card(about, _benchmark(registry, about), figures, path.name))
    return [path for weights in paths for path in (weights, _card_of(weights))]


def _split(entry: Mapping[str, Any]) -> str:
    return str(entry.get("split", entry["id"]))


def _paths(output: Path, found: Sequence[Mapping[str, Any]]) -> list[Path]:
    stem = output.name.removesuffix(ENDING)
    if len(found) == 1:
        return [output.with_name(f"{stem}{ENDING}")]
    return [output.with_name(f"{stem}-{_split(entry)}{ENDING}") for entry in found]


def _card_of(weights: Path) -> Path:
    return weights.with_suffix(".md")


def _refuse_several(name: str, found: Sequence[Mapping[str, Any]]) -> None:
    kinds = {canonical_json([entry.get(key) for key in APART]) for entry in found}
    if len(kinds) > 1:
        differing = [key for key in APART if len({canonical_json(entry.get(key)) for entry in found}) > 1]
        listed = ", ".join(f"{entry['id']} ({entry.get('benchmark')}, {entry.get('split')})" for entry in found[:8])
        raise BadOption(
            f"{name} was trained in several ways, which differ in {' and '.join(differing)}.",
            known=f"They are {listed}{', …' if len(found) > 8 else ''}.",
            todo="Name one by its id, or the benchmark with -b; see itbench models --trained",
        )


def _benchmark(registry: Registry, about: Mapping[str, Any]) -> Benchmark | None:
    try:
        return registry.benchmark(str(about.get("benchmark")))
    except UnknownName:
        return None


CODE = ("architecture", "preprocessing")  # of a model's identity: what its code says, whatever the weights


def load_trained(path: str | Path, registry: Registry | None = None, device: str = "auto") -> Predictor:
    """Load the predictor of an exported file of trained weights.

    Parameters
    ----------
    path : str or Path
    registry : optional
        Where its model is looked up; else among the plugins found.
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    Predictor
        Its ``predict(images)`` takes RGB images (image, y, x, 3), uint8, and returns responses (image, site)
        in the units of the recordings; it is a model too, whose layers can be read.

    Raises
    ------
    NoWeights
        If there is no such file, it is not of itbench, its model is not here, or that model has changed.
    DamagedFile
        If it is truncated or was altered.

    Examples
    --------
    >>> predictor = load_trained("cnn.safetensors")  # doctest: +SKIP
    >>> predictor.predict(images).shape  # doctest: +SKIP
    (128, 168)
    """
    path = Path(path).expanduser()
    state, about = read_trained(path)
    model = _spec(registry or load_plugins(), about, path).make()
    changed = [name for name in CODE if about["identity"].get(name) != model.identity.get(name)]
    if changed:
        raise _unfit(path, about, f"Its {' and '.join(changed)} changed since.")
    try:
        predictor = model.restore(state, len(about["sites"]), len(about["classes"]))
    except NoWeights as error:
        raise _unfit(path, about, error.known) from error
    predictor.place(device, "float32")
    return predictor


def _spec(registry: Registry, about: Mapping[str, Any], path: Path) -> TrainableSpec:
    recipe = Recipe().with_values(about["recipe"])
    try:
        entry = registry.model(about["model"])
        core = registry.core(recipe.core) if recipe.core else None
    except UnknownName as error:
        raise NoWeights(
            f"{path} holds weights of {about['model']}, which is not here: {error.what}",
            known=error.known,
            todo="Name the file of its plugin: ITBENCH_PLUGINS=FILE",
        ) from error
    starts = start_weights(entry, core)
    return TrainableSpec(entry, Weights("random" if "random" in starts else starts[0]), (), recipe, recipe, core)


def _unfit(path: Path, about: Mapping[str, Any], known: str) -> NoWeights:
    return NoWeights(
        f"The weights in {path} do not fit the {about['model']} that is here.",
        known=known,
        todo=f"Use the version that trained them: itbench {about['versions']['itbench']}, with its plugins.",
    )


FIGURES = {"explained_variance": "explained variance", "correlation": "correlation"}


def held_out_figures(about: Mapping[str, Any], results: Path) -> dict[str, float]:
    """Return held-out explained variance and correlation of exported weights, from a folder of scores.

    Parameters
    ----------
    about : mapping
        What the file of trained weights records.
    results : Path
        Folder of scores. Without a score of these weights by their own predictions, nothing is known.
    """
    for _, score in scores_in(results, without=("predictions",)):
        if OUTPUT not in layer_names(score):
            continue
        splits = [trained for source in provenance(score)["sources"] for trained in source.get("splits", ())]
        for trained in splits:
            if trained["trained"] == about["key"]:
                own = score.sel(layer=OUTPUT, split=trained["split"])
                return {words: float(own[name].mean()) for name, words in FIGURES.items()}
    return {}
