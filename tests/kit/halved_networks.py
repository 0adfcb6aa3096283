"""Built-in networks on inputs of half the width, which take a fourth of the work; a plugin, and a function of networks.

The published preprocessing stays in, and is followed by the mean of 2 × 2 pixels.
"""

from functools import partial

from itbench import hookimpl, load_plugins

PREFIX = "halved-"
NETWORKS = (  # those that take inputs of any width
    *("alexnet", "convnext_base", "cornet_s", "densenet121", "densenet169", "densenet201", "efficientnet_b5"),
    *("pnasnet5large", "resnet18", "resnet50", "resnet152", "resnext101_32x8d", "vgg16"),
)


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


@hookimpl
def itbench_models(register):
    for name in NETWORKS:
        register(PREFIX + name, partial(make_halved, name))
