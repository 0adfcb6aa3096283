"""Plugin of trainable models without torch: least squares whose best recipe is known, and a network that memorises."""

import os
import time
from pathlib import Path

import numpy as np

from itbench import FunctionModel, hookimpl

FAINT = 0.02  # scale of what was memorised, beside what all images show: a large penalty leaves it out
BEST_LR = 0.02  # the only learning rate at which predictions are not shrunk


@hookimpl
def itbench_models(register):
    register("shrunk", Shrunk, recipe="plain_trainables.yaml", metric="direct", weights=("random",))
    register("silent", Silent, recipe="plain_trainables.yaml", metric="direct", weights=("random",))
    register("memoriser", Memoriser, recipe="plain_trainables.yaml", metric="ridge", weights=("random",))


class Shrunk:
    """Ordinary least squares on the first 20 pixel values, times 1 / (1 + log10(lr / BEST_LR)² + tilt²)."""

    def __init__(self, weights, tilt=0.0):
        self.tilt = tilt
        self.identity = {"code": "shrunk 1"}

    def fit(self, stimuli, responses, validation, training):
        note("began", training.recipe.lr, len(stimuli))
        time.sleep(float(os.environ.get("FIT_SECONDS", 0)))
        if self.tilt > 0.9:
            raise ValueError(f"a tilt of {self.tilt} is too steep")
        learnt = np.setdiff1d(np.arange(len(stimuli)), validation)
        x = features(stimuli.images)
        weights = np.linalg.lstsq(x[learnt], responses[learnt], rcond=None)[0]
        scale = 1 / (1 + np.log10(training.recipe.lr / BEST_LR) ** 2 + self.tilt**2)
        residual = responses[validation] - scale * x[validation] @ weights
        inner = float(np.mean(1 - residual.var(axis=0) / responses[validation].var(axis=0)))
        note("ended", training.recipe.lr, inner)
        return Fitted({"weights": weights * scale}, epochs=training.recipe.epochs, inner_explained_variance=inner)

    def restore(self, state, sites, classes):
        return Fitted(state)


class Silent(Shrunk):
    """The same, without a word on how well it learns."""

    def fit(self, *given):
        fitted = super().fit(*given)
        fitted.account = {}
        return fitted


class Fitted(FunctionModel):
    def __init__(self, state, **account):
        super().__init__(self.layers_of, layers=("features", "responses"), identity="shrunk 1")
        self.state, self.account = dict(state), account

    def layers_of(self, images):
        return {"features": features(images), "responses": self.predict(images)}

    def predict(self, images):
        return features(images) @ self.state["weights"]


class Memoriser(Shrunk):
    """A wide random network whose readout meets the responses of all fitted images exactly, noise included."""

    def fit(self, stimuli, responses, validation, training):
        learnt = np.setdiff1d(np.arange(len(stimuli)), validation)
        weights = np.linalg.lstsq(hidden(stimuli.images)[learnt], responses[learnt], rcond=None)[0]
        return Memory({"weights": weights})

    def restore(self, state, sites, classes):
        return Memory(state)


class Memory(FunctionModel):
    """Layers: what all images show (`seen`), what was memorised (`memory`), and both, the memory faintly (`both`)."""

    def __init__(self, state):
        super().__init__(self.layers_of, layers=("seen", "memory", "both"), identity="memoriser 1")
        self.state, self.account = dict(state), {}

    def layers_of(self, images):
        seen, memory = features(images), self.predict(images)
        return {"seen": seen, "memory": memory, "both": np.column_stack([seen, FAINT * memory])}

    def predict(self, images):
        return hidden(images) @ self.state["weights"]


def hidden(images, width=600):
    rows = np.asarray(images[:], float).reshape(images.shape[0], -1) / 255 - 0.5
    return np.maximum(rows @ np.random.default_rng(5).standard_normal((rows.shape[1], width)), 0)


def features(images):
    rows = np.asarray(images[:], float).reshape(images.shape[0], -1)[:, :20] / 255 - 0.5
    return np.column_stack([rows, np.ones(len(rows))])


def note(*words):
    """Write a line into the file that ITBENCH_TEST_LOG names, at once."""
    if log := os.environ.get("ITBENCH_TEST_LOG"):
        with Path(log).open("a") as file:
            print(*words, file=file, flush=True)
