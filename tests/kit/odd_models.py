"""Functions that are slow, wide, or break a rule."""

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


def flat(pictures):
    return pictures.reshape(len(pictures), -1)[:, :60] / np.float32(255)


def slow(pictures):
    if int(os.environ.get("FAILS_AT", -1)) in pictures.sum(axis=(1, 2, 3)):
        raise RuntimeError("out of memory")
    time.sleep(0.02)
    return {"x": flat(pictures).reshape(-1, 4, 15), "y": np.ascontiguousarray(flat(pictures).T).T}


def wide(pictures):
    return {"x": np.tile(flat(pictures), (1, 20_000))}


def growing(pictures):
    return {"x": flat(pictures)[:, : 10 if len(pictures) == 1 or pictures[0, 0, 0, 0] < 200 else 20]}


def one_buffer(pictures):
    np.copyto(BUFFER[: len(pictures)], flat(pictures)[:, :10])
    return {"x": BUFFER[: len(pictures)]}


def slashes(pictures):
    return {"a/b": flat(pictures), "a:b": flat(pictures), "a": flat(pictures), "stimulus": flat(pictures)}


FUNCTIONS = {"slow": slow, "wide": wide, "growing": growing, "one-buffer": one_buffer, "slashes": slashes}
