"""Brain-Score's protocol: its splits of the images, its ceiling, and the ratio that it reports.

Schrimpf et al. (2018), bioRxiv 407007. As in https://github.com/brain-score/vision, folder ``brainscore_vision``:
``metric_helpers/transformations.py``, ``metrics/internal_consistency/ceiling.py`` and
``benchmark_helpers/neural_common.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data.responses import DIMS, mean_over_repetitions
from itbench.data.splits import Split
from itbench.errors import ItbenchError, UnknownName
from itbench.util.arrays import Array

SPLITS, TRAIN_SHARE, SEED = 10, 0.9, 1
OBJECT = ("object_name", "object")  # Brain-Score's name of the coordinate, and ours


def brainscore_splits(n: int, metadata: Mapping[str, NDArray[Any]], stratify: str | None = OBJECT[0]) -> list[Split]:
    """Return Brain-Score's ten random splits of the stimuli into nine tenths for training and one tenth for testing.

    The tenths overlap: an image may be tested in several splits, or in none. The images of a split depend on their
    order: recordings in another order than Brain-Score's own files get other splits of the same kind.

    Parameters
    ----------
    n : int
        Number of stimuli.
    metadata : mapping of str to array of shape (stimulus,)
    stratify : str, optional
        The coordinate whose values every split holds in equal shares. ``object_name`` is also found as ``object``,
        and where neither exists, or none is named, the images are shuffled regardless of their content.

    Returns
    -------
    list of Split

    Raises
    ------
    UnknownName
        If there is no such coordinate.
    ItbenchError
        If some value has a single image, or a tenth cannot hold every value.

    Examples
    --------
    >>> splits = brainscore_splits(40, {"object": np.repeat(["car", "face"], 20)})
    >>> len(splits), len(splits[0].train), len(splits[0].test)
    (10, 36, 4)
    """
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit  # takes a second to import

    rows, found = np.arange(n), _coordinate(metadata, stratify)
    if found is None:
        divisions = ShuffleSplit(SPLITS, train_size=TRAIN_SHARE, random_state=SEED).split(rows)
    else:
        splitter = StratifiedShuffleSplit(SPLITS, train_size=TRAIN_SHARE, random_state=SEED)
        divisions = splitter.split(rows, np.asarray(metadata[found]).astype(str))
    try:
        return [
            Split(f"split{number}", np.sort(train), np.sort(test)) for number, (train, test) in enumerate(divisions)
        ]
    except ValueError as error:
        raise ItbenchError(
            f"Brain-Score's splits cannot hold every {found or 'stimulus'} of {n} stimuli: {error}",
            todo="Balance another coordinate with -o stratify=NAME, or none with -o stratify=none.",
        ) from error


def internal_consistency(responses: xr.DataArray) -> Array:
    """Return Brain-Score's ceiling: the reliability of every site in each of ten divisions of the repetitions.

    The repetitions, by their number, are shuffled and halved; each half is averaged, the two means are correlated
    over stimuli, and r is corrected to 2r / (1 + r) (Spearman 1910; Brown 1910).

    Parameters
    ----------
    responses : DataArray of dims (repetition, stimulus, site)
        NaN where there was no repetition. Stimuli that a site lacks in one of the halves are left out.

    Returns
    -------
    array of shape (division, site)
        NaN where a half does not vary, or there is a single repetition.
    """
    from sklearn.model_selection import ShuffleSplit

    responses = responses.transpose(*DIMS)
    repetitions, _, sites = responses.shape
    if repetitions < 2:
        return np.full((SPLITS, sites), np.nan)
    divisions = ShuffleSplit(SPLITS, train_size=0.5, random_state=SEED).split(np.arange(repetitions))
    r = np.stack([_pearson(*(mean_over_repetitions(responses[half]) for half in halves)) for halves in divisions])
    return 2 * r / (1 + r)


def brainscore_ratio(correlations: Array, ceiling: Array) -> float:
    """Return Brain-Score's score (r / ceiling)²: medians over sites, averaged over splits.

    Parameters
    ----------
    correlations : array of shape (split, site)
        Pearson's r on held-out images; NaN where a site cannot be scored.
    ceiling : array of shape (division, site)
        As `internal_consistency` returns it.

    Returns
    -------
    float
        NaN without a ceiling, or where it is not above 0. Of a negative median r, negative: Brain-Score squares it too.

    Examples
    --------
    >>> brainscore_ratio(np.array([[0.4, 0.4, 0.9]]), np.array([[0.8, 0.8, 0.8]]))
    0.25
    """
    if not (np.isfinite(correlations).any(axis=1).all() and np.isfinite(ceiling).any(axis=1).all()):
        return float("nan")
    r, most = (np.nanmedian(values, axis=1).mean() for values in (correlations, ceiling))
    return float(np.sign(r) * (r / most) ** 2) if most > 0 else float("nan")


def _coordinate(metadata: Mapping[str, NDArray[Any]], stratify: str | None) -> str | None:
    if stratify is None or stratify in metadata:
        return stratify
    if stratify != OBJECT[0]:
        raise UnknownName.of("stimulus coordinate", stratify, metadata, todo="For none: -o stratify=none")
    return OBJECT[1] if OBJECT[1] in metadata else None


def _pearson(first: Array, second: Array) -> Array:
    both = np.isfinite(first) & np.isfinite(second)
    count = np.maximum(both.sum(axis=0), 1)
    means = (np.where(both, half, 0.0).sum(axis=0) / count for half in (first, second))
    x, y = (np.where(both, half - mean, 0.0) for half, mean in zip((first, second), means, strict=True))
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    return np.where(scale > 0, (x * y).sum(axis=0) / np.where(scale > 0, scale, 1.0), np.nan)
