"""ResNet-50: He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, CVPR.

The weights are torchvision's first ones (IMAGENET1K_V1), which the published scores used.
"""

from itbench import from_torchvision, hookimpl

LAYERS = ("relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool")


@hookimpl
def itbench_models(register):
    register("resnet50", resnet50, layers=LAYERS, source="torchvision", description="He et al. 2016, ImageNet-1k")


def resnet50(weights):
    return from_torchvision("resnet50", weights, layers=LAYERS, tag="IMAGENET1K_V1")
