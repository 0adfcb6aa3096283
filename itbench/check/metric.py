"""Simulated sites that are linear in the features of a layer, and the metric that reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.check.findings import Doubtful
from itbench.check.fresh_process import FreshLook
from itbench.gram import Gram
from itbench.metrics import options
from itbench.metrics.protocols import JointReadout, Readout, ReadoutResult
from itbench.registry import MetricEntry
from itbench.util.arrays import Array

STIMULI, FEATURES, SITES = 200, 20, 6
TEST, UNUSED = 40, 10  # stimuli; the others train
NOISE = 0.3  # standard deviation, of a signal whose own is 1


class MetricSubject:
    """A registered metric with its default options, and what it reads.

    Parameters
    ----------
    entry : MetricEntry
    fresh : callable
        Returns what another process saw of its plugin.
    """

    def __init__(self, entry: MetricEntry, fresh: Callable[[], FreshLook]) -> None:
        self.entry, self.fresh = entry, fresh
        rng = np.random.default_rng(0)
        features = rng.standard_normal((STIMULI, FEATURES))
        signal = features @ rng.standard_normal((FEATURES, SITES)) / np.sqrt(FEATURES)
        rows = rng.permutation(STIMULI)
        self._gram = Gram.from_features(features)
        self.responses = 5.0 + signal + NOISE * rng.standard_normal(signal.shape)  # (stimulus, site)
        self.test, self.train = np.sort(rows[:TEST]), np.sort(rows[TEST + UNUSED :])
        self.unused = rows[TEST : TEST + UNUSED]

    @property
    def gram(self) -> Gram:
        """The Gram of the features, with arrays of its own."""
        return self._gram.take(np.arange(STIMULI))

    @cached_property
    def metric(self) -> Any:
        """The metric with its default options."""
        return self.entry.readout()

    @cached_property
    def readout(self) -> Readout:
        """A readout; one that reads several layers at once reads one."""
        made: Readout = _of_one_layer(self.metric) if self.entry.form == "joint" else self.metric
        return made

    @cached_property
    def reading(self) -> ReadoutResult:
        """What it says about the simulated sites."""
        return self.read(self.responses[self.train])

    def read(
        self, responses: Array, *, test: NDArray[np.integer] | None = None, gram: Gram | None = None
    ) -> ReadoutResult:
        """Call the readout with copies of what it is given."""
        test = self.test if test is None else test
        return self.readout(gram or self.gram, responses.copy(), self.train.copy(), test.copy())


def _of_one_layer(joint: JointReadout) -> Readout:
    def read(gram: Gram, responses: Array, train: NDArray[np.integer], test: NDArray[np.integer]) -> ReadoutResult:
        said = joint({"layer": gram}, responses, train, test)
        return ReadoutResult(
            said.predictions, said.inner_predictions, np.full(responses.shape[1], np.nan), said.remarks
        )

    return read


def imports_nothing_heavy(subject: MetricSubject) -> str:
    """Listing metrics takes no framework: the plugin imports none when it is loaded."""
    return subject.fresh().require_light(subject.entry.file)


def explains_its_options(subject: MetricSubject) -> str:
    """Every option has a default and a help text."""
    described = options.describe(type(subject.metric))
    silent = [item["option"] for item in described if not item["help"]]
    if silent:
        raise Doubtful(f"no help for {', '.join(silent)}: field(default=…, metadata={{'help': '…'}})")
    return ", ".join(f"{item['option']}={item['default']}" for item in described) or "no options"
