"""Random features and responses of several shapes, for the tests of regression metrics."""

import numpy as np


def data(shape, seed=0):
    """Features of many kinds, and responses that depend on them."""
    n, p, kind = shape
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, p)) * np.geomspace(3, 0.1, p) + 5
    if kind == "rank deficient":
        features = features[:, : p // 4] @ rng.standard_normal((p // 4, p))
    if kind == "constant features":
        features[:, ::2] = 2.0
    if kind == "duplicated images":
        features[n // 3 : 2 * (n // 3)] = features[: n // 3]
    sites = 1 if kind == "one site" else 6
    responses = features @ rng.standard_normal((p, sites)) / np.sqrt(p) + 2 * rng.standard_normal((n, sites))
    order = rng.permutation(n)
    return features, responses, np.sort(order[: 3 * n // 4]), np.sort(order[3 * n // 4 :])


SHAPES = [
    (60, 300, "plain"),
    (200, 30, "plain"),
    (100, 100, "plain"),
    (80, 120, "rank deficient"),
    (80, 50, "constant features"),
    (90, 200, "duplicated images"),
    (70, 90, "one site"),
]
