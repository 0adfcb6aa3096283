"""Simulated representational dissimilarities of several subjects."""

import numpy as np


def subjects(n=5, stimuli=14, noise=0.7, seed=0):
    """Dissimilarities (subject, pair) that share a part; each subject's are of another scale and offset."""
    rng = np.random.default_rng(seed)
    pairs = stimuli * (stimuli - 1) // 2
    rdms = rng.random(pairs) + noise * rng.random((n, pairs))
    return rdms * rng.uniform(0.5, 20, (n, 1)) + rng.uniform(0, 3, (n, 1))
