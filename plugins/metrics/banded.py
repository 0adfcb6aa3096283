"""Banded ridge: one regression on the features of all layers, with a penalty for each layer and site.

Nunez-Elizalde, Huth & Gallant (2019), NeuroImage 197, 482-492; solved by himalaya: Dupre la Tour, Eickenberg,
Nunez-Elizalde & Gallant (2022), NeuroImage 264, 119728. Needs pip install 'itbench[banded]'; `stacked` is far faster.
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from itbench import hookimpl

GRID = tuple(float(alpha) for alpha in np.geomspace(1e-3, 1e5, 17))


@hookimpl
def itbench_metrics(register):
    register("banded", Banded, description="all layers at once: one ridge, a penalty per layer and site (himalaya)")


@dataclass(frozen=True)
class Banded:
    form: ClassVar[str] = "joint"
    formula = (
        "min over b, w of |y − b − Σ_l X_l w_l|² + Σ_l α_l |w_l|²\n"
        "X_l: activations of layer l; α_l: its penalty, per site, by random search"
    )

    n_iter: int = field(default=100, metadata={"help": "mixtures of the layers to draw"})
    seed: int = field(default=0, metadata={"help": "of the draws and of the inner folds"})
    alphas: tuple[float, ...] = field(
        default=GRID, metadata={"help": "penalties to choose from, of layers scaled alike: low:high:count or a,b,c"}
    )
    unique: bool = field(
        default=False, metadata={"help": "search again without each layer, for what it alone explains; slow"}
    )

    def __post_init__(self):
        from itbench.metrics.ridge import check_alphas

        object.__setattr__(self, "alphas", check_alphas(self.alphas))
        self._search()

    def __call__(self, grams, responses, train, test, groups=()):
        from itbench.metrics.banded import banded_ridge

        asked = groups if self.unique else ()
        reading = banded_ridge(grams, responses, train, test, asked, self._search())
        if self.unique:
            return reading
        return replace(reading, without=np.full((len(groups), *reading.predictions.shape), np.nan))

    def _search(self):
        from itbench.metrics.banded import Search

        return Search(self.n_iter, self.seed, self.alphas)
