"""The picture itself: what is left to explain when no network runs. The baseline that every model must beat."""

from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    register(
        "pixels", pixels, layers=("pixels",), source="itbench", weights=(), description="the picture itself, in [0, 1]"
    )


def pixels(weights):
    return FunctionModel(lambda pictures: {"pixels": pictures / 255}, layers=("pixels",), identity="pixels: x / 255")
