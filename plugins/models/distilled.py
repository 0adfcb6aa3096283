"""Distillation: a small network that learns, beside the responses, what a better model predicts of them.

Hinton, Vinyals & Dean (2015), Distilling the knowledge in a neural network, arXiv:1503.02531. Cowley, Stan, Pillow &
Smith (2023), Compact deep neural network models of visual cortex, bioRxiv 2023.11.22.568315. The teacher is a model
with a metric: all layers of a network, stacked. What it predicts of a training picture comes from readouts that have
not seen this picture. Another teacher: ``--recipe teacher.model=resnet50``.
"""

from itbench import hookimpl

PIXELS = 96


@hookimpl
def itbench_models(register):
    about = "taught responses and what a teacher predicts"
    own = {"weights": ("random",), "description": f"small network of its own, {about}"}
    both = {"metric": "direct", "bibtex": "hinton2015 cowley2023"}
    register("distilled", distilled, recipe="recipes/distilled.yaml", **own, **both)
    recipe = "recipes/distilled-core.yaml"
    register("distilled/*", distilled_core, recipe=recipe, description=f"any core, {about}", **both)


def distilled(weights, width=32, dropout=0.0):
    from torch import nn

    from itbench import TrainableNetwork, resized

    def stage(inputs, outputs):
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

    def build(sites, classes):
        network = nn.Sequential()
        for number, inputs in enumerate((3, width, 2 * width, 4 * width), 1):
            network.add_module(f"stage{number}", stage(inputs, width * 2 ** (number - 1)))
        features = 8 * width * (PIXELS // 16) ** 2
        network.add_module("head", nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(features, sites)))
        return network

    return TrainableNetwork(build, resized(PIXELS), layers=("stage1", "stage2", "stage3", "stage4"))


def distilled_core(core, layer="", pool="mean", dropout=0.0):
    from itbench import linear_head, with_heads

    def heads(shape, sites, classes):
        return {"responses": linear_head(shape, sites, pool=pool, dropout=dropout)}

    return with_heads(core, layer, heads)
