"""Plugin of small trainable networks: one with dropout, batch norm and a pause to be killed in, one that explodes.

ITBENCH_TEST_PAUSE holds the first up for so many seconds in every batch, so that it can be killed on its way.
"""

import os
import time
from collections import OrderedDict

from itbench import hookimpl


@hookimpl
def itbench_models(register):
    about = {"recipe": "learners.yaml", "metric": "direct", "weights": ("random",)}
    register("learner", learner, **about)
    register("exploding", exploding, **about)


def learner(weights, width=8):
    from torch import nn

    class Pause(nn.Module):
        def forward(self, x):
            time.sleep(self.training * float(os.environ.get("ITBENCH_TEST_PAUSE", 0)))
            return x

    def build(sites, classes):
        return nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(3, width, 3),  # (batch, width, 6, 6)
                norm=nn.BatchNorm2d(width),
                relu=nn.ReLU(),
                dropout=nn.Dropout(0.3),
                pause=Pause(),
                flat=nn.Flatten(),
                readout=nn.Linear(36 * width, sites),
            )
        )

    return trainable(build, layers=("conv", "relu"))


def exploding(weights):
    from torch import nn

    def build(sites, classes):
        linear = [nn.Linear(192, 192) for _ in range(8)]
        return nn.Sequential(nn.Flatten(), *linear, nn.Linear(192, sites))

    return trainable(build, layers=("1",))


def trainable(build, layers):
    import torch
    from torchvision.transforms import v2

    from itbench import TrainableNetwork

    return TrainableNetwork(build, v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]), layers=layers)
