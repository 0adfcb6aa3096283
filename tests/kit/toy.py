"""Toy models and toy recordings with a known score."""

from __future__ import annotations

import numpy as np

from itbench.data.recordings import Recordings
from itbench.data.responses import make_responses
from itbench.data.stimuli import StimulusSet

TOY_PLUGIN = '''
"""Models for tests: features that the toy sites are linear in, a network, and ones that misbehave."""

import numpy as np

from itbench import FunctionModel, hookimpl, with_weights


@hookimpl
def itbench_models(register):
    register("toy", toy, layers=("noise", "good"), weights=())
    register("toy-net", toy_net, layers=("first", "second"))
    register("toy-nan", toy_nan, layers=("good",), weights=())
    register("toy-tuple", toy_tuple, layers=("pair",), weights=("random",))


def toy(weights):
    def features(images):
        rows = images.reshape(len(images), -1) / 255
        noise = np.stack([np.random.default_rng(row[:8].view("u8")).random(40) for row in rows])
        return {"noise": noise, "good": rows[:, :20]}

    return FunctionModel(features, layers=("noise", "good"), identity="toy 1")


def toy_nan(weights):
    def features(images):
        rows = images.reshape(len(images), -1)[:, :20] / 255
        rows[rows[:, 0] > 0.9] = np.nan
        return {"good": rows}

    return FunctionModel(features, layers=("good",), identity="toy-nan 1")


class Scale:
    def __call__(self, image):
        import torch

        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255

    def __repr__(self):
        return "x / 255"


def toy_net(weights):
    from collections import OrderedDict

    from torch import nn

    from itbench import Network

    def build(pretrained):
        if pretrained:
            raise OSError("no route to host")
        first, second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 3, 2)
        return nn.Sequential(OrderedDict(first=first, relu=nn.ReLU(inplace=True), second=second))

    return Network(with_weights("toy-net", build, weights), Scale(), layers=("first", "second"))


def toy_tuple(weights):
    from torch import nn

    from itbench import Network

    class Pair(nn.Module):
        def forward(self, x):
            return tuple(x.shape)

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.pair = Pair()

        def forward(self, x):
            return x.reshape(self.pair(x))

    return Network(with_weights("toy-tuple", lambda pretrained: Whole(), weights), Scale(), layers=("pair",))
'''


def toy_recordings(n: int = 80, sites: int = 5, repetitions: int = 4, noise: float = 0.5, seed: int = 0) -> Recordings:
    """Images of noise, and sites that are linear in their first 20 values, with noise of known variance."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 250, (n, 8, 8, 3), dtype=np.uint8)
    signal = (images.reshape(n, -1)[:, :20] / 255 - 0.5) @ rng.standard_normal((20, sites))
    signal /= signal.std(axis=0)
    responses = signal + noise * rng.standard_normal((repetitions, n, sites))
    ids = [f"image{number:03d}" for number in range(n)]
    metadata = {"category": np.array(["cat", "dog"] * (n // 2), dtype=object)}
    return Recordings(
        "toy", StimulusSet(tuple(ids), images, metadata), make_responses(responses, ids), {"region": "V4"}
    )


def toy_with(repetitions: int = 4, sites: int = 5, **metadata: object) -> Recordings:
    """Toy recordings with further stimulus coordinates, such as ``object``."""
    recordings = toy_recordings(sites=sites, repetitions=repetitions)
    stimuli = recordings.stimuli
    columns = {name: np.array(list(values), dtype=object) for name, values in metadata.items()}
    named = StimulusSet(stimuli.ids, stimuli.images, {**stimuli.metadata, **columns})
    return Recordings("toy", named, recordings.responses, recordings.about)
