"""dual-task: one trunk, two branches: what is shown, and what the sites respond.

Caruana (1997), Multitask learning, Machine Learning 28, 41-75; Safarani et al. (2021), Towards robust vision by
multi-task learning on monkey visual cortex, NeurIPS. Both tasks form the trunk; behind it, each has a hidden layer of
its own. ``--recipe label=object`` names objects in place of categories; ``--recipe losses.classes=0`` leaves the
responses alone to learn. ``dual-task/CORE`` puts the branches on a layer of any model.
"""

from itbench import hookimpl


@hookimpl
def itbench_models(register):
    about = "a trunk with a branch for the classes and one for the responses"
    own = {"source": "itbench", "weights": ("random",), "description": about}
    both = {"metric": "direct", "bibtex": "caruana1997 safarani2021"}
    register("dual-task", dual_task, recipe="recipes/dual-task.yaml", **own, **both)
    recipe = "recipes/dual-task-core.yaml"
    register("dual-task/*", on_core, recipe=recipe, description=f"any core as {about}", **both)


def dual_task(weights, widths=(32, 64, 128), hidden=256, dropout=0.0, pixels=64):
    from torch import nn

    from itbench import Network, resized, with_weights

    def stage(inputs, outputs, size, stride):
        convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))

    def trunk(pretrained):
        network, inputs = nn.Sequential(), 3
        for number, width in enumerate(widths, 1):
            size, stride = (5, 2) if number == 1 else (3, 1)
            network.add_module(f"stage{number}", stage(inputs, width, size, stride))
            inputs = width  # (batch, width, side, side), side = pixels / 4, and half as many in every later stage
        return network

    layers = [f"stage{number + 1}" for number in range(len(widths))]
    core = Network(with_weights("dual-task", trunk, weights), resized(pixels), layers=layers)
    return on_core(core, pool="none", hidden=hidden, dropout=dropout)


def on_core(core, layer="", pool="mean", hidden=256, dropout=0.0):
    from torch import nn

    from itbench import linear_head, with_heads

    def branch(shape, outputs):
        first = linear_head(shape, hidden, pool=pool, dropout=dropout)  # (batch, hidden)
        return nn.Sequential(*first, nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs))

    def branches(shape, sites, classes):
        sizes = {"responses": sites, "classes": classes}
        return {name: branch(shape, size) for name, size in sizes.items() if size}

    return with_heads(core, layer, branches)
