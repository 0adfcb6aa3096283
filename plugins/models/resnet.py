"""ResNet: He, Zhang, Ren & Sun (2016), Deep residual learning for image recognition, CVPR. ResNeXt: Xie, Girshick,
Dollár, Tu & He (2017), Aggregated residual transformations for deep neural networks, CVPR.

The weights are torchvision's first, which published scores used: all four networks were trained in one way and differ
only in their structure. ``torchvision/resnet50.IMAGENET1K_V2`` and the like have later ones.
"""

from functools import partial

from itbench import from_torchvision, hookimpl

ARTICLES = {
    "resnet18": ("He et al. 2016", "he2016"),
    "resnet50": ("He et al. 2016", "he2016"),
    "resnet152": ("He et al. 2016", "he2016"),
    "resnext101_32x8d": ("Xie et al. 2017", "xie2017"),
}
LAYERS = ("relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool")
TAG = "IMAGENET1K_V1"


@hookimpl
def itbench_models(register):
    for name, (article, key) in ARTICLES.items():
        about = {"source": f"torchvision {TAG}", "description": f"{article}, ImageNet-1k", "bibtex": key}
        register(name, partial(resnet, name=name), layers=LAYERS, **about)


def resnet(weights, name):
    return from_torchvision(name, weights, layers=LAYERS, tag=TAG)
