"""Kernels of layers, and of sums of neighbouring layers, read out by ridge regression."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from itbench.errors import BadOption
from itbench.gram import Gram
from itbench.metrics.kernel import centre, check_kernel, eigenbasis, kernel_gram, of_unit_length
from itbench.metrics.readout import ReadoutResult
from itbench.metrics.ridge import ridge_of_components, ridge_predict, ridge_readout
from itbench.util.arrays import Array

ALL = "all"  # layers together, in place of a number of neighbours


@dataclass(frozen=True, eq=False)
class Reading:
    """Readout of one layer, or of the summed kernels of several, to be stacked.

    Parameters
    ----------
    layers : tuple of str
    result : ReadoutResult
    parts : array of shape (layer, test, site)
        What each of the layers adds: their sum is the predictions but for a constant a site.
    """

    layers: tuple[str, ...]
    result: ReadoutResult
    parts: Array


@dataclass(frozen=True)
class LayerKernels:
    """Which kernels of which layers are read out by ridge, to be stacked.

    Parameters
    ----------
    kernels : tuple of str
        Of `kernel_gram`; each layer is read out with each. The first is the one that layers alone are read out with.
    width : float
        Of the Gaussian kernel.
    neighbours : tuple of str
        For each number k, every k layers that follow one another are read out together (`runs_of_layers`); 1: each
        layer by itself. Their kernels are summed, each of mean squared length 1.
    components, alphas
        As of `ridge_readout`.

    Raises
    ------
    UnknownName, BadOption
    """

    kernels: tuple[str, ...]
    width: float
    neighbours: tuple[str, ...]
    components: int | None
    alphas: Sequence[float] | None

    def __post_init__(self) -> None:
        if not self.kernels:
            raise BadOption("Option kernels must name at least one kernel.", todo="Such as: -o kernels=linear,rbf")
        for kernel in self.kernels:
            check_kernel(kernel, self.width)
        runs_of_layers((), self.neighbours)

    def readings(
        self,
        grams: Mapping[str, Gram],
        responses: Array,
        train: NDArray[np.integer],
        test: NDArray[np.integer],
        groups: Sequence[Collection[str]] = (),
        validation: NDArray[np.integer] | None = None,
    ) -> tuple[dict[str, ReadoutResult], list[Reading]]:
        """Read out the layers with every kernel: each alone with the first kernel, and all readings to be stacked.

        Parameters
        ----------
        grams : mapping of str to Gram
        responses : array of shape (train, site)
        train, test : int arrays of shape (train,) and (test,)
        groups : sequence of collections of str
            Layers that will be left out together; sums of the other layers are read out too.
        validation : int array, optional
            As of `ridge_readout`.
        """
        fits = [list(grams), *([name for name in grams if name not in left] for left in groups)]
        runs = list(dict.fromkeys(run for names in fits for run in runs_of_layers(names, self.neighbours)))
        found = {
            (kernel, run): self._read(kernel, run, grams, responses, train, test, validation)
            for kernel in dict.fromkeys(self.kernels)
            for run in dict.fromkeys([*([(name,) for name in grams] if kernel == self.kernels[0] else []), *runs])
        }
        alone = {name: found[self.kernels[0], (name,)].result for name in grams}
        return alone, [reading for (_, run), reading in found.items() if run in runs]

    def _read(
        self,
        kernel: str,
        layers: tuple[str, ...],
        grams: Mapping[str, Gram],
        responses: Array,
        train: NDArray[np.integer],
        test: NDArray[np.integer],
        validation: NDArray[np.integer] | None,
    ) -> Reading:
        each = [kernel_gram(grams[name], train, kernel, self.width) for name in layers]
        mean = responses.mean(axis=0)
        if len(layers) == 1:
            result = ridge_readout(each[0], responses, train, test, self.components, self.alphas, validation=validation)
            return Reading(layers, result, (result.predictions - mean)[None])
        each = [of_unit_length(gram, train) for gram in each]
        basis = eigenbasis(reduce(add, each), train, test, self.components)
        result = ridge_of_components(basis, responses, self.alphas, validation=validation)
        outer = (centre(gram.matrix, train, test)[1] for gram in each)
        own = [ridge_predict(replace(basis, cross=cross @ basis.vectors), responses, result.alpha) for cross in outer]
        return Reading(layers, result, np.stack(own) - mean)


def runs_of_layers(layers: Sequence[str], neighbours: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the layers that are read out together: every k that follow one another, for each number k.

    Parameters
    ----------
    layers : sequence of str
        In their order.
    neighbours : sequence of str
        Numbers, or ``all``. A number above that of the layers stands for all of them.

    Raises
    ------
    BadOption

    Examples
    --------
    >>> runs_of_layers(["a", "b", "c"], ["1", "2"])
    [('a',), ('b',), ('c',), ('a', 'b'), ('b', 'c')]
    """
    if not neighbours or not all(
        size == ALL or (size.isascii() and size.isdigit() and int(size)) for size in neighbours
    ):
        raise BadOption(
            f"Option neighbours={','.join(neighbours)} must be whole numbers from 1, or all.",
            todo="Such as: -o neighbours=1,3 or -o neighbours=1,all",
        )
    sizes = [len(layers) if size == ALL else min(int(size), len(layers)) for size in neighbours]
    runs = (tuple(layers[i : i + size]) for size in sizes if size for i in range(len(layers) - size + 1))
    return list(dict.fromkeys(runs))
