"""Banded ridge: one regression on the features of all layers, with a penalty for each layer, by himalaya."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from itbench.errors import BadOption, ItbenchError
from itbench.gram import Gram
from itbench.metrics.kernel import centre, eigenbasis, of_unit_length
from itbench.metrics.readout import JointReadoutResult, validation_only
from itbench.metrics.ridge import leave_one_out, ridge_readout
from itbench.util.arrays import Array

FOLDS = 5  # of the training rows, by which mixtures and penalties are chosen
SMALL = 1000  # training images: kernels of fewer are decomposed faster by one thread than by several
ALPHAS_AT_ONCE = 4  # bounds himalaya's memory: each takes a matrix (test, train) of a fold
DIGITS = 12  # of a mixture: sites whose weights agree to so many have the same


@dataclass(frozen=True)
class RandomSearch:
    """Settings of banded ridge's random search for the layer weights and the penalty of each site.

    Parameters
    ----------
    n_iter : int
        Number of random mixtures of the layers; the first weights all layers equally.
    seed : int
        Of the mixtures, and of the folds that they are tried on.
    alphas : tuple of float
        Penalties to choose from with each mixture, for features whose mean squared distance from their mean is 1.

    Raises
    ------
    BadOption
    """

    n_iter: int
    seed: int
    alphas: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.n_iter < 1:
            raise BadOption(f"Option n_iter={self.n_iter} must be at least 1.")
        if self.seed < 0:
            raise BadOption(f"Option seed={self.seed} must not be negative.")


def banded_ridge(
    grams: Mapping[str, Gram],
    responses: Array,
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    groups: Sequence[Collection[str]],
    search: RandomSearch,
    validation: NDArray[np.integer] | None = None,
) -> JointReadoutResult:
    """Predict responses from several layers by banded ridge regression, with a penalty for each layer.

    Per site, the weights b_l minimise |y − ȳ − Σ X_l b_l|² + Σ (α / γ_l) |b_l|², X_l the layer's activations less their
    training mean, divided by the root of their mean squared length, so that the scale and the number of a layer's
    features do not matter. The mixture γ, which sums to 1, and α are found by a random search on folds of the training
    rows.

    Parameters
    ----------
    grams : mapping of str to Gram
    responses : array of shape (train, site)
    train, test : int arrays of shape (train,) and (test,)
    groups : sequence of collections of str
        Layers to leave out together; the search is repeated for each group.
    search : RandomSearch
    validation : int array, optional
        Places among the training rows: the folds of the search divide these, and every fit has all others. For layers
        of a network that was fitted to the responses of the others; the folds divide all rows without.

    Returns
    -------
    JointReadoutResult
        The weights are γ. Inner predictions leave one row out, given γ and α; each layer alone is predicted by ridge.

    Raises
    ------
    ItbenchError
        If himalaya is not installed.

    References
    ----------
    Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant (2022), NeuroImage 264, 119728; Nunez-Elizalde, Huth & Gallant
    (2019), NeuroImage 197, 482–492.
    """
    scaled = {layer: of_unit_length(gram, train) for layer, gram in grams.items()}
    solution = _search(scaled, responses, train, test, search, validation)
    mean = responses.mean(axis=0)
    rest = [np.tile(mean, (len(test), 1)) for _ in groups]
    for left_out, predictions in zip(groups, rest, strict=True):
        kept = {layer: gram for layer, gram in scaled.items() if layer not in left_out}
        if kept:
            predictions += _search(kept, responses, train, test, search, validation).contributions.sum(axis=0)
    return JointReadoutResult(
        predictions=mean + solution.contributions.sum(axis=0),
        inner_predictions=validation_only(_leave_one_out(scaled, responses, train, solution), validation),
        alone={
            layer: ridge_readout(gram, responses, train, test, None, search.alphas, validation=validation)
            for layer, gram in scaled.items()
        },
        weights=solution.mixture,
        contributions=solution.contributions,
        without=np.array(rest).reshape(len(groups), len(test), responses.shape[1]),
    )


@dataclass(frozen=True, eq=False)
class _Solution:
    """γ (layer, site), α (site,) and each layer's contribution (layer, test, site) of a banded ridge fit."""

    mixture: Array
    alpha: Array
    contributions: Array


def _search(
    grams: Mapping[str, Gram],
    responses: Array,
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    search: RandomSearch,
    validation: NDArray[np.integer] | None,
) -> _Solution:
    inner, outer = map(np.stack, zip(*(centre(gram.matrix, train, test) for gram in grams.values()), strict=True))
    threads = 1 if len(train) < SMALL else None
    with _himalaya() as ridge, threadpool_limits(threads, "blas"):
        deltas, dual, _, alpha, _ = ridge.solve_multiple_kernel_ridge_random_search(
            inner,
            responses,
            n_iter=search.n_iter if len(grams) > 1 else np.ones((1, 1)),
            alphas=np.array(search.alphas),
            cv=_folds(len(train), search.seed, validation),
            fit_intercept=True,  # centres again in every fold
            return_weights="dual",
            random_state=search.seed,
            n_alphas_batch=ALPHAS_AT_ONCE,
            progress_bar=False,
            return_alphas=True,
        )
        contributions = ridge.predict_weighted_kernel_ridge(outer, dual, deltas, split=True)
    return _Solution(np.exp(deltas) * alpha, alpha, contributions)


def _folds(n: int, seed: int, validation: NDArray[np.integer] | None) -> list[tuple[NDArray[np.intp], Array]]:
    """Return the folds of the search: all `n` training rows but some of those that choose, and these."""
    from sklearn.model_selection import KFold

    judges = np.arange(n) if validation is None else validation
    kfold = KFold(min(FOLDS, len(judges)), shuffle=True, random_state=seed)
    return [(np.setdiff1d(np.arange(n), judges[rows]), judges[rows]) for _, rows in kfold.split(judges)]


def _leave_one_out(
    grams: Mapping[str, Gram], responses: Array, train: NDArray[np.integer], solution: _Solution
) -> Array:
    matrices = np.stack([gram.matrix for gram in grams.values()])
    width = sum(gram.n_features for gram in grams.values())
    like = next(iter(grams.values()))
    predictions = np.empty_like(responses)
    mixtures, index = np.unique(solution.mixture.round(DIGITS), axis=1, return_inverse=True)
    for number, mixture in enumerate(mixtures.T):
        mixed = replace(like, matrix=np.tensordot(mixture, matrices, 1), n_features=width)
        basis = eigenbasis(mixed, train, train[:0], None)
        for alpha in np.unique(solution.alpha[index == number]):
            sites = (index == number) & (solution.alpha == alpha)
            loo = leave_one_out(basis, responses[:, sites], np.array([alpha]), per_site=True)
            predictions[:, sites] = loo.predictions
    return predictions


@contextmanager
def _himalaya() -> Iterator[Any]:
    """Import himalaya's kernel ridge for banded ridge, with NumPy as its backend until the block ends."""
    try:
        from himalaya import backend, kernel_ridge
    except ImportError as error:
        raise ItbenchError(
            "The metric banded needs himalaya, which is not installed.", todo="pip install 'itbench[banded]'"
        ) from error
    before = backend.get_backend()
    backend.set_backend("numpy")
    try:
        yield kernel_ridge
    finally:
        backend.set_backend(before)
