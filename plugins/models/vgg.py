"""VGG-16: Simonyan & Zisserman (2015), Very deep convolutional networks for large-scale image recognition, ICLR."""

from itbench import from_torchvision, hookimpl

POOLS = tuple(f"features.{index}" for index in (4, 9, 16, 23, 30))
LAYERS = (*POOLS, "classifier.1", "classifier.4")  # both fully connected layers after their ReLU
TAG = "IMAGENET1K_V1"


@hookimpl
def itbench_models(register):
    about = "Simonyan & Zisserman 2015, ImageNet-1k"
    register("vgg16", vgg16, layers=LAYERS, source=f"torchvision {TAG}", description=about, bibtex="simonyan2015")


def vgg16(weights):
    return from_torchvision("vgg16", weights, layers=LAYERS, tag=TAG)
