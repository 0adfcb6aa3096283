"""Toy recordings and scores of known predictions, which the plots of all tests here show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from itbench.api.sources import named_benchmark
from itbench.data.responses import mean_over_repetitions
from itbench.registry import Registry
from tests.kit.scores import readout_score
from tests.kit.toy import toy_recordings

SITES, SILENT = 12, 3  # the fourth site has no value in any score


@pytest.fixture(scope="session")
def recordings():
    """Recordings in memory with 80 images, two categories, 12 sites of two animals, and digests."""
    made = toy_recordings(sites=SITES, noise=1.5)
    animal = ("site", ["A"] * 5 + ["B"] * 7)
    return named_benchmark(
        Registry({}, {}, {}), replace(made, responses=made.responses.assign_coords(animal=animal))
    ).load()


@pytest.fixture(scope="session")
def recorded(recordings):
    """Mean responses (stimulus, site)."""
    return mean_over_repetitions(recordings.require_responses())


@pytest.fixture(scope="session")
def ceiling():
    """Return a ceiling for every site, NaN at the last."""
    return np.append(np.linspace(0.5, 0.9, SITES - 1), np.nan)


@pytest.fixture(scope="session")
def make(recordings, recorded, ceiling):
    """Return a function that scores predictions of a given quality at each site, with noise of its own."""

    def made(quality=0.6, seed=1, **how):
        random = np.random.default_rng(seed)
        predicted = quality * recorded + 0.3 * random.standard_normal(recorded.shape)
        predicted[:, SILENT] = np.nan
        how = {"ceiling": ceiling, "model": f"net{seed}", "n_draws": 200, "digests": dict(recordings.digests), **how}
        score = readout_score(recorded, predicted, **how)
        return score.assign_coords(animal=("site", recordings.require_responses()["animal"].values))

    return made


@pytest.fixture(scope="session")
def good(make):
    """Score of good predictions."""
    return make(0.9, 1, model="good")


@pytest.fixture(scope="session")
def poor(make):
    """Score of poor predictions, of the same images and sites."""
    return make(np.where(np.arange(SITES) == 0, 0.9, 0.3), 2, model="poor")
