"""itbench-tiny: a small residual network that names drawn objects, so that a trained network is at hand offline.

After He, Zhang, Ren & Sun (2016), CVPR: four residual blocks, 0.4 million weights. Trained by
``tools/train_itbench_tiny.py`` to name which of 64 kinds of object (8 of each category) a freshly drawn picture shows;
it never saw an object or a background of synthetic-it. On 2,000 held-out pictures of exemplars that it had not seen it
named the kind of 98.5 % and the category of 99.95 % or more.
"""

from pathlib import Path

from itbench import hookimpl, with_weights

LAYERS = ("stem", "stage1", "stage2", "stage3", "stage4", "pool")
WIDTHS = (24, 32, 64, 96, 112)
PIXELS, CLASSES = 96, 64


@hookimpl
def itbench_models(register):
    register(
        "itbench-tiny",
        itbench_tiny,
        layers=LAYERS,
        source="itbench",
        bibtex="he2016",
        description="small residual network of this project, trained on drawn objects",
    )


def itbench_tiny(weights):
    from dataclasses import replace

    from itbench import Network, resized

    if weights.kind == "pretrained":
        weights = replace(weights, kind="file", path=Path(__file__).with_suffix(".safetensors"))
    return Network(with_weights("itbench-tiny", lambda pretrained: build(), weights), resized(PIXELS), layers=LAYERS)


def build():
    from torch import nn

    def convolution(inputs, outputs, stride):
        return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)]

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.body = nn.Sequential(
                *convolution(inputs, outputs, stride), nn.ReLU(), *convolution(outputs, outputs, 1)
            )
            self.skip = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

        def forward(self, x):
            return (self.body(x) + self.skip(x)).relu()

    network = nn.Sequential()
    network.add_module("stem", nn.Sequential(*convolution(3, WIDTHS[0], 2), nn.ReLU()))  # (batch, 24, 48, 48)
    for number, stride in enumerate(
        (2, 2, 1, 2), 1
    ):  # (batch, 32, 24, 24), (…, 64, 12, 12), (…, 96, 12, 12), (…, 112, 6, 6)
        network.add_module(f"stage{number}", Block(WIDTHS[number - 1], WIDTHS[number], stride))
    network.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    network.add_module("head", nn.Linear(WIDTHS[-1], CLASSES))
    return network
