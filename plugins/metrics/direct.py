"""Predictions of a trainable model, scored without a readout.

No readout is fitted, not even a scale. The held-out images of each split are predicted by a network trained on the
training images of that split alone.
"""

from dataclasses import dataclass

from itbench import hookimpl


@hookimpl
def itbench_metrics(register):
    register("direct", Direct, description="predictions of a trainable model, without a readout")


@dataclass(frozen=True)
class Direct:
    form = "direct"
    formula = "ŷ = f_s(image)\nf_s: the network trained on the training images of split s"
