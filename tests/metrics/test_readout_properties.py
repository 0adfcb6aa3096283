"""Laws that every readout of one layer keeps, on drawn data."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itbench import Gram
from itbench.plugins import load_plugins
from itbench.statistics.explained_variance import SLACK, correlation, explained_variance

REGISTRY = load_plugins()
READOUTS = {
    "ridge": {},
    "ridge of all features": {"components": None, "per_site": False},
    "ridge by cosine": {"kernel": "cosine"},
    "ridge by Gaussian": {"kernel": "rbf"},
    "ols": {"components": 8},
    "ols of all features": {"components": None},
    "pls": {"components": 5},
    "brainscore-pls": {},
    "brainscore-ridge": {},
}
PERFECT = {  # options with which a readout of noiseless responses leaves nothing
    "ridge": {"alpha": 1e-9},
    "ols": {"components": None},
    "pls": {"components": 25},
    "brainscore-pls": {},
}
TRAIN, TEST = np.arange(30), np.arange(30, 42)
ROUNDING = 1e-5  # a penalty that leaves next to nothing of a prediction leaves more rounding in its correlation
quick = settings(max_examples=15, deadline=None, derandomize=True)


@dataclass(frozen=True)
class Case:
    """What data are drawn from."""

    seed: int
    width: int
    sites: int
    mean: float

    def data(self, noise=1.0):
        """Return features (stimulus, feature), responses (stimulus, site), and a generator for what else is drawn."""
        rng = np.random.default_rng(self.seed)
        features = rng.standard_normal((42, self.width)) * np.geomspace(2, 0.3, self.width) + self.mean
        responses = features @ rng.standard_normal((self.width, self.sites)) / np.sqrt(self.width)
        return features, responses + noise * rng.standard_normal(responses.shape), rng


def cases(*widths):
    sites, mean = st.sampled_from([1, 4]), st.sampled_from([0.0, 3.0])
    return st.builds(Case, seed=st.integers(0, 2**32 - 1), width=st.sampled_from(widths), sites=sites, mean=mean)


anything = given(case=cases(3, 12, 30, 90))


def readout(name, **options):
    return REGISTRY.metric(name.split()[0]).readout(**{**READOUTS.get(name, {}), **options})


def read(name, features, responses, train=TRAIN, test=TEST, **options):
    """Return explained variance and correlation of test rows, and of training rows by inner predictions."""
    reading = readout(name, **options)(Gram.from_features(features), responses[train], train, test)
    pairs = ((responses[test], reading.predictions), (responses[train], reading.inner_predictions))
    return np.array([measure(*pair) for pair in pairs for measure in (explained_variance, correlation)])


@pytest.mark.slow
@pytest.mark.parametrize("name", READOUTS)
@anything
@quick
def test_scores_do_not_change_when_features_are_permuted_or_rotated(name, case):
    features, responses, rng = case.data()
    rotation = np.linalg.qr(rng.standard_normal((case.width, case.width)))[0]
    before = read(name, features, responses)
    for turned in (features[:, rng.permutation(case.width)], features @ rotation):
        np.testing.assert_allclose(read(name, turned, responses), before, atol=ROUNDING)


@pytest.mark.parametrize("name", READOUTS)
@anything
@quick
def test_scores_do_not_change_when_images_are_put_in_another_order(name, case):
    features, responses, rng = case.data()
    order = rng.permutation(42)
    place = np.argsort(order)  # where each image has gone
    after = read(name, features[order], responses[order], place[TRAIN], place[TEST])
    np.testing.assert_allclose(after, read(name, features, responses), atol=ROUNDING)


@pytest.mark.parametrize("name", READOUTS)
@anything
@quick
def test_scores_do_not_change_when_constants_are_added_to_the_responses(name, case):
    features, responses, rng = case.data()
    shifted = responses + rng.uniform(-50, 50, case.sites)
    before, after = read(name, features, responses), read(name, features, shifted)
    np.testing.assert_allclose(after[::2], before[::2], atol=ROUNDING)
    varies = np.abs(before[::2]) > 1e-9  # else the largest penalty left a variation as small as rounding
    np.testing.assert_allclose(after[1::2][varies], before[1::2][varies], atol=ROUNDING)


@pytest.mark.parametrize("name", READOUTS)
@anything
@quick
def test_explained_variance_never_exceeds_the_squared_correlation(name, case):
    ev, r, inner_ev, inner_r = read(name, *case.data()[:2])
    assert (ev <= r**2 + SLACK).all()
    assert (inner_ev <= inner_r**2 + SLACK).all()


@pytest.mark.parametrize("name", PERFECT)
@given(case=cases(3, 12))  # fewer features than training images, so that all can be learnt
@quick
def test_a_perfect_model_scores_one(name, case):
    features, responses, _ = case.data(noise=0.0)
    np.testing.assert_allclose(read(name, features, responses, **PERFECT[name]), 1.0, atol=1e-6)
