"""Simulated repetitions of known signal and noise, some of them missing, for the tests of noise ceilings."""

import functools

import numpy as np

from itbench.data.responses import make_responses
from plugins.datasets.synthetic_it.simulation import synthetic_it

NAN = np.nan


@functools.cache
def drawn():
    """Return synthetic-it with all its sites and images, but small ones: 640 of 16 × 16 pixels."""
    return synthetic_it(0, pixels=16)


def responses_of(values):
    return make_responses(values, [str(number) for number in range(values.shape[1])])


def simulated(repetitions, stimuli=60, noise=(0.5, 1.0, 2.0), seed=0):
    """Signal of variance 1 and noise of known standard deviation (repetition, stimulus, site)."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((stimuli, len(noise)))
    signal = (signal - signal.mean(axis=0)) / signal.std(axis=0)
    return signal + np.array(noise) * rng.standard_normal((repetitions, stimuli, len(noise)))


def thinned(values, counts):
    """Leave the first repetitions of each stimulus, `counts` of them in turn; the same at all sites."""
    values = values.copy()
    for stimulus in range(values.shape[1]):
        values[counts[stimulus % len(counts)] :, stimulus] = NAN
    return values


def with_gaps(values, share=0.3, seed=1):
    values = values.copy()
    values[np.random.default_rng(seed).random(values.shape) < share] = NAN
    return values


CASES = {
    "even": simulated(6),
    "odd": simulated(5),
    "two": simulated(2),
    "unequal": thinned(simulated(9), (4, 9)),
    "some never": thinned(simulated(6), (0, 6, 6)),
    "some once": thinned(simulated(6), (1, 6, 3)),
    "gaps that differ between sites": with_gaps(simulated(8)),
    "large offset": simulated(6) + 1e6,
}
