"""DenseNet-201: Huang, Liu, van der Maaten & Weinberger (2017), Densely connected convolutional networks, CVPR."""

from itbench import from_torchvision, hookimpl

BLOCKS = ("pool0", "denseblock1", "denseblock2", "transition2", "denseblock3", "transition3", "denseblock4", "norm5")
LAYERS = tuple(f"features.{block}" for block in BLOCKS)


@hookimpl
def itbench_models(register):
    register(
        "densenet201", densenet201, layers=LAYERS, source="torchvision", description="Huang et al. 2017, ImageNet-1k"
    )


def densenet201(weights):
    return from_torchvision("densenet201", weights, layers=LAYERS, tag="IMAGENET1K_V1")
