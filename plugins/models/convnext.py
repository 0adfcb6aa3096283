"""ConvNeXt-Base: Liu, Mao, Wu, Feichtenhofer, Darrell & Xie (2022), A ConvNet for the 2020s, CVPR."""

from itbench import from_torchvision, hookimpl

# The four stages, the long third one in three steps
LAYERS = ("features.1", "features.3", "features.5.8", "features.5.17", "features.5", "features.7", "avgpool")
TAG = "IMAGENET1K_V1"


@hookimpl
def itbench_models(register):
    about = "Liu et al. 2022, ImageNet-1k"
    register(
        "convnext_base", convnext_base, layers=LAYERS, source=f"torchvision {TAG}", description=about, bibtex="liu2022"
    )


def convnext_base(weights):
    return from_torchvision("convnext_base", weights, layers=LAYERS, tag=TAG)
