"""What a model that learns from recordings predicts of held-out images by itself.

No readout is fitted, not even a scale. Every split is predicted by a network that saw its training images alone.
"""

from dataclasses import dataclass

from itbench import hookimpl


@hookimpl
def itbench_metrics(register):
    register("direct", Direct, description="the predictions of a model that learns from recordings")


@dataclass(frozen=True)
class Direct:
    form = "direct"
    formula = "ŷ = f_s(image)\nf_s: the network that learnt from the training images of split s"
