"""Any classification network of torchvision: ``torchvision/NAME``, or ``torchvision/NAME.TAG`` for older weights."""

from itbench import from_torchvision, hookimpl


@hookimpl
def itbench_models(register):
    register(
        "torchvision/*",
        build,
        names=names,
        source="torchvision",
        description="any classifier: itbench models 'torchvision/*'",
    )


def names():
    from torchvision import models

    known = models.list_models(module=models)
    return [*known, *(f"{name}.{tag.name}" for name in known for tag in models.get_model_weights(name))]


def build(weights, name):
    network, _, tag = name.partition(".")
    return from_torchvision(network, weights, tag=tag or "DEFAULT")
