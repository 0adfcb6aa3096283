"""Cores with heads: nothing after the layer runs, gradients are those of the whole network, shapes are the layer's."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18
from torchvision.models.feature_extraction import create_feature_extractor

from itbench import Network
from itbench.errors import BadActivations, BadOption, UnknownName
from itbench.models import layers_up_to, shape_of, up_to
from itbench.training.heads import Branches, Pool, linear_head


class Scale:
    def __call__(self, image):
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255

    def __repr__(self):
        return "x / 255"


class Counted(nn.Module):
    """Passes on what it gets, times a weight, and counts how often."""

    def __init__(self):
        super().__init__()
        self.weight, self.runs = nn.Parameter(torch.tensor(2.0)), 0

    def forward(self, x):
        self.runs += 1
        return self.weight * x


class Recurrent(nn.Module):
    """Runs its cell three times."""

    def __init__(self):
        super().__init__()
        self.cell, self.tail = Counted(), Counted()

    def forward(self, x):
        return self.tail(self.cell(self.cell(self.cell(x))))


IMAGES = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def chain(**modules):
    torch.manual_seed(0)
    return Network(nn.Sequential(OrderedDict(modules)), Scale(), layers=tuple(modules))


def small():
    return chain(first=nn.Conv2d(3, 5, 3), relu=nn.ReLU(inplace=True), second=nn.Conv2d(5, 2, 3, 2), third=Counted())


def test_up_to_runs_nothing_after_the_layer():
    core = chain(first=Counted(), second=Counted(), third=Counted())
    torch.testing.assert_close(up_to(core.module, "second", IMAGES), 4 * IMAGES)
    assert [part.runs for part in core.module] == [1, 1, 0]


def test_up_to_gives_what_stood_before_an_operation_in_place():
    core = small()
    output = up_to(core.module, "first", IMAGES)
    torch.testing.assert_close(output, core.module.first(IMAGES))
    assert (output < 0).any()


def test_the_last_call_of_a_module_that_runs_several_times_counts():
    core = Network(Recurrent(), Scale(), layers=("cell", "tail"))
    branches = Branches(core, "cell", {"responses": nn.Identity()})
    core.module.tail.runs = 0
    torch.testing.assert_close(branches.features(IMAGES), 8 * IMAGES)
    assert core.module.tail.runs == 0


class Adaptive(nn.Module):
    """Doubles the image as often as it is bright."""

    def __init__(self):
        super().__init__()
        self.cell, self.tail = Counted(), nn.ReLU(inplace=True)

    def forward(self, x):
        for _ in range(1 + int(x.mean() > 0.5)):
            x = self.cell(x)
        return self.tail(x)


def test_a_layer_that_runs_as_often_as_the_image_needs_is_read_last():
    core = Network(Adaptive(), Scale(), layers=("cell", "tail"))
    branches = Branches(core, "cell", {"responses": nn.Identity()})
    for images in (torch.full((2, 3, 8, 8), 0.9), torch.full((2, 3, 8, 8), -0.9)):
        times = 2 ** (1 + int(images.mean() > 0.5))
        torch.testing.assert_close(branches.features(images.clone()), times * images)
    assert layers_up_to(core, "cell") == ("core.cell",)


def test_a_module_that_runs_less_often_than_asked_is_an_error():
    with pytest.raises(BadActivations, match="ran 3 times in a forward pass, not 4"):
        up_to(Recurrent(), "cell", IMAGES, calls=4)


def test_no_hook_stays_behind():
    core = small()
    layers_up_to(core, "second")
    Branches(core, "second", {"responses": nn.Identity()})(IMAGES)
    assert all(not part._forward_hooks for part in core.module.modules())


@pytest.mark.slow
def test_gradients_are_those_of_torchvisions_feature_extractor():
    torch.manual_seed(0)
    ours, theirs = resnet18(weights=None), resnet18(weights=None)
    theirs.load_state_dict(ours.state_dict())
    extractor = create_feature_extractor(theirs, ["layer3"])
    expected = extractor(IMAGES)["layer3"]
    expected.square().mean().backward()
    output = up_to(ours, "layer3", IMAGES)
    output.square().mean().backward()
    torch.testing.assert_close(output, expected)
    for name, parameter in ours.named_parameters():
        theirs_too = theirs.get_parameter(name)
        if name.startswith(("layer4", "fc")):
            assert parameter.grad is None
        else:
            torch.testing.assert_close(parameter.grad, theirs_too.grad, msg=name)


def test_a_frozen_core_keeps_no_graph_and_its_head_learns():
    core = small()  # Network freezes what it wraps
    images = torch.zeros(4, 3, 256, 256)
    branches = Branches(core, "second", {"responses": linear_head(shape_of(core, "second"), 6)})
    assert not branches.features(images).requires_grad
    branches(images)["responses"].sum().backward()
    assert all(
        (parameter.grad is not None) == name.startswith("heads") for name, parameter in branches.named_parameters()
    )


def test_branches_give_every_head_by_name_from_one_pass():
    core = chain(first=Counted(), second=Counted())
    branches = Branches(core, "first", {"responses": nn.Flatten(), "picture": nn.Identity()})
    core.module.first.runs = 0
    outputs = branches(IMAGES)
    assert core.module.first.runs == 1
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "responses": (4, 3072),
        "picture": (4, 3, 32, 32),
    }


def test_layers_of_branches_are_named_as_of_the_core():
    core = small()
    branches = Branches(core, "second", {"responses": linear_head(shape_of(core, "second"), 6)})
    assert {"core.first", "core.second", "heads.responses.2"} <= {name for name, _ in branches.named_modules()}


def test_what_branches_print_names_the_layer():
    core = chain(first=Counted(), second=Counted())
    one, two = (repr(Branches(core, layer, {})) for layer in ("first", "second"))
    assert one != two


def test_layers_up_to_are_the_candidates_that_have_run():
    assert layers_up_to(small(), "second") == ("core.first", "core.relu", "core.second")
    torch.manual_seed(0)
    core = Network(resnet18(weights=None), Scale(), layers=("relu", "layer1", "layer2", "layer3", "avgpool"))
    assert layers_up_to(core, "layer2.1.conv1") == ("core.relu", "core.layer1")  # layer2 has not come to its end


@pytest.mark.parametrize(
    ("layer", "error", "words"),
    [
        ("secnod", UnknownName, "Did you mean second"),
        ("pair", BadOption, "gives a tuple, not a tensor"),
        ("unused", BadOption, "does not run in a forward pass"),
    ],
)
def test_a_layer_without_features_is_refused(layer, error, words):
    class Shape(nn.Module):
        def forward(self, x):
            return tuple(x.shape)

    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.second, self.pair, self.unused = (
                nn.Flatten(2),
                Shape(),
                nn.ReLU(),
            )

        def forward(self, x):
            return x.reshape(self.pair(self.second(x)))

    core = Network(Odd(), Scale(), layers=("second",))
    with pytest.raises(error, match=words):
        shape_of(core, layer)
    with pytest.raises(error, match=words):
        Branches(core, layer, {})


@pytest.mark.parametrize(
    ("shape", "pool", "expected"),
    [
        ((5, 2, 3), "none", lambda x: x.reshape(4, 30)),
        ((5, 2, 3), "mean", lambda x: x.mean((2, 3))),
        ((7, 5), "none", lambda x: x.reshape(4, 35)),
        ((7, 5), "mean", lambda x: x.mean(1)),
        ((7, 5), "cls", lambda x: x[:, 0]),
        ((5,), "none", lambda x: x),
        ((5,), "mean", lambda x: x),
    ],
)
def test_a_linear_head_pools_places_and_tokens(shape, pool, expected):
    torch.manual_seed(0)
    features = torch.rand(4, *shape).to(
        memory_format=torch.channels_last if len(shape) == 3 else torch.contiguous_format
    )
    head = linear_head(shape, 6, pool=pool, dropout=0.5).eval()
    torch.testing.assert_close(head(features), nn.functional.linear(expected(features), head[-1].weight, head[-1].bias))
    assert Pool(pool, shape).width == expected(features).shape[1] == head[-1].in_features


def test_dropout_of_a_head_is_of_training_alone():
    head = linear_head((200,), 3, dropout=0.5)
    x = torch.ones(1, 200)
    assert not torch.equal(head.train()(x), head(x))
    torch.testing.assert_close(head.eval()(x), head(x))


@pytest.mark.parametrize(("pool", "words"), [("max", "Known: none, cls, mean"), ("cls", "no class token")])
def test_a_pooling_that_does_not_exist_or_fit_is_refused(pool, words):
    with pytest.raises(BadOption, match=words):
        linear_head((5, 2, 3), 6, pool=pool)


def test_features_of_another_shape_than_the_heads_are_refused():
    with pytest.raises(BadActivations, match=r"shape \(5, 2, 3\), and was given \(5, 2, 4\)"):
        linear_head((5, 2, 3), 6)(torch.zeros(1, 5, 2, 4))
    assert linear_head((5, 2, 3), 6, pool="mean")(torch.zeros(1, 5, 2, 4)).shape == (1, 6)
