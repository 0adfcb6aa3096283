"""Explained variance and correlation of pictures that count several times or not at all: by sums over pictures."""

from __future__ import annotations

import numpy as np

from itbench.agreement import Array
from itbench.bootstrap.rows import HeldOutRows

ROUNDING = 1e-12  # of a mean square: a variance below it is that of equal values


class PictureSums:
    """Explained variance and correlation of draws of pictures, each split by one matrix product."""

    def __init__(self, rows: HeldOutRows, recorded: Array, predicted: Array) -> None:
        self.rows, self.n_sites = rows, recorded.shape[1]
        self.moments = [moments(recorded[part], predicted[part]).reshape(len(part), -1) for part in rows.parts]

    def agreement(self, counts: Array) -> tuple[Array, Array]:
        """Return explained variance and correlation (draw, split, site) of pictures that count (draw, picture)."""
        found = []
        for part, values in zip(self.rows.parts, self.moments, strict=True):
            weights = counts[:, self.rows.picture[part]]
            sums = (weights @ values).reshape(len(counts), 5, self.n_sites)
            found.append(agreement_of(sums, weights.sum(axis=1)))
        ev, r = (np.stack(values, axis=1) for values in zip(*found, strict=True))
        return ev, r


def moments(recorded: Array, predicted: Array) -> Array:
    """Return y, y², f, f² and yf (row, 5, site) of recorded responses y and predictions f (row, site).

    Centred on the mean of y first, so that variances do not come out as small differences of large numbers.
    """
    centre = recorded.mean(axis=0)
    y, f = recorded - centre, predicted - centre
    return np.stack([y, y * y, f, f * f, y * f], axis=1)


def agreement_of(sums: Array, weight: Array) -> tuple[Array, Array]:
    """Return explained variance and Pearson's r from weighted sums of `moments`.

    As `itbench.agreement` defines them: NaN where y does not vary, r of 0 where the prediction is constant.

    Parameters
    ----------
    sums : array of shape (draw, 5, site)
    weight : array of shape (draw,)
        The sum of the weights.

    Returns
    -------
    explained_variance, correlation : arrays of shape (draw, site)
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        y, yy, f, ff, yf = np.moveaxis(sums / weight[:, None, None], 1, 0)
        var_y, var_f, covariance = yy - y * y, ff - f * f, yf - y * f
        responds, predicts = var_y > ROUNDING * yy, var_f > ROUNDING * ff
        ev = np.where(responds, (2 * covariance - var_f) / var_y, np.nan)
        r = np.where(predicts, np.clip(covariance / np.sqrt(var_y * var_f), -1.0, 1.0), 0.0)
    return ev, np.where(responds, r, np.nan)
