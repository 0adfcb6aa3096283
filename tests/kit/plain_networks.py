"""Plugin of small trainable networks: one that may run out of memory, one that is trained on classes alone."""

from collections import OrderedDict

from itbench import hookimpl


@hookimpl
def itbench_models(register):
    about = {"recipe": "recipes/plain.yaml", "metric": "direct", "weights": ("random",)}
    register("plain", plain, **about)
    register("classes-only", classes_only, recipe="recipes/classes.yaml", metric="ridge", weights=("random",))
    register("coreless", plain, recipe="recipes/coreless.yaml", metric="direct")


def plain(weights, width=6, room=1000):
    from torch import nn

    def build(sites, classes):
        return nn.Sequential(
            OrderedDict(
                room=rooms()(room),
                convolution=nn.Conv2d(3, width, 3, stride=2),  # (batch, width, 3, 3)
                relu=nn.ReLU(),
                flat=nn.Flatten(),
                readout=nn.Linear(9 * width, sites),  # (batch, site)
            )
        )

    return scaled(build, layers=("relu",))


def classes_only(weights):
    from torch import nn

    class Heads(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU())
            self.head = nn.Linear(8, classes)

        def forward(self, images):
            return {"classes": self.head(self.trunk(images))}

    return scaled(lambda sites, classes: Heads(classes), layers=("trunk",))


def rooms():
    import torch

    class Room(torch.nn.Module):
        """Has no room for batches above a size in training."""

        def __init__(self, largest):
            super().__init__()
            self.largest = largest

        def forward(self, images):
            if self.training and len(images) > self.largest:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return images

    return Room


def scaled(build, layers):
    import torch
    from torchvision.transforms import v2

    from itbench import TrainableNetwork

    return TrainableNetwork(build, v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]), layers=layers)
