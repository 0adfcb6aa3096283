"""Model card of trained weights, as markdown: training data, held-out images, figures, recipe, loading.

After Mitchell et al. (2019), Model cards for model reporting, FAT*, 220-229.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from itbench.data.benchmark import Benchmark
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
