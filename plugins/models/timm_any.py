"""Any network of timm: ``timm/NAME``, or ``timm/NAME.TAG`` for one of several published weights.

Wightman (2019), PyTorch Image Models.
"""

from itbench import from_timm, hookimpl


@hookimpl
def itbench_models(register):
    register("timm/*", build, names=names, source="timm", description="any network: itbench models 'timm/*resnet*'")


def names():
    import timm

    return [*timm.list_models(), *timm.list_models(pretrained=True)]


def build(weights, name):
    return from_timm(name, weights)
