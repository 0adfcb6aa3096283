"""Plugin of comparison metrics that break one rule of `itbench check` each, and two that keep them all."""

from dataclasses import dataclass, field

import numpy as np

from itbench import ComparisonResult, hookimpl


@hookimpl
def itbench_metrics(register):
    register("alike", Alike)
    register("linear", Linear)
    for name, metric in BROKEN.items():
        register(name, metric)


def alignment(gram, recorded):
    one, other = (matrix - matrix.mean(axis=0) for matrix in (gram.matrix, recorded.gram.matrix))
    return float((one * other.T).sum() / np.sqrt((one * one.T).sum() * (other * other.T).sum()))


@dataclass(frozen=True)
class Alike:
    """The simplest alignment of Grams."""

    form = "comparison"
    measure = "alike"

    def __call__(self, gram, recorded, groups):
        return ComparisonResult.by_leaving_out(alignment, gram, recorded, groups)


class NoComparing(Alike):
    def __call__(self, gram, recorded, groups):
        return alignment(gram, recorded)


class FewGroups(Alike):
    def __call__(self, gram, recorded, groups):
        said = super().__call__(gram, recorded, groups)
        return ComparisonResult(said.value, said.without[:-1])


class Hollow(Alike):
    def __call__(self, gram, recorded, groups):
        said = super().__call__(gram, recorded, groups)
        return ComparisonResult(said.value, np.full_like(said.without, np.nan))


class Dice(Alike):
    def __call__(self, gram, recorded, groups):
        said = super().__call__(gram, recorded, groups)
        return ComparisonResult(said.value + 0.01 * np.random.default_rng().random(), said.without)


class Centres(Alike):
    def __call__(self, gram, recorded, groups):
        said = super().__call__(gram, recorded, groups)
        gram.matrix[:] -= gram.matrix.mean(axis=0)
        return said


class FirstImage(Alike):
    def __call__(self, gram, recorded, groups):
        said = super().__call__(gram, recorded, groups)
        return ComparisonResult(said.value + gram.matrix[0, 0] / np.trace(gram.matrix), said.without)


class Unmoved(Alike):
    def __call__(self, gram, recorded, groups):
        return ComparisonResult(0.5, np.full(groups.max() + 1, 0.5))


@dataclass(frozen=True)
class Linear:
    """Linear regression on the feature with the largest correlation."""

    form = "channels"
    ridge: float = field(default=0.0, metadata={"help": "penalty"})

    def rate(self, correlation):
        return np.abs(correlation)

    def __call__(self, features, responses, others):
        x, y = features - features.mean(axis=0), responses - responses.mean(axis=0)
        slope = (x * y).sum(axis=0) / np.maximum((x**2).sum(axis=0), 1e-12)
        return responses.mean(axis=0) + (others - features.mean(axis=0)) * slope


class Worst(Linear):
    def rate(self, correlation):
        return 1 - np.abs(correlation)


class OneRating(Linear):
    def rate(self, correlation):
        return np.abs(correlation).max(axis=1)


class Divides(Linear):
    def __call__(self, features, responses, others):
        x, y = features - features.mean(axis=0), responses - responses.mean(axis=0)
        with np.errstate(invalid="ignore"):
            return responses.mean(axis=0) + (others - features.mean(axis=0)) * (
                (x * y).sum(axis=0) / (x**2).sum(axis=0)
            )


class Lying(Linear):
    def __call__(self, features, responses, others):
        return super().__call__(features, responses, others).T


class Mean(Linear):
    def __call__(self, features, responses, others):
        return np.tile(responses.mean(axis=0), (len(others), 1))


BROKEN = {
    "no comparing": NoComparing,
    "few groups": FewGroups,
    "hollow": Hollow,
    "dice": Dice,
    "centres": Centres,
    "first image": FirstImage,
    "unmoved": Unmoved,
    "worst": Worst,
    "one rating": OneRating,
    "divides": Divides,
    "lying": Lying,
    "mean": Mean,
}
