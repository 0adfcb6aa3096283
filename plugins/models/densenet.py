"""DenseNet: Huang, Liu, van der Maaten & Weinberger (2017), Densely connected convolutional networks, CVPR."""

from functools import partial

from itbench import from_torchvision, hookimpl

BLOCKS = ("pool0", "denseblock1", "denseblock2", "transition2", "denseblock3", "transition3", "denseblock4", "norm5")
LAYERS = tuple(f"features.{block}" for block in BLOCKS)
TAG = "IMAGENET1K_V1"


@hookimpl
def itbench_models(register):
    about = {"source": f"torchvision {TAG}", "description": "Huang et al. 2017, ImageNet-1k", "bibtex": "huang2017"}
    for name in ("densenet121", "densenet169", "densenet201"):
        register(name, partial(densenet, name=name), layers=LAYERS, **about)


def densenet(weights, name):
    return from_torchvision(name, weights, layers=LAYERS, tag=TAG)
