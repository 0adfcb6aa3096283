"""Banded ridge: one regression on the features of all layers, with a penalty for each layer and site.

Nunez-Elizalde, Huth & Gallant (2019), NeuroImage 197, 482-492; solved by himalaya: Dupré la Tour, Eickenberg,
Nunez-Elizalde & Gallant (2022), NeuroImage 264, 119728. Needs pip install 'itbench[banded]'; `stacked` is far faster.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from itbench import hookimpl
from itbench.metrics import RandomSearch, banded_ridge, check_alphas

GRID = tuple(float(alpha) for alpha in np.geomspace(1e-3, 1e5, 17))


@hookimpl
def itbench_metrics(register):
    register(
        "banded",
        Banded,
        description="all layers at once: one ridge, a penalty per layer and site (himalaya)",
        bibtex="nunez-elizalde2019 duprelatour2022",
    )


@dataclass(frozen=True)
class Banded:
    form: ClassVar[str] = "joint"
    formula = (
        "min over b, w of |y − b − Σ_l X_l w_l|² + Σ_l α_l |w_l|²\n"
        "X_l: activations of layer l; α_l: its penalty, one a site, found by random search"
    )

    n_iter: int = field(default=100, metadata={"help": "random mixtures of the layers to try"})
    seed: int = field(default=0, metadata={"help": "of the random mixtures and the inner folds"})
    alphas: tuple[float, ...] = field(
        default=GRID,
        metadata={"help": "penalties to choose from, layers scaled to unit variance: low:high:count or a,b,c"},
    )
    unique: bool = field(
        default=False,
        metadata={"help": "repeat the search without each layer, for its unique explained variance; slow"},
    )

    def __post_init__(self):
        object.__setattr__(self, "alphas", check_alphas(self.alphas))
        RandomSearch(self.n_iter, self.seed, self.alphas)  # refuses other options

    def __call__(self, grams, responses, train, test, groups=(), validation=None):
        search = RandomSearch(self.n_iter, self.seed, self.alphas)
        result = banded_ridge(grams, responses, train, test, groups if self.unique else (), search, validation)
        if self.unique:
            return result
        return replace(result, without=np.full((len(groups), *result.predictions.shape), np.nan))
