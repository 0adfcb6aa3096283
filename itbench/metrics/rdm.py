"""Representational dissimilarity matrices (RDMs) of a layer from its Gram, and of recordings.

Kriegeskorte, Mur & Bandettini (2008), Front. Syst. Neurosci. 2, 4. The values are those of ``rsatoolbox.rdm.calc_rdm``.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from itbench.data.responses import DIMS
from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.gram import Gram
from itbench.metrics.neural_data import NeuralData
from itbench.util.arrays import Array

DISTANCES = ("correlation", "euclidean", "cosine", "crossnobis")
FLAT = 1e-12  # of a pattern's mean square: a variance below it is that of equal values


def check_distance(distance: str) -> None:
    """Raise if an RDM has no such distance.

    Parameters
    ----------
    distance : str
        One of ``correlation``, ``euclidean``, ``cosine``, ``crossnobis``.

    Raises
    ------
    UnknownName
    """
    if distance not in DISTANCES:
        raise UnknownName.of("distance", distance, DISTANCES)


def rdm_of_gram(gram: Gram, distance: str) -> Array:
    """Return the representational dissimilarity matrix (RDM) of a layer from its Gram.

    =============== ===============================================================================================
    ``correlation`` 1 − r(a, b), from inner products and row sums; 1 where a pattern does not vary over features
    ``euclidean``   |a − b|² / n, n the number of features
    ``cosine``      1 − a · b / (|a| |b|); 1 where a pattern is 0
    ``crossnobis``  as ``euclidean``: a model's patterns have no noise to cross-validate
    =============== ===============================================================================================

    Parameters
    ----------
    gram : Gram
    distance : str

    Returns
    -------
    array of shape (stimulus, stimulus)
        Symmetric, with 0 on the diagonal.

    Raises
    ------
    UnknownName
    BadOption
        For the correlation of patterns of a single feature.

    Examples
    --------
    >>> gram = Gram.from_features(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]))
    >>> rdm_of_gram(gram, "cosine")
    array([[0., 1., 0.],
           [1., 0., 1.],
           [0., 1., 0.]])
    """
    check_distance(distance)
    matrix = gram.matrix / gram.n_features
    if distance in ("euclidean", "crossnobis"):
        return _distances(matrix)
    mean_square = np.diag(matrix).copy()
    if distance == "correlation":
        if gram.n_features < 2:
            raise BadOption(
                "Patterns of one feature, or one site, have no correlation distance.",
                todo="Use another one: -o distance=euclidean",
            )
        mean = gram.row_sums / gram.n_features
        matrix -= np.multiply.outer(mean, mean)
    power = np.diag(matrix).copy()
    varies = power > FLAT * mean_square
    norm = np.sqrt(np.where(varies, power, np.inf))
    matrix /= norm
    matrix /= norm[:, None]
    rdm = 1.0 - matrix
    np.fill_diagonal(rdm, 0.0)
    return rdm


def rdm_of_neural_data(recorded: NeuralData, distance: str) -> Array:
    """Return the RDM of mean responses; the mean RDM over subjects where the recordings hold RDMs.

    Parameters
    ----------
    recorded : NeuralData
    distance : str
        As for `rdm_of_gram`; ``crossnobis`` is cross-validated over repetitions, see `crossnobis`.

    Returns
    -------
    array of shape (stimulus, stimulus)

    Raises
    ------
    UnknownName
    BadOption
        If the recordings hold RDMs of another distance.
    BadRecordings
    """
    check_distance(distance)
    if recorded.mean_rdm is not None:
        if recorded.distance and distance != recorded.distance:
            raise BadOption(
                f"The recordings hold RDMs of {recorded.distance} distances; {distance} distances need responses.",
                todo=f"Use -o distance={recorded.distance}",
            )
        return recorded.mean_rdm
    if distance == "crossnobis":
        assert recorded.responses is not None
        return crossnobis(recorded.responses)
    return rdm_of_gram(recorded.gram, distance)


def crossnobis(responses: xr.DataArray) -> Array:
    """Return the RDM of crossnobis distances: squared Euclidean distances cross-validated over repetitions, per site.

    d(a, b) = (a_r − b_r) · (a_s − b_s) / n averaged over all pairs of different repetitions r ≠ s, n sites: its
    expectation is the distance without noise, and it can be negative. Sites are not whitened (Walther et al. 2016,
    NeuroImage 137, 188–200, with the identity for the noise).

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        A repetition of a stimulus counts if all sites have it.

    Returns
    -------
    array of shape (stimulus, stimulus)

    Raises
    ------
    BadRecordings
        If a stimulus has fewer than 2 repetitions, or two stimuli share their only one.
    """
    values = responses.transpose(*DIMS).values
    n_stimuli, n_sites = values.shape[1:]
    total, count = np.zeros((n_stimuli, n_sites)), np.zeros(n_stimuli)
    same, shared = np.zeros((n_stimuli, n_stimuli)), np.zeros((n_stimuli, n_stimuli))
    for repetition in values:  # one at a time: there may be many
        present = np.isfinite(repetition).all(axis=1)
        patterns = np.where(present[:, None], repetition, 0.0).astype(np.float64)
        total += patterns
        count += present
        same += patterns @ patterns.T
        shared += np.logical_and.outer(present, present)
    pairs = np.multiply.outer(count, count) - shared  # of different repetitions
    if count.min() < 2 or pairs.min() <= 0:
        raise BadRecordings(
            f"A stimulus has {int(count.min())} repetitions recorded at all sites; crossnobis needs 2.",
            todo="Use -o distance=correlation or -o distance=euclidean",
        )
    return _distances((total @ total.T - same) / (pairs * n_sites))


def _distances(products: Array) -> Array:
    """Return |a − b|² of products a · b."""
    square = np.diag(products)
    distances = square + square[:, None] - 2.0 * products
    np.fill_diagonal(distances, 0.0)
    return distances
