"""The process in which `fresh_process` loads plugins and makes models; prints what it found as JSON."""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from itbench.check.findings import one_line
from itbench.check.fresh_process import HEAVY, Frames, FreshLook
from itbench.models.weights import Weights
from itbench.plugins import load_plugins


def _answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    imports: dict[str, Frames] = {}

    def remember(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "import" and arguments[0] in HEAVY:
            frames = [(frame.filename, frame.lineno or 0) for frame in traceback.extract_stack()]
            imports.setdefault(arguments[0], frames)

    sys.addaudithook(remember)
    registry = load_plugins(asked["files"])
    listing = dict(imports)  # before any model is made

    def model(name: str, weights: Mapping[str, Any]) -> Any:
        path = weights["path"] and Path(weights["path"])
        made = registry.model(name).factory(Weights(weights["kind"], weights["seed"], path))
        made.place("cpu", "float32")
        return made

    def learner(name: str, start: str | None) -> Any:
        from itbench.check.trainable import LearnerSubject  # after the listing: it may import a framework

        return LearnerSubject(registry.model(name), registry, start, (), lambda: FreshLook({}, {}))

    made = {name: _identity(partial(model, name, weights)) for name, weights in asked["models"].items()}
    begun = {name: _identity(partial(learner, name, start)) for name, start in asked["learners"].items()}
    return {"imports": listing, "identities": {**made, **begun}}


def _identity(make: Callable[[], Any]) -> dict[str, str] | str:
    try:
        return dict(json.loads(json.dumps(dict(make().identity))))
    except Exception as error:
        return one_line(error)


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # a plugin may print
        answer = _answer(json.loads(sys.argv[1]))
    print(json.dumps(answer))
