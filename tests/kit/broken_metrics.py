"""Plugin of readout metrics that break one rule of `itbench check` each, and two that keep them all."""

from dataclasses import dataclass, field

import numpy as np

from itbench import ReadoutResult, hookimpl
from itbench.metrics import centre

CALLS = []


@hookimpl
def itbench_metrics(register):
    for name, readout in BROKEN.items():
        register(name, readout)
    register("k-fold", Folds)


def smooth(matrix, centred):
    return np.linalg.solve(matrix + np.trace(matrix) / len(matrix) * np.eye(len(matrix)), centred)


@dataclass(frozen=True)
class Folds:
    """Kernel ridge whose inner predictions come from five folds."""

    folds: int = field(default=5, metadata={"help": "inner folds"})

    def __call__(self, gram, responses, train, test):
        inner = np.empty_like(responses)
        for fold in range(self.folds):
            out = np.arange(len(train)) % self.folds == fold
            inner[out] = self.predict(gram.matrix, responses[~out], train[~out], train[out])
        alpha = np.full(responses.shape[1], 20.0)
        return ReadoutResult(self.predict(gram.matrix, responses, train, test), inner, alpha)

    def predict(self, matrix, responses, train, test):
        inner, outer = centre(matrix, train, test)
        mean = responses.mean(axis=0)
        return mean + outer @ smooth(inner, responses - mean)


class InSample(Folds):
    def __call__(self, gram, responses, train, test):
        good = super().__call__(gram, responses, train, test)
        return ReadoutResult(good.predictions, self.predict(gram.matrix, responses, train, train), good.alpha)


class OwnMean(Folds):
    def __call__(self, gram, responses, train, test):
        good = super().__call__(gram, responses, train, test)
        return ReadoutResult(good.predictions, np.broadcast_to(responses.mean(axis=0), responses.shape), good.alpha)


class TestMean(Folds):
    def predict(self, matrix, responses, train, test):
        predicted = super().predict(matrix, responses, train, test)
        return predicted - predicted.mean(axis=0) + responses.mean(axis=0)


class WholeMean(Folds):
    def predict(self, matrix, responses, train, test):
        centred = matrix - matrix.mean(axis=0) - matrix.mean(axis=1)[:, None] + matrix.mean()
        mean = responses.mean(axis=0)
        return mean + centred[np.ix_(test, train)] @ smooth(centred[np.ix_(train, train)], responses - mean)


class Writes(Folds):
    def __call__(self, gram, responses, train, test):
        reading = super().__call__(gram, responses, train, test)
        responses -= responses.mean(axis=0)
        return reading


class Chance(Folds):
    def predict(self, matrix, responses, train, test):
        noise = np.random.default_rng().standard_normal((len(test), responses.shape[1]))
        return super().predict(matrix, responses, train, test) + 0.01 * noise


class Turned(Folds):
    def __call__(self, gram, responses, train, test):
        good = super().__call__(gram, responses, train, test)
        return ReadoutResult(good.predictions.T, good.inner_predictions, good.alpha)


class Infinite(Folds):
    def predict(self, matrix, responses, train, test):
        return super().predict(matrix, responses, train, test) + np.inf


class NoReading(Folds):
    def __call__(self, gram, responses, train, test):
        return super().__call__(gram, responses, train, test).predictions


class FirstSite(Folds):
    def predict(self, matrix, responses, train, test):
        return super().predict(matrix, responses, train, test) + np.arange(responses.shape[1])


class Constant(Folds):
    def predict(self, matrix, responses, train, test):
        return np.tile(responses.mean(axis=0), (len(test), 1))


class Units(Folds):
    def predict(self, matrix, responses, train, test):
        inner, outer = centre(matrix, train, test)
        mean = responses.mean(axis=0)
        return mean + outer @ np.linalg.solve(inner + 20.0 * np.eye(len(inner)), responses - mean)


@dataclass(frozen=True)
class Silent(Folds):
    depth: int = 3


@dataclass(frozen=True)
class Demanding(Folds):
    depth: int = field(kw_only=True)


BROKEN = {
    "in sample": InSample,
    "own mean": OwnMean,
    "test mean": TestMean,
    "whole mean": WholeMean,
    "writes": Writes,
    "chance": Chance,
    "turned": Turned,
    "infinite": Infinite,
    "no reading": NoReading,
    "first site": FirstSite,
    "constant": Constant,
    "silent": Silent,
    "units": Units,
    "demanding": Demanding,
}
