"""AlexNet, as torchvision has it: Krizhevsky (2014), One weird trick for parallelizing convolutional neural networks,
arXiv:1404.5997.
"""

from itbench import from_torchvision, hookimpl

LAYERS = (*(f"features.{index}" for index in (1, 2, 4, 5, 7, 9, 11, 12)), "classifier.2", "classifier.5")
TAG = "IMAGENET1K_V1"


@hookimpl
def itbench_models(register):
    about = "Krizhevsky 2014, ImageNet-1k"
    register("alexnet", alexnet, layers=LAYERS, source=f"torchvision {TAG}", description=about, bibtex="krizhevsky2014")


def alexnet(weights):
    return from_torchvision("alexnet", weights, layers=LAYERS, tag=TAG)
