"""Spatial readouts: closed forms, and places and features that are found again in simulated responses."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms import v2

from itbench import BadOption, FactorisedReadout, GaussianReadout, Network, last_map

SHAPE, SITES = (5, 4, 6), 7  # (channel, y, x)
READOUTS = (FactorisedReadout, GaussianReadout)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def features(batch=3, shape=SHAPE):
    return torch.randn(batch, *shape)


def randomised(readout):
    """Give every parameter values of its own, as after training."""
    with torch.no_grad():
        for parameter in readout.parameters():
            parameter.copy_(torch.rand_like(parameter) - 0.5)
    return readout


def dense(readout):
    """Return the linear layer that a factorised readout stands for: its weights are sums of outer products."""
    mask = readout.mask.detach()
    if readout.normalised:
        mask = mask / mask.square().sum((2, 3), keepdim=True).sqrt()
    layer = nn.Linear(int(np.prod(SHAPE)), SITES)
    outer = readout.weight.detach()[..., None, None] * mask[:, :, None]  # (site, rank, channel, y, x)
    layer.load_state_dict({"weight": outer.sum(1).flatten(1), "bias": readout.bias.detach()})
    return layer, outer


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("normalised", [True, False])
def test_a_factorised_readout_is_a_dense_one_of_outer_products(rank, normalised):
    readout, seen = randomised(FactorisedReadout(SHAPE, SITES, rank=rank, normalised=normalised)), features()
    layer, _ = dense(readout)
    torch.testing.assert_close(readout(seen), layer(seen.flatten(1)))
    ranks = torch.linalg.matrix_rank(layer.weight.detach().reshape(SITES, SHAPE[0], -1))
    assert ranks.tolist() == [rank] * SITES


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("normalised", [True, False])
def test_the_penalty_of_a_factorised_readout_is_that_of_its_dense_weights(rank, normalised):
    readout = randomised(FactorisedReadout(SHAPE, SITES, rank=rank, normalised=normalised, l1=0.3, l2=2.0))
    outer = dense(readout)[1].flatten(1)
    expected = (0.3 * outer.abs().sum(1) + 2 * outer.square().sum(1)).mean()
    torch.testing.assert_close(readout.penalty(), expected)


def test_a_factorised_readout_starts_as_a_mean_over_places():
    readout, seen = FactorisedReadout(SHAPE, SITES, normalised=False), features()
    torch.testing.assert_close(readout(seen), seen.mean((2, 3)) @ readout.weight[:, 0].T)


def test_pairs_of_a_higher_rank_start_apart():
    masks = FactorisedReadout(SHAPE, SITES, rank=2).masks.flatten(2)
    assert (masks[:, 0] * masks[:, 1]).sum(1).abs().max() < 0.99


def test_a_gaussian_readout_at_a_grid_point_is_indexing():
    readout, seen = randomised(GaussianReadout(SHAPE, SITES)).eval(), features()
    rng = np.random.default_rng(0)
    y, x = rng.integers(0, SHAPE[1], SITES), rng.integers(0, SHAPE[2], SITES)
    grid = np.stack([2 * x / (SHAPE[2] - 1) - 1, 2 * y / (SHAPE[1] - 1) - 1], axis=1)
    readout.position.data = torch.from_numpy(grid.astype(np.float32))
    expected = (seen[:, :, y, x] * readout.weight.T).sum(1) + readout.bias
    torch.testing.assert_close(readout(seen), expected)


def test_between_grid_points_features_are_interpolated_and_beyond_the_edge_its_own_count():
    readout = GaussianReadout((1, 2, 2), 3).eval()
    readout.weight.data.fill_(1.0)
    readout.position.data = torch.tensor([[0.0, 0.0], [-0.5, 1.0], [3.0, -3.0]])  # (x, y)
    corners = torch.tensor([[[[1.0, 2.0], [4.0, 8.0]]]])
    torch.testing.assert_close(readout(corners), torch.tensor([[3.75, 4 + 0.25 * 4, 2.0]]))


def test_places_are_drawn_per_image_while_training_and_fixed_in_use():
    readout = randomised(GaussianReadout(SHAPE, SITES))
    same = features(1).expand(20, -1, -1, -1)
    assert readout(same).std(0).min() > 0
    readout.eval()
    torch.testing.assert_close(readout(same), readout(same[:1]).expand(20, -1), rtol=0, atol=0)


def test_drawn_places_have_the_mean_and_covariance_that_were_learnt():
    readout = randomised(GaussianReadout((2, 9, 9), SITES, spread=0.3))
    readout.weight.data = torch.eye(2).repeat(4, 1)[:SITES]
    readout.bias.data.zero_()
    readout.position.data *= 0.2
    readout.scale.data *= 0.3
    axis = torch.linspace(-1, 1, 9)
    coordinates = torch.stack([axis.expand(9, 9), axis[:, None].expand(9, 9)])  # of every place: x, y
    draws = torch.cat([readout(coordinates.expand(2000, -1, -1, -1)).detach() for _ in range(10)])
    even = np.arange(0, SITES, 2)  # the sites that read x
    covariance = readout.scale.detach() @ readout.scale.detach().mT
    torch.testing.assert_close(draws.mean(0), readout.eval()(coordinates[None])[0].detach(), rtol=0, atol=0.01)
    torch.testing.assert_close(draws.var(0)[even], covariance[even, 0, 0], rtol=0.05, atol=1e-4)


@pytest.mark.slow
def test_the_penalty_of_a_gaussian_readout_is_that_of_its_feature_weights():
    readout = randomised(GaussianReadout(SHAPE, SITES, l1=0.3, l2=2.0))
    weight = readout.weight.detach().numpy()
    expected = np.mean([0.3 * np.abs(w).sum() + 2 * (w @ w) for w in weight])
    assert readout.penalty().item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("readout", READOUTS)
def test_gradients_reach_every_parameter(readout):
    module = randomised(readout(SHAPE, SITES))
    module(features()).square().sum().backward()
    assert all(
        parameter.grad.flatten(1).abs().sum(1).min() > 0 for parameter in module.parameters() if parameter.ndim > 1
    )
    assert module.bias.grad.abs().min() > 0


@pytest.mark.parametrize("readout", READOUTS)
def test_the_gradient_is_that_of_differences(readout):
    module = randomised(readout((2, 3, 3), 2)).double().eval()
    seen = features(2, (2, 3, 3)).double()
    names, values = zip(*module.named_parameters(), strict=True)

    def responses(*given):
        return torch.func.functional_call(module, dict(zip(names, given, strict=True)), seen)

    assert torch.autograd.gradcheck(responses, values)


@pytest.mark.parametrize("readout", READOUTS)
def test_bfloat16_gives_what_float32_gives(readout):
    module, seen = randomised(readout(SHAPE, SITES)).eval(), features()
    with torch.autocast("cpu", torch.bfloat16):
        low = module(seen.bfloat16())
    torch.testing.assert_close(low.float(), module(seen), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("shape", [(197, 768), (512,)])
def test_features_without_places_are_refused(readout, shape):
    with pytest.raises(BadOption, match=r"\(channel, y, x\).*\n.*options.layer"):
        readout(shape, SITES)


@pytest.mark.parametrize(("layers", "last"), [
    (("conv", "pool", "flat"), "conv"),
    (("conv", "relu", "flat"), "relu"),
    (("pool", "flat"), "flat"),
])  # fmt: skip
def test_the_last_map_is_the_last_candidate_with_places(layers, last):
    parts = {"conv": nn.Conv2d(3, 4, 3), "relu": nn.ReLU(), "pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}
    preprocess = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32)])
    assert last_map(Network(nn.Sequential(OrderedDict(parts)), preprocess, layers=layers)) == last


def fitted(readout, seen, responses, steps=250, rate=0.05):
    optimiser = torch.optim.Adam(readout.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        ((readout(seen) - responses).square().mean() + readout.penalty()).backward()
        optimiser.step()
        schedule.step()
    return readout.eval()


def correlation(first, second):
    return torch.nn.functional.cosine_similarity(first.flatten(1), second.flatten(1)).abs()


@pytest.mark.slow
def test_a_gaussian_readout_finds_planted_places_and_weights():
    planted = randomised(GaussianReadout((4, 9, 9), 6)).eval()
    planted.position.data *= 1.6  # anywhere within 0.8 of the middle
    smooth = nn.functional.avg_pool2d(features(300, (4, 13, 13)), 5, 1)
    found = fitted(GaussianReadout((4, 9, 9), 6, spread=0.5), smooth, planted(smooth).detach())
    torch.testing.assert_close(found.position, planted.position, rtol=0, atol=0.05)
    assert correlation(found.weight, planted.weight).min() > 0.99


@pytest.mark.slow
def test_a_factorised_readout_finds_planted_masks_and_weights():
    planted = randomised(FactorisedReadout(SHAPE, SITES))
    seen = features(300)
    found = fitted(FactorisedReadout(SHAPE, SITES), seen, planted(seen).detach())
    assert correlation(found.mask[:, 0], planted.mask[:, 0]).min() > 0.99
    assert correlation(found.weight, planted.weight).min() > 0.99


@pytest.mark.slow
def test_a_penalty_on_sizes_leaves_planted_features_alone_and_silences_others():
    planted = FactorisedReadout(SHAPE, SITES)
    planted.weight.data = nn.functional.one_hot(torch.arange(SITES) % SHAPE[0], SHAPE[0])[:, None].float()
    seen = features(60)
    noisy = planted(seen).detach() + torch.randn(60, SITES)
    found = fitted(FactorisedReadout(SHAPE, SITES, l1=0.05), seen, noisy).weight.detach().abs()[:, 0]
    plain = fitted(FactorisedReadout(SHAPE, SITES), seen, noisy).weight.detach().abs()[:, 0]
    other = planted.weight[:, 0] == 0
    assert found[other].mean() < 0.5 * plain[other].mean()
    assert (found.argmax(1) == planted.weight[:, 0].argmax(1)).all()
