"""Hooks, precision, shapes: what a network gives is what it computed."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from itbench import Network
from itbench.errors import BadActivations, BadOption, UnknownName


class Scale:
    def __call__(self, image):
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255

    def __repr__(self):
        return "x / 255"


IMAGES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


def network(**modules):
    torch.manual_seed(0)
    return Network(nn.Sequential(OrderedDict(modules)), Scale())


def in_place():
    return network(conv=nn.Conv2d(3, 8, 3), relu=nn.ReLU(inplace=True), last=nn.Conv2d(8, 4, 3, 2))


def test_what_an_in_place_operation_overwrites_was_copied():
    net = in_place()
    caught = net.activations(net.prepare(IMAGES), ["conv", "relu"])
    expected = nn.functional.conv2d(net.prepare(IMAGES), *net.module.conv.parameters()).numpy()
    np.testing.assert_allclose(caught["conv"], expected, atol=1e-5)
    np.testing.assert_allclose(caught["relu"], expected.clip(0), atol=1e-5)
    assert (caught["conv"] < 0).any()


@pytest.mark.slow
def test_densenet_norm5_is_not_rectified():
    import torchvision

    torch.manual_seed(0)
    net = Network(torchvision.models.densenet121(weights=None), Scale())
    caught = net.activations(net.prepare(IMAGES), ["features.norm5"])["features.norm5"]
    with torch.inference_mode():
        expected = net.module.features(net.prepare(IMAGES)).numpy()
    np.testing.assert_allclose(caught, expected, atol=1e-4)
    assert (caught < 0).any()


def test_activations_do_not_depend_on_the_batch():
    net = in_place()
    together = net.activations(net.prepare(IMAGES), ["last"])["last"]
    alone = [net.activations(net.prepare(image[None]), ["last"])["last"][0] for image in IMAGES]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-5)


def test_dropout_and_batch_norm_are_in_eval_mode():
    net = network(norm=nn.BatchNorm2d(3), drop=nn.Dropout(0.9))
    first, second = (net.activations(net.prepare(IMAGES), ["drop"])["drop"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, IMAGES.transpose(0, 3, 1, 2) / 255, atol=1e-4)


def test_nothing_after_the_last_layer_is_computed_and_the_last_of_several_calls_counts():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.tail = nn.ReLU(), nn.Conv2d(3, 2, 1)
            self.tails = 0

        def forward(self, x):
            x = self.relu(self.relu(x - 0.2) - 0.2)
            self.tails += 1
            return self.tail(x)

    net = Network(Twice(), Scale())
    net.shapes(IMAGES[0])
    before = net.module.tails
    caught = net.activations(net.prepare(IMAGES), ["relu"])["relu"]
    np.testing.assert_allclose(caught, (IMAGES.transpose(0, 3, 1, 2) / 255 - 0.4).clip(0), atol=1e-6)
    assert net.module.tails == before


def test_no_hook_stays_behind():
    net = in_place()
    net.shapes(IMAGES[0])
    net.activations(net.prepare(IMAGES), ["conv"])
    assert all(not module._forward_hooks for module in net.module.modules())


class Shape(nn.Module):
    def forward(self, x):
        return tuple(x.shape)


def test_shapes_name_every_module_and_say_why_one_has_none():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.pair, self.unused = nn.MultiheadAttention(8, 2, batch_first=True), nn.ReLU()
            self.fold, self.shape = nn.Flatten(2), Shape()

        def forward(self, x):
            tokens = self.fold(x)[:, :, :8]
            return self.pair(tokens, tokens, tokens)[0].reshape(self.shape(tokens))

    network = Network(Odd(), Scale())
    shapes = network.shapes(IMAGES[0])
    assert shapes["fold"] == (3, 1024)
    assert shapes["pair"] == (3, 8)
    assert network.probe(IMAGES[0]).containers == {"pair": "tuple"}
    assert shapes["shape"] == "gives a tuple, not a tensor"
    assert shapes["unused"] == "does not run in a forward pass"


def test_a_layer_that_gives_no_tensor_is_named():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.shape = Shape()

        def forward(self, x):
            return x.reshape(self.shape(x))

    net = Network(Whole(), Scale())
    with pytest.raises(BadActivations, match="Layer 'shape' gives a tuple"):
        net.activations(net.prepare(IMAGES), ["shape"])


def test_bfloat16_is_near_float32_and_changes_the_identity():
    net = in_place()
    full = net.activations(net.prepare(IMAGES), ["last"])["last"]
    identity = net.identity
    net.place("cpu", "bfloat16")
    low = net.activations(net.prepare(IMAGES), ["last"])["last"]
    assert low.dtype == np.float32
    assert 0 < np.abs(low - full).max() < 0.05
    assert net.identity != identity


def test_identity_follows_weights_architecture_and_preprocessing():
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, 3)
    base = Network(nn.Sequential(conv), Scale()).identity
    padded = nn.Conv2d(3, 4, 3, padding=1)
    padded.load_state_dict(conv.state_dict())
    assert Network(nn.Sequential(conv), Scale()).identity == base
    assert Network(nn.Sequential(padded), Scale()).identity["architecture"] != base["architecture"]
    assert Network(nn.Sequential(padded), Scale()).identity["weights"] == base["weights"]
    with torch.no_grad():
        conv.weight[0, 0, 0, 0] += 1e-6
    assert Network(nn.Sequential(conv), Scale()).identity["weights"] != base["weights"]
    with pytest.raises(ValueError, match="__repr__"):
        Network(nn.Sequential(conv), lambda image: image)


def test_a_device_or_precision_that_is_not_there_is_refused():
    net = in_place()
    with pytest.raises(UnknownName, match="float16"):
        net.place("cpu", "float16")
    if not torch.cuda.is_available():
        with pytest.raises(BadOption, match="--device cpu"):
            net.place("cuda", "float32")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_what_the_cpu_gives():
    net = in_place()
    expected = net.activations(net.prepare(IMAGES), ["last"])["last"]
    net.place("cuda", "float32")
    np.testing.assert_allclose(net.activations(net.prepare(IMAGES), ["last"])["last"], expected, atol=1e-4)
    panel = np.random.default_rng(0).standard_normal((20, 300))
    np.testing.assert_allclose(net.times_transpose(panel), panel @ panel.T, atol=1e-9)
