"""Built-in networks on inputs of half the width, which take a fourth of the work; a plugin, and functions of networks.

One that is trained on recordings is there too, built on its halved core. The published preprocessing stays in, and is
followed by the mean of 2 × 2 pixels.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from itbench import hookimpl, load_plugins

PREFIX = "halved-"
NETWORKS = (  # those that take inputs of any width
    *("alexnet", "convnext_base", "cornet_s", "densenet121", "densenet169", "densenet201", "efficientnet_b5"),
    *("pnasnet5large", "resnet18", "resnet50", "resnet152", "resnext101_32x8d", "vgg16"),
)
TRAINED = "resnet50-finetuned"


class Halved:
    """Preprocessing, and then the mean of 2 × 2 pixels."""

    def __init__(self, preprocess):
        self.preprocess = preprocess

    def __call__(self, image):
        from torch.nn.functional import avg_pool2d

        return avg_pool2d(self.preprocess(image), 2)

    def __repr__(self):
        return f"{self.preprocess!r}, and the mean of 2 × 2 pixels"


def halved(network):
    """Halve the width of what a network gets, in place, and return it."""
    network.preprocess = Halved(network.preprocess)
    return network


def make_halved(name, weights):
    return halved(load_plugins().model(name).make(weights))


def on_halved_core(entry):
    """Return a registered trainable model as built on its core with inputs of half the width."""
    return replace(entry, core=PREFIX + entry.read_recipe().core)


@hookimpl
def itbench_models(register):
    for name in NETWORKS:
        register(PREFIX + name, partial(make_halved, name))
    trained = on_halved_core(load_plugins().model(TRAINED))
    about = {name: getattr(trained, name) for name in ("layers", "weights", "metric", "core")}
    register(PREFIX + TRAINED, trained.factory, recipe=str(Path(trained.file).parent / trained.recipe), **about)
