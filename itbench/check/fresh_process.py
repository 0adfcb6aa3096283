"""Fresh process for checks: load plugins in a new Python process; report imports, identities and fingerprints there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from itbench.check.findings import CheckFailed
from itbench.models.weights import Weights

# Frameworks whose import takes seconds, which listing must not take.
HEAVY = ("torch", "torchvision", "timm", "tensorflow", "keras", "jax", "onnxruntime", "transformers")
CHILD = "itbench.check.child_process"  # imports what this file must not
Frames = list[tuple[str, int]]  # file and line of each caller, the outermost first


@dataclass(frozen=True)
class FreshProcess:
    """Result of a fresh process: heavy imports of the plugins, and the identities of their models there.

    Parameters
    ----------
    imports : mapping of str to list of (str, int)
        Heavy frameworks that loading the plugins imported, each with the call stack of the import.
    identities : mapping of str to mapping, or to str where the model could not be made
    fingerprints : mapping of str to mapping
        Of each model's candidate layers, for one test image (`itbench.check.checked_model.fingerprint`).
    """

    imports: Mapping[str, Frames]
    identities: Mapping[str, Mapping[str, str] | str]
    fingerprints: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def require_light(self, file: str) -> str:
        """Require that the fresh process imported no framework when it loaded the plugin in `file`.

        Raises
        ------
        CheckFailed
            If it did, with the importing line.
        """
        plugin_files = {file, *(str(folder / "__init__.py") for folder in Path(file).parents)}
        for framework, frames in self.imports.items():
            for importer, line in frames:
                if importer in plugin_files:
                    where = f"line {line} of {Path(importer).name}"
                    raise CheckFailed(f"loading the plugin imports {framework} ({where}); import it where it is used")
        return "loading the plugin imports no framework"


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
    command = [sys.executable, "-P", "-m", CHILD, json.dumps(request, default=str)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise CheckFailed(f"a process that loads the plugin and makes its models ends with {done.returncode}: {last}")
    return FreshProcess(**json.loads(done.stdout.splitlines()[-1]))
