"""Plugin of trainable models that break one rule of `itbench check` each: ridge on random features, in NumPy."""

import hashlib
from dataclasses import dataclass

import numpy as np

from itbench import BadOption, FunctionModel, hookimpl

SIDE, FEATURES, PENALTY = 8, 16, 1.0


@hookimpl
def itbench_models(register):
    def add(name, learner, **about):
        about = {"recipe": "recipes/learner.yaml", "metric": "direct", "weights": ("random",), **about}
        register(name, learner, **about)

    register("a core", Core, layers=("x",), weights=("random",))
    for name, learner in BROKEN.items():
        add(name, made(learner))
    add("option", made(Learner), recipe="recipes/option.yaml")
    add("no such recipe", made(Learner), recipe="recipes/nowhere.yaml")
    add("no such metric", made(Learner), metric="indirect")
    add("no factory", no_factory)
    add("no trainable", lambda weights, penalty: np.mean)
    add("trains its core", TrainsItsCore, recipe="recipes/cored.yaml")
    kinds = ("pretrained", "random")
    add("unsettles its core", UnsettlesItsCore, recipe="recipes/tiny.yaml", weights=kinds)
    add("reads faces", made(ReadsFaces), recipe="recipes/faces.yaml", metric="ridge")
    add("learner", made(Learner))
    add("unseeded by nature", made(SeedIgnored), weights=())
    add("cored", Cored, recipe="recipes/cored.yaml")


def made(learner):
    return lambda weights, penalty: learner(penalty)


def no_factory(weights, penalty):
    raise KeyError("no such file")


def pixels(images):
    rows, columns = (np.arange(SIDE) * size // SIDE for size in images.shape[1:3])
    return (images[:, rows][:, :, columns].reshape(len(images), -1) / 255 - 0.5).astype(np.float64)


class Fitted(FunctionModel):
    """Predicts from tanh of random projections of pixels."""

    def __init__(self, kernel, weights, mean):
        super().__init__(self.features, layers=("features",), identity="learner 1")
        self.state, self.account = {"kernel": kernel, "weights": weights, "mean": mean}, {"epochs": 1}

    @property
    def identity(self):
        content = b"".join(np.ascontiguousarray(array).tobytes() for array in self.state.values())
        return {**super().identity, "weights": hashlib.sha256(content).hexdigest()}

    def features(self, images):
        return {"features": np.tanh(pixels(images) @ self.state["kernel"])}

    def predict(self, images):
        return self.features(images[:])["features"] @ self.state["weights"] + self.state["mean"]


@dataclass
class Learner:
    """Keeps every rule."""

    penalty: float
    fitted = Fitted

    @property
    def identity(self):
        return {"function": "learner 1"}

    def fit(self, stimuli, responses, validation, training):
        learnt = np.setdiff1d(np.arange(len(stimuli)), validation)
        kernel = np.random.default_rng(training.seed).standard_normal((3 * SIDE**2, FEATURES)) / SIDE
        return self.solve(kernel, stimuli.images[learnt], responses[learnt])

    def solve(self, kernel, images, responses):
        features = np.tanh(pixels(images) @ kernel)
        mean = np.nansum(responses, axis=0) / np.isfinite(responses).sum(axis=0).clip(1)
        aims = np.nan_to_num(responses - mean)
        weights = np.linalg.solve(features.T @ features + self.penalty * np.eye(FEATURES), features.T @ aims)
        return self.fitted(kernel, weights, mean)

    def restore(self, state, sites, classes):
        return self.fitted(**state)


class NoPredictor(Learner):
    def fit(self, stimuli, responses, validation, training):
        return super().fit(stimuli, responses, validation, training).state


class Turned(Learner):
    class fitted(Fitted):
        def predict(self, images):
            return super().predict(images).T


class Infinite(Learner):
    class fitted(Fitted):
        def predict(self, images):
            with np.errstate(divide="ignore"):
                return super().predict(images) / np.zeros(1)


class BatchMean(Learner):
    class fitted(Fitted):
        def predict(self, images):
            return super().predict(images) - super().predict(images).mean(axis=0)


class Unseeded(Learner):
    def solve(self, kernel, images, responses):
        return super().solve(kernel + np.random.default_rng().standard_normal(kernel.shape), images, responses)


class SeedIgnored(Learner):
    def solve(self, kernel, images, responses):
        return super().solve(np.eye(*kernel.shape), images, responses)


class OneIdentity(Learner):
    class fitted(Fitted):
        @property
        def identity(self):
            return FunctionModel.identity.fget(self)


class WarmStart(Learner):
    weights = 0

    def solve(self, kernel, images, responses):
        made = super().solve(kernel, images, responses)
        made.state["weights"] = self.weights = made.state["weights"] + np.mean(self.weights) / 2
        return made


class WritesResponses(Learner):
    def fit(self, stimuli, responses, validation, training):
        fitted = super().fit(stimuli, responses, validation, training)
        responses -= responses.mean(axis=0)
        return fitted


class WritesImages(Learner):
    def fit(self, stimuli, responses, validation, training):
        fitted = super().fit(stimuli, responses, validation, training)
        stimuli.images[:] //= 2
        return fitted


class HalfAState(Learner):
    def restore(self, state, sites, classes):
        return self.fitted(**{**state, "mean": np.zeros(sites)})


class NoState(Learner):
    def restore(self, state, sites, classes):
        raise NotImplementedError


class StateNotInIdentity(Learner):
    def restore(self, state, sites, classes):
        restored = self.fitted(**state)
        restored._identity = "restored"
        return restored


class NoMissing(Learner):
    def solve(self, kernel, images, responses):
        made = super().solve(kernel, images, responses)
        made.state["mean"] = responses.mean(axis=0)
        return made


class Peeks(Learner):
    def fit(self, stimuli, responses, validation, training):
        return super().fit(stimuli, responses, validation[:0], training)


class Hash(Learner):
    @property
    def identity(self):
        return {"function": f"{hash('learner')}"}


class ReadsFaces(Learner):
    """Learns classes, by features that tell them apart; predicts no responses."""

    class fitted(Fitted):
        def predict(self, images):
            raise BadOption("It predicts no responses.")

    def fit(self, stimuli, responses, validation, training):
        learnt = np.setdiff1d(np.arange(len(stimuli)), validation)
        labels = np.searchsorted(training.classes, stimuli.metadata["face"][learnt].astype(str))
        kernel = np.random.default_rng(training.seed).standard_normal((3 * SIDE**2, FEATURES)) / SIDE
        return self.solve(kernel + labels.mean(), stimuli.images[learnt], labels[:, None])


class Core(FunctionModel):
    """A core whose numbers can be changed."""

    def __init__(self, weights):
        super().__init__(self.scaled, layers=("x",), identity=f"a core {weights.seed}")
        self.scale = np.random.default_rng(weights.seed).random(3 * SIDE**2)

    def scaled(self, images):
        return {"x": pixels(images) * self.scale}


class Cored(Learner):
    def __init__(self, core, penalty):
        super().__init__(penalty)
        self.core = core


class TrainsItsCore(Cored):
    def solve(self, kernel, images, responses):
        self.core.scale *= 2
        return super().solve(kernel, images, responses)


class UnsettlesItsCore(Cored):
    def solve(self, kernel, images, responses):
        self.core.module.requires_grad_(True)
        return super().solve(kernel, images, responses)


BROKEN = {
    "no predictor": NoPredictor,
    "turned": Turned,
    "infinite": Infinite,
    "batch mean": BatchMean,
    "unseeded": Unseeded,
    "seed ignored": SeedIgnored,
    "one identity": OneIdentity,
    "warm start": WarmStart,
    "writes responses": WritesResponses,
    "writes images": WritesImages,
    "half a state": HalfAState,
    "state not in identity": StateNotInIdentity,
    "hash": Hash,
    "no state": NoState,
    "no missing": NoMissing,
    "peeks": Peeks,
}
