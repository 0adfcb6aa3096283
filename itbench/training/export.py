"""Trained weights as files of their own, each with a model card (Mitchell et al. 2019, FAT*, 220-229)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from itbench.data.benchmark import Benchmark
from itbench.errors import BadOption, NoWeights, UnknownName
from itbench.metrics.readout_forms import OUTPUT
from itbench.models.recipe import Recipe
from itbench.models.weights import Weights
from itbench.plugins import load_plugins
from itbench.registry import Registry
from itbench.results.score_file import provenance, scores_in
from itbench.results.score_variables import layer_names
from itbench.training.trainable_model import Predictor, TrainableSpec, start_weights
from itbench.training.trained_weights import ENDING, TrainedStore, read_trained, write_trained
from itbench.util import folders
from itbench.util.checksum import canonical_json
from itbench.util.files import write_text
from itbench.util.tables import markdown

NOT_STATED = "not stated"

CARD = """# {title}

{summary}

{facts}

{preprocessing}

## What was held out

{held_out}

## Recipe

```yaml
{recipe}```

## Data

{data}

## How to load it

```python
import itbench

predictor = itbench.load_trained("{file}")
responses = predictor.predict(images)  # (image, site) from RGB bytes (image, y, x, 3)
```

{loading}
"""


def model_card(about: Mapping[str, Any], benchmark: Benchmark | None, figures: Mapping[str, float], file: str) -> str:
    """Return the model card of trained weights, as markdown; unknown facts are left out.

    Parameters
    ----------
    about : mapping
        Attributes of the trained weights.
    benchmark : Benchmark, optional
        The benchmark that it was trained on, if it is registered here.
    figures : mapping of str to float
        Scores on held-out images, such as ``explained variance``.
    file : str
        Name of the weights file.
    """
    model, name, split = (about.get(key, "?") for key in ("model", "benchmark", "split"))
    return CARD.format(
        title=f"{model}, trained on {name}, {split}, seed {about.get('seed', '?')}",
        summary=_summary(about, benchmark),
        facts=_facts(about, figures),
        preprocessing=_preprocessing(about),
        held_out=_held_out(about, benchmark),
        recipe=yaml.safe_dump(about.get("recipe", {}), sort_keys=False, allow_unicode=True),
        data=_data(name, benchmark),
        file=file,
        loading=_loading(about),
    )


def _summary(about: Mapping[str, Any], benchmark: Benchmark | None) -> str:
    sites, classes = len(about.get("sites", ())), len(about.get("classes", ()))
    region = f" of {benchmark.region}" if benchmark and benchmark.region else ""
    does = [f"the responses of {sites} sites{region}"] if sites else []
    does += [f"which of {classes} classes it shows"] if classes else []
    what = f"A network that predicts, from an image, {' and '.join(does)}. " if does else ""
    version = about.get("versions", {}).get("itbench")
    return f"{what}Trained{f' by itbench {version}' if version else ''}{_words(' on ', about.get('date', '')[:10])}."


def _facts(about: Mapping[str, Any], figures: Mapping[str, float]) -> str:
    rows = {
        "core": about.get("core"),
        "started from": about.get("start"),
        "training images": about.get("n_train"),
        "of these, validation images that choose the best epoch": about.get("n_validation"),
        "epochs": about.get("epochs"),
        "best epoch, whose weights these are": about.get("best_epoch"),
        "explained variance of validation images, mean over sites": about.get("inner_explained_variance"),
        "correlation of validation images, mean over sites": about.get("inner_correlation"),
        **{f"{name} of held-out images, mean over sites": value for name, value in figures.items()},
        "device": about.get("device"),
        "id": about.get("key"),
        "SHA-256 of the stimuli": about.get("stimuli"),
        "SHA-256 of the ids of the training images": about.get("train_ids_digest"),
    }
    known = [{"": what, "value": value} for what, value in rows.items() if value not in (None, "", [])]
    return markdown(known, ("", "value"))


def _preprocessing(about: Mapping[str, Any]) -> str:
    how = " ".join(str(about.get("identity", {}).get("preprocessing", "?")).split())
    framed = f" It was trained on images of {about['degrees']} of visual angle." if about.get("degrees") else ""
    return f"Images are preprocessed by `{how}`, which the predictor does itself.{framed}"


def _held_out(about: Mapping[str, Any], benchmark: Benchmark | None) -> str:
    name, split = about.get("benchmark", "?"), about.get("split", "?")
    ids: Sequence[str] = about.get("held_out", ())
    divided = ""
    if benchmark and benchmark.splits.kind == "kfold":
        plan = benchmark.splits
        how = f"{_words(', stratified by ', plan.stratify)}{_words(', of whole groups by ', plan.group)}"
        divided = f", one of {plan.folds} folds (seed {plan.seed}{how})"
    count = f" {len(ids)}" if ids else ""
    text = (
        f"The{count} test images of the split {split} of {name}{divided}. No response to them was used, neither for"
        " training nor to choose the epoch. Evaluate it on these, or on images of other recordings; on its training"
        " images it looks better than it is."
    )
    return f"{text}\n\n<details><summary>Their ids</summary>\n\n{', '.join(ids)}\n\n</details>" if ids else text


def _data(name: str, benchmark: Benchmark | None) -> str:
    about = {
        "recordings": name,
        "description": benchmark.description if benchmark else "",
        "citation": (benchmark.citation if benchmark else "") or NOT_STATED,
        "licence": (benchmark.licence if benchmark else "") or NOT_STATED,
    }
    lines = "\n".join(f"- {what}: {value}" for what, value in about.items() if value)
    return f"{lines}\n\nWeights trained on recordings may come under the terms of the recordings."


def _loading(about: Mapping[str, Any]) -> str:
    model = about.get("model", "?")
    sites = ", ".join(map(str, about.get("sites", ())))
    text = f"The plugin of the model {model} must be available: see `itbench models {model}`."
    return f"{text}\n\n<details><summary>The sites, in order</summary>\n\n{sites}\n\n</details>" if sites else text


def _words(before: str, value: Any) -> str:
    return f"{before}{value}" if value else ""


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
