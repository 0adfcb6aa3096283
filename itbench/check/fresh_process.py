"""Fresh process for checks: load plugins in a new Python process; report imports, identities and fingerprints there."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from itbench.check.findings import CheckFailed, Frames, FreshProcess, one_line
from itbench.models.weights import Weights
from itbench.plugins import load_plugins

# Frameworks whose import takes seconds, which listing must not take.
HEAVY = ("torch", "torchvision", "timm", "tensorflow", "keras", "jax", "onnxruntime", "transformers")


def run_fresh_process(
    plugin_files: Sequence[str | Path],
    models: Mapping[str, Weights],
    trainables: Mapping[str, str | None] | None = None,
) -> FreshProcess:
    """Load plugins in a fresh process, make their models there, and return its imports and their identities.

    Parameters
    ----------
    plugin_files : sequence
    models : mapping of str to Weights
    trainables : mapping of str to str, optional
        Trainable models and their starting weights, as `itbench.check.checked_trainable.CheckedTrainable` takes them.

    Raises
    ------
    CheckFailed
        If that process ends with an error.
    """
    request = {
        "files": [str(Path(file).expanduser().resolve()) for file in plugin_files],
        "models": {name: asdict(weights) for name, weights in models.items()},
        "trainables": dict(trainables or {}),
    }
    # -P: the current folder is not on the import path
    command = [sys.executable, "-P", "-m", __name__, json.dumps(request, default=str)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise CheckFailed(f"a process that loads the plugin and makes its models ends with {done.returncode}: {last}")
    return FreshProcess(**json.loads(done.stdout.splitlines()[-1]))


def _inspect(request: Mapping[str, Any]) -> dict[str, Any]:
    imports: dict[str, Frames] = {}

    def record_import(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and arguments[0] in HEAVY:
            frames = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_stack()]
            imports.setdefault(arguments[0], frames)

    sys.addaudithook(record_import)
    registry = load_plugins(request["files"])
    imports_of_loading = dict(imports)  # before any model is made

    def make_model(name: str, weights: Mapping[str, Any]) -> Any:
        path = weights["path"] and Path(weights["path"])
        model = registry.model(name).make(Weights(weights["kind"], weights["seed"], path))
        model.place("cpu", "float32")
        return model

    def make_trainable(name: str, start: str | None) -> Any:
        from itbench.check.checked_trainable import CheckedTrainable  # may import a framework, which listing must not

        return CheckedTrainable(registry.model(name), registry, start, (), lambda: FreshProcess({}, {}))

    makers = {name: partial(make_model, name, weights) for name, weights in request["models"].items()}
    makers |= {name: partial(make_trainable, name, start) for name, start in request["trainables"].items()}
    identities: dict[str, dict[str, str] | str] = {}
    fingerprints: dict[str, dict[str, list[float]]] = {}
    for name, make in makers.items():
        try:
            model = make()
            identities[name] = dict(json.loads(json.dumps(dict(model.identity))))
        except Exception as error:
            identities[name] = one_line(error)
            continue
        if name in request["models"]:
            fingerprints[name] = _fingerprints(model)
    return {"imports": imports_of_loading, "identities": identities, "fingerprints": fingerprints}


def _fingerprints(model: Any) -> dict[str, list[float]]:
    """Return the fingerprints of a model's candidate layers; none of a model that fails, which other checks say."""
    from itbench.check.checked_model import fingerprint, sample_images

    try:
        found = model.activations(model.prepare(sample_images()[:1]), tuple(model.layers))
        return {layer: fingerprint(np.asarray(values, float)) for layer, values in found.items()}
    except Exception:
        return {}


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # a plugin may print
        result = _inspect(json.loads(sys.argv[1]))
    print(json.dumps(result))
