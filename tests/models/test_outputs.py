"""What networks of any kind give: images first, the last call, real numbers from any tensor; the rest is refused."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from itbench import FunctionModel, Network
from itbench.errors import BadActivations, BadOption, UnknownName
from itbench.extraction.forward import batch_activations, shape_of
from itbench.models.torch_layers import ValueReads, first_tensor

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 12, 12, 3), dtype=np.uint8)


class Scale:
    def __init__(self, form=lambda x: x):
        self.form = form

    def __call__(self, image):
        return self.form(torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255)

    def __repr__(self):
        return "x / 255"


class Of(nn.Module):
    """A function of a batch as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@dataclass
class Output:
    loss: None
    maps: torch.Tensor


def of(function, preprocess=None):
    """A network whose layer `odd` is a function of the output of a convolution."""
    torch.manual_seed(0)
    after = Of(lambda x: torch.ones(1))
    parts = OrderedDict(conv=nn.Conv2d(3, 4, 3), odd=Of(function), after=after)
    return Network(nn.Sequential(parts), preprocess or Scale())


def raw(network, layer="odd", images=IMAGES):
    """What a raw hook sees of a layer last."""
    found = []
    handle = network.module.get_submodule(layer).register_forward_hook(lambda *all_: found.append(all_[2]))
    with torch.inference_mode():
        network.module(network.prepare(images))
    handle.remove()
    return found[-1]


def read(network, layer="odd", images=IMAGES):
    shapes = network.shapes(images[0])
    batch = network.prepare(images)
    return batch_activations(network, batch, [layer], shapes, [str(row) for row in range(len(images))])[layer]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: (x, 1), lambda out: out[0]),
        (lambda x: [[x.mean((2, 3)), x]], lambda out: out[0][0]),
        (lambda x: {"none": None, "maps": x}, lambda out: out["maps"]),
        (lambda x: Output(None, x), lambda out: out.maps),
        (lambda x: x.double(), lambda out: out.float()),
        (lambda x: x.half(), lambda out: out.float()),
        (lambda x: x.bfloat16(), lambda out: out.float()),
        (lambda x: x > 0, lambda out: out.float()),
        (lambda x: (100 * x).int(), lambda out: out.float()),
        (lambda x: functional.relu(x).flatten(1).to_sparse(), lambda out: out.to_dense()),
        (lambda x: torch.quantize_per_tensor(x, 0.01, 0, torch.qint8), lambda out: out.dequantize()),
        (lambda x: x[:, :1].expand(-1, 3, -1, -1), lambda out: out),
    ],
    ids=[
        "tuple",
        "list",
        "dict",
        "dataclass",
        "double",
        "half",
        "bfloat16",
        "bool",
        "int",
        "sparse",
        "quantised",
        "view",
    ],
)
def test_the_first_tensor_of_an_output_is_read_as_float32(function, expected):
    network = of(function)
    found = read(network)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(raw(network)).numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (torch.fft.fft2, "gives complex numbers, not real ones"),
        (lambda x: x.flatten(2).permute(2, 0, 1), r"gives shape \(100, 2, 4\) for 2 images: the first dimension"),
        (lambda x: x[:1], r"gives shape \(1, 4, 10, 10\) for 2 images"),
        (lambda x: x[:, 0, 0, 0], r"gives shape \(2,\) for 2 images: it must be \(image, …\)"),
        (lambda x: x[:, :, : len(x)], r"gives shapes \(2, 4, 2, 10\) and \(3, 4, 3, 10\)"),
        (lambda x: "text", "gives a str, not a tensor"),
        (lambda x: torch.nested.nested_tensor([x[0], x[1, :2]]), "nested"),
    ],
    ids=["complex", "tokens first", "one row", "no features", "grows", "text", "nested"],
)
def test_what_is_no_activation_of_each_image_is_refused(function, said):
    network = of(function)
    with pytest.raises(BadActivations, match=said):
        shape_of("odd", network.shapes(IMAGES[0]))


@pytest.mark.parametrize("batch", [2, 3, 16])
def test_tokens_are_never_taken_for_images_whatever_the_batch(batch):
    tokens_first = of(lambda x: x.flatten(2)[:, :, :batch].permute(2, 0, 1))
    images = np.resize(IMAGES, (batch, 12, 12, 3))
    assert len(tokens_first.activations(tokens_first.prepare(images), ["odd"])["odd"]) == batch
    with pytest.raises(BadActivations, match="the first dimension must be that of the images"):
        read(tokens_first, images=images)


class Steps(nn.Module):
    """As many steps as the image is bright."""

    def __init__(self):
        super().__init__()
        self.first, self.step, self.tail = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()

    def forward(self, x):
        h = self.first(x)
        for _ in range(1 + int((x.mean() * 1000).item()) % 5):
            h = torch.tanh(self.step(h))
        return self.tail(h)


def test_a_layer_that_runs_as_often_as_the_image_needs_is_read_at_its_last_call():
    torch.manual_seed(0)
    network = Network(Steps(), Scale())
    counts = set()
    for image in IMAGES:
        with network.counted_calls() as calls:
            network.activations(network.prepare(image[None]), ["first"])  # ends early only where nothing counts
        counts.add(calls["step"])
    assert len(counts) > 1
    for image in IMAGES:
        np.testing.assert_allclose(
            read(network, "step", image[None]), raw(network, "step", image[None]).numpy(), atol=1e-6
        )
    assert not network.probe(IMAGES[0]).is_steady


@pytest.mark.parametrize(
    "function",
    [
        lambda x: float(x.sum()),
        lambda x: bool((x > 0).any()),
        lambda x: x.tolist(),
        lambda x: np.asarray(x),
        lambda x: range(x.long().sum()),
        lambda x: x[x > 0],
        lambda x: torch.where(x > 0),
        lambda x: torch.unique(x),
        lambda x: x.nonzero(),
        lambda x: torch.equal(x, x),
        lambda x: x.masked_select(x > 0),
    ],
    ids=["float", "bool", "tolist", "array", "range", "mask", "where", "unique", "nonzero", "equal", "masked_select"],
)
def test_a_read_of_values_is_noticed(function):
    with ValueReads() as reads:
        torch.relu(torch.ones(2, 2))[:, 0].reshape(-1).shape[0]
        assert not reads.found
        function(torch.ones(2, 2))
    assert reads.found


def test_the_first_tensor_is_none_without_one():
    assert first_tensor({"a": 1, "b": (None, "x")}) is None


@pytest.mark.slow
def test_a_compiled_network_gives_what_the_plain_one_gives():
    plain = of(lambda x: x.clip(0))
    compiled = Network(torch.compile(plain.module, backend="eager"), Scale())
    np.testing.assert_array_equal(read(compiled, "_orig_mod.conv"), read(plain, "conv"))
    inside = Network(nn.Sequential(torch.compile(plain.module, backend="eager")), Scale())
    np.testing.assert_array_equal(read(inside, "0._orig_mod.conv"), read(plain, "conv"))
    np.testing.assert_array_equal(read(inside, "0._orig_mod.conv"), read(plain, "conv"))  # a second time


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_dynamically_quantised_network_is_read_and_its_weights_are_in_its_identity():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(432, 6), nn.ReLU())
    network, again = (Network(torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}), Scale()) for _ in range(2))
    np.testing.assert_array_equal(read(network, "1"), raw(network, "1").numpy())
    assert network.identity == again.identity
    with torch.no_grad():
        plain[1].weight[0] += 1
    other = Network(torch.ao.quantization.quantize_dynamic(plain, {nn.Linear}), Scale())
    assert other.identity["weights"] != network.identity["weights"]


@pytest.mark.parametrize(
    ("module", "form"),
    [
        (nn.Linear(432, 3), lambda x: x.flatten()),
        (nn.Conv3d(3, 4, 3, padding=1), lambda x: x[:, None].repeat(1, 4, 1, 1)),
    ],
    ids=["flat", "video"],
)
def test_inputs_need_not_be_maps(module, form):
    network = Network(nn.Sequential(module, nn.ReLU()), Scale(form))
    network.place("cpu", "float32")
    np.testing.assert_allclose(read(network, "0"), raw(network, "0").numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (lambda x: x.numpy(), "The preprocessing gave a ndarray, not a tensor"),
        (lambda x: x[:, : 3 + int(1000 * x.mean()) % 7], r"tensors of the shapes \(3, \d+, 12\) and"),
    ],
)
def test_preprocessing_that_gives_no_batch_is_refused(form, said):
    network = of(lambda x: x, Scale(form))
    with pytest.raises(BadActivations, match=said):
        network.prepare(IMAGES)


def test_a_network_that_cannot_take_its_inputs_says_which():
    network = Network(nn.Sequential(nn.Conv2d(3, 4, 3)).bfloat16(), Scale())
    with pytest.raises(BadActivations, match=r"fails on inputs \(2, 3, 12, 12\) of type torch.float32: RuntimeError"):
        network.shapes(IMAGES[0])


def test_lazy_weights_are_refused():
    with pytest.raises(BadOption, match=r"The weights 0\.weight, 0\.bias have no shape yet"):
        Network(nn.Sequential(nn.LazyLinear(4)), Scale())


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x[:1], r"gives shape \(1, 432\) for 2 images"),
        (lambda x: x[:-1], r"gives shape \(1, 432\) for 2 images"),
        (lambda x: x.T, r"gives shape \(432, 2\) for 2 images"),
        (lambda x: x + 1j, "gives complex numbers"),
        (lambda x: x.astype(str), "gives values of type <U"),
        (lambda x: [[1], [2, 3]], "gives a list that is no array"),
        (lambda x: x.mean(), r"gives shape \(\) for 2 images"),
    ],
    ids=["first", "few", "transposed", "complex", "text", "ragged", "number"],
)
def test_a_function_must_give_an_array_of_each_image(function, said):
    model = FunctionModel(
        lambda images: {"x": function(images.reshape(len(images), -1) / 255)}, layers=("x",), identity=""
    )
    with pytest.raises(BadActivations, match=said):
        shape_of("x", model.shapes(IMAGES[0]))


def test_a_batch_of_another_shape_than_the_probe_is_refused_with_its_images():
    model = FunctionModel(
        lambda images: {"x": np.ones((1 if len(images) > 3 else len(images), 5))}, layers=("x",), identity=""
    )
    with pytest.raises(BadActivations, match=r"Layer 'x' gave \(1, 5\) for the images 0 … 5"):
        read(model, "x")


def test_a_function_that_returns_no_mapping_or_lacks_a_layer_is_refused():
    for function, said in (
        (lambda images: None, "gave a NoneType, not a mapping"),
        (lambda images: {"y": images}, "layer 'x'"),
    ):
        model = FunctionModel(function, layers=("x",), identity="")
        with pytest.raises((BadActivations, UnknownName), match=said):
            model.activations(IMAGES, ["x"])
