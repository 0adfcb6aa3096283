"""Plugin of models that break one rule of `itbench check` each, named after the rule that it breaks."""

import os
from itertools import count

import numpy as np

from itbench import FunctionModel, hookimpl

MADE = count()
BUFFER = np.empty((8, 300), np.float32)


@hookimpl
def itbench_models(register):
    for name, (function, about) in FUNCTIONS.items():
        register(name, of(function, **about), layers=("x",), weights=())
    register("no factory", no_factory, layers=("x",), weights=())
    register("no model", lambda weights: np.mean, layers=("x",), weights=())
    register("wrong layer", of(features, layers=("features",)), layers=("features",), weights=())
    register("other candidates", of(features), layers=("x", "y"), weights=())
    register("no candidates", of(features, layers=()), weights=())
    register("identity lacks", lambda weights: NoPreprocessing(), layers=("x",), weights=())
    register("address", lambda weights: model(features, identity=f"features of {object()}"), layers=("x",), weights=())
    register("another each time", lambda weights: model(features, identity=f"{next(MADE)}"), weights=())
    register("unseeded weights", unseeded_weights, layers=("x",), weights=("random",))
    register("hash", lambda weights: model(features, identity=f"{hash('features')}"), layers=("x",), weights=())
    register("seed not in identity", seeded_only_in_values, layers=("x",), weights=("random",))
    register("seed not in values", seeded_only_in_identity, layers=("x",), weights=("random",))
    register("precision", lambda weights: AnyPrecision(), layers=("x",), weights=())
    register("no arrays", lambda weights: Lists(), layers=("x",), weights=())
    register("more than asked", lambda weights: Everything(), layers=("x",), weights=())
    register("overwritten", lambda weights: InPlace(stops=True), layers=("x", "rectified"), weights=())
    register("shared memory", lambda weights: InPlace(stops=False), layers=("x", "rectified"), weights=())
    register("training", training, layers=("drop",), weights=("random",))
    register("gradients", gradients, layers=("linear",), weights=("random",))
    register("calls", calls, layers=("last.again",), weights=("random",))
    register("good", of(features), layers=("x",), weights=())


def features(images):
    return {"x": images.reshape(len(images), -1)[:, :300] / np.float32(255)}


def dropout(images):
    return {"x": features(images)["x"] * (np.random.default_rng().random(300) < 0.5)}


def batch_norm(images):
    return {"x": features(images)["x"] - features(images)["x"].mean(axis=0)}


def place_in_batch(images):
    return {"x": features(images)["x"] + np.arange(len(images))[:, None]}


def one_buffer(images):
    BUFFER[: len(images)] = features(images)["x"]
    return {"x": BUFFER[: len(images)]}


def in_place(images):
    images //= 2
    return features(images)


def nan(images):
    x = features(images)["x"]
    x[:, 3] = np.nan
    return {"x": x}


def contrast(images):
    x = features(images)["x"]
    with np.errstate(invalid="ignore"):
        return {"x": x / x.max(axis=1, keepdims=True)}


def of_one_size(images):
    return {"x": images.reshape(-1, 224, 224, 3)[:, :10, :10].mean(axis=3)}


def whole_batch(images):
    return {"x": features(images)["x"].mean(axis=0)}


def dead(images):
    return {"x": np.ones((len(images), 4))}


def bytes_only(images):
    return {"x": np.bitwise_and(images, 15).reshape(len(images), -1)}


def bytes_scaled(images):
    return {"x": features(images)["x"] * (255 if images.dtype == np.uint8 else 1)}


def features_first(images):
    return {"x": features(images)["x"].T}


def spectrum(images):
    return {"x": np.fft.fft(features(images)["x"])}


def of_the_process(images):
    return {"x": features(images)["x"] * np.random.default_rng(os.getpid()).random(300)}


FUNCTIONS = {
    "features first": (features_first, {}),
    "spectrum": (spectrum, {}),
    "of the process": (of_the_process, {}),
    "dropout": (dropout, {}),
    "batch norm": (batch_norm, {}),
    "place in batch": (place_in_batch, {}),
    "one buffer": (one_buffer, {}),
    "images in place": (in_place, {}),
    "nan": (nan, {}),
    "contrast": (contrast, {}),
    "of one size": (of_one_size, {}),
    "whole batch": (whole_batch, {}),
    "dead": (dead, {}),
    "bytes only": (bytes_only, {}),
    "bytes scaled": (bytes_scaled, {}),
}


def model(function, *, layers=("x",), identity="1"):
    return FunctionModel(function, layers=layers, identity=identity)


def of(function, **about):
    return lambda weights: model(function, **about)


def no_factory(weights):
    raise KeyError("no such file")


def unseeded_weights(weights):
    kernel = np.random.default_rng().random(300)
    return model(lambda images: {"x": features(images)["x"] * kernel})


def seeded_only_in_values(weights):
    return model(lambda images: {"x": features(images)["x"] + weights.seed})


def seeded_only_in_identity(weights):
    return model(features, identity=f"seed {weights.seed}")


class NoPreprocessing(FunctionModel):
    def __init__(self):
        super().__init__(features, layers=("x",), identity="")

    @property
    def identity(self):
        return {"weights": "none", "precision": "float32"}


class AnyPrecision(FunctionModel):
    def __init__(self):
        super().__init__(features, layers=("x",), identity="1")

    def place(self, device, precision):
        pass


class Lists(FunctionModel):
    def __init__(self):
        super().__init__(features, layers=("x",), identity="1")

    def activations(self, batch, layers):
        return {layer: values.tolist() for layer, values in super().activations(batch, layers).items()}


class Everything(FunctionModel):
    def __init__(self):
        super().__init__(features, layers=("x",), identity="1")

    def activations(self, batch, layers):
        return {**super().activations(batch, layers), "y": np.ones((len(batch), 2))}


class InPlace(FunctionModel):
    """Gives the arrays themselves that later operations overwrite; `stops` after the last layer asked for, or not."""

    def __init__(self, stops):
        super().__init__(self.both, layers=("x", "rectified"), identity="in place")
        self.stops = stops

    def both(self, images):
        x = features(images)["x"] - np.float32(0.5)
        return {"x": x.copy(), "rectified": x.clip(0)}

    def activations(self, batch, layers):
        x = features(batch)["x"] - np.float32(0.5)
        found = {"x": x}
        if "rectified" in layers or not self.stops:
            found["rectified"] = np.maximum(x, 0, out=x)
        return {layer: found[layer] for layer in layers}


def network(weights, layer, **parts):
    from collections import OrderedDict

    import torch
    from torch import nn
    from torchvision.transforms import v2

    from itbench import Network, with_weights

    def build(pretrained):
        first = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
        return nn.Sequential(OrderedDict(first=first, **{name: make() for name, make in parts.items()}))

    preprocess = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    return Network(with_weights("broken", build, weights), preprocess, layers=(layer,))


def training(weights):
    from torch import nn

    class AlwaysOn(nn.Dropout):
        def forward(self, x):
            self.train()
            return super().forward(x)

    return network(weights, "drop", linear=lambda: nn.Linear(48, 300), drop=lambda: AlwaysOn(0.5))


def calls(weights):
    from torch import nn

    class Again(nn.Module):
        """Rectified as often as the image is bright: the second time changes nothing."""

        def __init__(self):
            super().__init__()
            self.linear, self.again = nn.Linear(48, 300), nn.ReLU()

        def forward(self, x):
            times, x = 1 + int(x.mean() * 3), self.linear(x)
            for _ in range(times):
                x = self.again(x)
            return x

    return network(weights, "last.again", last=Again)


def gradients(weights):
    from torch import nn

    made = network(weights, "linear", linear=lambda: nn.Linear(48, 300))
    made.module.requires_grad_(True)
    return made
