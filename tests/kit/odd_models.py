"""Plugin of function models that are slow, wide, or break a rule of extraction."""

import os
import time

import numpy as np

from itbench import FunctionModel, hookimpl

BUFFER = np.empty((4, 10), np.float32)


@hookimpl
def itbench_models(register):
    for name, function in FUNCTIONS.items():
        register(name, lambda weights, function=function, name=name: model(function, name), layers=("x",), weights=())


def model(function, name):
    return FunctionModel(function, layers=("x",), identity=name)


def flat(images):
    return images.reshape(len(images), -1)[:, :60] / np.float32(255)


def slow(images):
    if int(os.environ.get("FAILS_AT", -1)) in images.sum(axis=(1, 2, 3)):
        raise RuntimeError("out of memory")
    time.sleep(0.02)
    return {"x": flat(images).reshape(-1, 4, 15), "y": np.ascontiguousarray(flat(images).T).T}


def wide(images):
    return {"x": np.tile(flat(images), (1, 20_000))}


def growing(images):
    return {"x": flat(images)[:, : 10 if len(images) < 8 or images[0, 0, 0, 0] < 200 else 20]}


def one_buffer(images):
    np.copyto(BUFFER[: len(images)], flat(images)[:, :10])
    return {"x": BUFFER[: len(images)]}


def slashes(images):
    return {"a/b": flat(images), "a:b": flat(images), "a": flat(images), "stimulus": flat(images)}


FUNCTIONS = {"slow": slow, "wide": wide, "growing": growing, "one-buffer": one_buffer, "slashes": slashes}
