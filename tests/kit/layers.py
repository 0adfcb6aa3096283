"""Simulated features of several layers, their Grams, and responses that are linear in them."""

import numpy as np

from itbench import Gram

SITES = 4
TRAIN, TEST = np.arange(90), np.arange(90, 140)


def features(*widths, seed=0, n=140):
    rng = np.random.default_rng(seed)
    return {f"layer{i}": rng.standard_normal((n, width)) for i, width in enumerate(widths)}


def grams_of(layers):
    return {name: Gram.from_features(values) for name, values in layers.items()}


def driven_by(layers, noise=0.3, seed=1, sites=SITES):
    """Sites that are linear in all of `layers` alike, with noise."""
    rng = np.random.default_rng(seed)
    parts = [values @ rng.standard_normal((values.shape[1], sites)) for values in layers]
    signal = sum(part / part.std(axis=0) for part in parts)
    return 3.0 + signal + noise * rng.standard_normal(signal.shape)
