"""What a fresh process sees of a plugin: what listing it imports, and the identities of its models there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from itbench.check.findings import Broken
from itbench.models.weights import Weights

# Frameworks whose import takes seconds, which listing must not take.
HEAVY = ("torch", "torchvision", "timm", "tensorflow", "keras", "jax", "onnxruntime", "transformers")
CHILD = "itbench.check.child_process"  # imports what this file must not
Frames = list[tuple[str, int]]  # file and line of each caller, the outermost first


@dataclass(frozen=True)
class FreshLook:
    """What a process of its own found.

    Parameters
    ----------
    imports : mapping of str to list of (str, int)
        Of each heavy framework that loading the plugins imported: who asked for it.
    identities : mapping of str to mapping, or to str where the model could not be made
    """

    imports: Mapping[str, Frames]
    identities: Mapping[str, Mapping[str, str] | str]

    def require_light(self, file: str) -> str:
        """Say that loading the plugin in `file` imports no framework.

        Raises
        ------
        Broken
            If it does, with the line that does it.
        """
        own = {file, *(str(folder / "__init__.py") for folder in Path(file).parents)}
        for framework, frames in self.imports.items():
            for asking, line in frames:
                if asking in own:
                    where = f"line {line} of {Path(asking).name}"
                    raise Broken(f"loading the plugin imports {framework} ({where}); import it where it is used")
        return "loading the plugin imports no framework"


def look_afresh(
    plugin_files: Sequence[str | Path],
    models: Mapping[str, Weights],
    learners: Mapping[str, str | None] | None = None,
) -> FreshLook:
    """Load the plugins in another process and make models there, one after another.

    Parameters
    ----------
    plugin_files : sequence
    models : mapping of str to Weights
    learners : mapping of str to str, optional
        Models that learn, and what they start from, as `itbench.check.trainable.LearnerSubject` takes it.

    Raises
    ------
    Broken
        If that process does not come to its end.
    """
    asked = {
        "files": [str(Path(file).expanduser().resolve()) for file in plugin_files],
        "models": {name: asdict(weights) for name, weights in models.items()},
        "learners": dict(learners or {}),
    }
    # -P: nothing is picked up from the current folder
    command = [sys.executable, "-P", "-m", CHILD, json.dumps(asked, default=str)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise Broken(f"a process that loads the plugin and makes its models ends with {done.returncode}: {last}")
    return FreshLook(**json.loads(done.stdout.splitlines()[-1]))
