"""EfficientNet-B5: Tan & Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks, ICML.

It takes pictures of 456 pixels, so its two earliest stages have more than a million features each and are no
candidates; name ``features.0`` or ``features.1`` to score them.
"""

from itbench import from_torchvision, hookimpl

LAYERS = (*(f"features.{stage}" for stage in range(2, 9)), "avgpool")
TAG = "IMAGENET1K_V1"


@hookimpl
def itbench_models(register):
    about = "Tan & Le 2019, ImageNet-1k, 456 px"
    register(
        "efficientnet_b5",
        efficientnet_b5,
        layers=LAYERS,
        source=f"torchvision {TAG}",
        description=about,
        bibtex="tan2019",
    )


def efficientnet_b5(weights):
    return from_torchvision("efficientnet_b5", weights, layers=LAYERS, tag=TAG)
