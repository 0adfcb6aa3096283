"""Checked metric: a metric with its default options, and simulated sites that are linear in a layer's features."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.check.fresh_process import FreshProcess
from itbench.gram import Gram
from itbench.metrics.features import FeatureComparisonForm, FeatureGram, FeatureReadoutForm
from itbench.metrics.readout import JointReadout, Readout, ReadoutResult
from itbench.registry import MetricEntry
from itbench.util.arrays import Array

STIMULI, FEATURES, SITES = 200, 20, 6
TEST, UNUSED = 40, 10  # stimuli; the others are training rows
FEATURE_FORMS = (FeatureReadoutForm.name, FeatureComparisonForm.name)  # whose Gram has its features
NOISE = 0.3  # standard deviation, of a signal whose own is 1


class CheckedMetric:
    """A checked metric with its default options, and the Gram and responses of simulated sites.

    Parameters
    ----------
    entry : MetricEntry
    fresh_process : callable
        Returns the result of a fresh process that loaded the plugin.
    """

    def __init__(self, entry: MetricEntry, fresh_process: Callable[[], FreshProcess]) -> None:
        self.entry, self.fresh_process = entry, fresh_process
        rng = np.random.default_rng(0)
        features = rng.standard_normal((STIMULI, FEATURES))
        signal = features @ rng.standard_normal((FEATURES, SITES)) / np.sqrt(FEATURES)
        rows = rng.permutation(STIMULI)
        self._gram = Gram.from_features(features)
        if entry.form.name in FEATURE_FORMS:  # of either sign, for weights of 0 or more
            self._gram = FeatureGram.of(np.concatenate([features, -features], axis=1))
        self.responses = 5.0 + signal + NOISE * rng.standard_normal(signal.shape)  # (stimulus, site)
        self.test, self.train = np.sort(rows[:TEST]), np.sort(rows[TEST + UNUSED :])
        self.unused = rows[TEST : TEST + UNUSED]

    @property
    def gram(self) -> Gram:
        """A copy of the Gram that a checked metric gets: simulated features of one layer."""
        return self._gram.take(np.arange(STIMULI))

    @cached_property
    def metric(self) -> Any:
        """The checked metric with its default options."""
        return self.entry.readout()

    @cached_property
    def readout(self) -> Readout:
        """The checked metric as a readout of one layer, also if it is a joint readout of several."""
        readout: Readout = _of_one_layer(self.metric) if self.entry.form.several_models else self.metric
        return readout

    @cached_property
    def readout_result(self) -> ReadoutResult:
        """The checked metric's predictions of the simulated sites."""
        return self.predict(self.responses[self.train])

    def predict(
        self, responses: Array, *, test: NDArray[np.integer] | None = None, gram: Gram | None = None
    ) -> ReadoutResult:
        """Apply the checked metric's readout to copies of the Gram, responses and row numbers."""
        test = self.test if test is None else test
        return self.readout(gram or self.gram, responses.copy(), self.train.copy(), test.copy())


def _of_one_layer(joint: JointReadout) -> Readout:
    def read(gram: Gram, responses: Array, train: NDArray[np.integer], test: NDArray[np.integer]) -> ReadoutResult:
        result = joint({"layer": gram}, responses, train, test)
        alpha = np.full(responses.shape[1], np.nan)
        return ReadoutResult(result.predictions, result.inner_predictions, alpha, result.remarks)

    return read
