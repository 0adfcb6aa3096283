"""Low-rank adapters: closed forms of what they compute and of how many parameters they have; the rest stays."""

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn

from itbench import BadOption, merge_low_rank, with_low_rank
from itbench.errors import UnknownName


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def network():
    """A network with every kind of layer that adapters meet."""
    return nn.Sequential(
        OrderedDict(
            wide=nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False),
            norm=nn.BatchNorm2d(8),
            point=nn.Conv2d(8, 12, 1),
            grouped=nn.Conv2d(12, 12, 3, groups=4, padding=2, dilation=2),
            flat=nn.Flatten(),
            linear=nn.Linear(12 * 16, 5),
        )
    ).eval()


MATRICES = {"wide": (8, 27), "point": (12, 8), "grouped": (12, 27), "linear": (5, 192)}  # (output, input)
IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def changed(rank=3, patterns=("*",)):
    """Return a network and its adapted copy, whose changes have values as after training."""
    base = network()
    adapted = with_low_rank(base, rank, patterns)
    with torch.no_grad():
        for parameter in adapted.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return base, adapted


def change_of(adapted, layer):
    return adapted.get_submodule(layer).parametrizations.weight[0]


def test_the_function_is_unchanged_at_the_start():
    base = network()
    torch.testing.assert_close(with_low_rank(base, 3)(IMAGES), base(IMAGES), rtol=0, atol=0)


@pytest.mark.parametrize("rank", [1, 3])
def test_a_change_is_the_product_of_two_matrices(rank):
    base, adapted = changed(rank)
    dense = copy.deepcopy(base)
    for layer, (outputs, inputs) in MATRICES.items():
        change = change_of(adapted, layer)
        product = change.up.detach() @ change.down.detach()
        assert product.shape == (outputs, inputs)
        assert torch.linalg.matrix_rank(product) == rank
        weight = dense.get_submodule(layer).weight
        weight.data += product.reshape(weight.shape)
    torch.testing.assert_close(adapted(IMAGES), dense(IMAGES))
    assert not torch.allclose(adapted(IMAGES), base(IMAGES), atol=0.1)


def test_a_changed_convolution_is_two_thin_ones_beside_the_frozen_one():
    base, adapted = changed(2, ["wide"])
    change, wide = change_of(adapted, "wide"), base.wide
    thin = nn.functional.conv2d(IMAGES, change.down.reshape(2, 3, 3, 3), stride=2, padding=1)
    beside = wide(IMAGES) + nn.functional.conv2d(thin, change.up[:, :, None, None])
    torch.testing.assert_close(adapted.wide(IMAGES), beside)


@pytest.mark.parametrize(("rank", "patterns", "layers"), [
    (1, ["*"], MATRICES),
    (4, ["*"], MATRICES),
    (100, ["*"], MATRICES),
    (2, ["wide", "lin*"], ["wide", "linear"]),
])  # fmt: skip
def test_parameters_are_rank_times_output_plus_input(rank, patterns, layers):
    adapted = with_low_rank(network(), rank, patterns)
    expected = sum(min(rank, *MATRICES[layer]) * sum(MATRICES[layer]) for layer in layers)
    assert sum(parameter.numel() for parameter in adapted.parameters()) == expected


def test_only_the_changes_learn_and_the_base_stays_as_it_was():
    base = network()
    before = copy.deepcopy(base.state_dict())
    adapted = with_low_rank(base, 2).requires_grad_(True)
    optimiser = torch.optim.SGD(adapted.parameters(), 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        adapted(IMAGES).square().sum().backward()
        optimiser.step()
    after = adapted.state_dict()
    for name, tensor in before.items():
        layer, _, own = name.rpartition(".")
        kept = f"{layer}.parametrizations.weight.original" if own == "weight" and layer in MATRICES else name
        torch.testing.assert_close(after[kept], tensor, rtol=0, atol=0)
        torch.testing.assert_close(base.state_dict()[name], tensor, rtol=0, atol=0)
    assert all(change_of(adapted, layer).up.abs().sum() > 0 for layer in MATRICES)


def test_gradients_are_those_of_the_dense_weight_times_the_other_factor():
    _, adapted = changed(2)
    dense = copy.deepcopy(adapted)
    merge_low_rank(dense)
    weight = nn.Parameter(dense.point.weight.detach())
    torch.func.functional_call(dense, {"point.weight": weight}, IMAGES).square().sum().backward()
    adapted(IMAGES).square().sum().backward()
    change, gradient = change_of(adapted, "point"), weight.grad.flatten(1)
    torch.testing.assert_close(change.up.grad, gradient @ change.down.detach().T, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(change.down.grad, change.up.detach().T @ gradient, rtol=1e-4, atol=1e-3)


def test_merging_keeps_the_function_and_gives_back_the_names():
    base, adapted = changed()
    expected = adapted(IMAGES)
    merge_low_rank(adapted)
    torch.testing.assert_close(adapted(IMAGES), expected, rtol=0, atol=0)
    assert adapted.state_dict().keys() == base.state_dict().keys()
    base.load_state_dict(adapted.state_dict())
    torch.testing.assert_close(base(IMAGES), expected, rtol=0, atol=0)


def test_attention_that_reads_weights_past_its_layers_is_changed_too():
    """torch's attention uses its output projection's weight without calling that layer."""
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    adapted, tokens = with_low_rank(attention, 2), torch.randn(2, 5, 8)
    torch.testing.assert_close(adapted(tokens, tokens, tokens)[0], attention(tokens, tokens, tokens)[0])
    adapted.out_proj.parametrizations.weight[0].up.data.fill_(1.0)
    assert not torch.allclose(adapted(tokens, tokens, tokens)[0], attention(tokens, tokens, tokens)[0], atol=0.01)
    assert [name for name, _ in adapted.named_parameters()] == [
        f"out_proj.parametrizations.weight.0.{factor}" for factor in ("down", "up")
    ]


def test_a_copy_of_what_is_adapted_is_on_its_own():
    _, adapted = changed()
    other, expected = copy.deepcopy(adapted), adapted(IMAGES)
    torch.testing.assert_close(other(IMAGES), expected, rtol=0, atol=0)
    change_of(other, "linear").up.data.zero_()
    merge_low_rank(other)
    assert not torch.allclose(other(IMAGES), expected, atol=0.1)
    torch.testing.assert_close(adapted(IMAGES), expected, rtol=0, atol=0)


@pytest.mark.parametrize("rank", [0, -1])
def test_a_rank_below_1_is_refused(rank):
    with pytest.raises(BadOption, match=f"1 or more, not {rank}"):
        with_low_rank(network(), rank)


def test_a_pattern_without_a_layer_is_named_with_those_there_are():
    with pytest.raises(UnknownName, match=r"(?s)'linaer'.*Did you mean linear.*grouped"):
        with_low_rank(network(), 2, ["wide", "linaer"])
