"""Losses against numpy and scipy: with responses missing, of every kind, and weighted sums of them."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp

from itbench.errors import BadOption, UnknownName
from itbench.models.recipe import Recipe
from itbench.training.losses import Targets, softplus_rates, total_loss

N, SITES, CLASSES = 6, 5, 3
RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((N, 3, 8, 12)).astype(np.float32)
OUTPUTS = {
    "responses": RNG.standard_normal((N, SITES)).astype(np.float32),
    "classes": RNG.standard_normal((N, CLASSES)).astype(np.float32),
    "picture": RNG.standard_normal((N, 3, 4, 4)).astype(np.float32),
}
RECORDED, TAUGHT = RNG.gamma(2, 1, (2, N, SITES)).astype(np.float32)
KINDS = RNG.integers(0, CLASSES, N)


def loss_of(recipe, missing=0.0, outputs=OUTPUTS, teacher=TAUGHT):
    recorded = RECORDED.copy()
    recorded[np.random.default_rng(1).random(recorded.shape) < missing] = np.nan
    targets = Targets(
        torch.from_numpy(recorded),
        torch.from_numpy(teacher),
        torch.from_numpy(KINDS),
        bool(np.isfinite(recorded).all()),
    )
    said = {name: torch.from_numpy(output).requires_grad_() for name, output in outputs.items()}
    return total_loss(said, targets, torch.from_numpy(IMAGES), Recipe(**recipe)), said, recorded


def by_numpy(name, recorded, poisson=False):
    output = OUTPUTS["responses"].astype(np.float64)
    predicted = logsumexp([output, np.zeros_like(output)], axis=0) if poisson else output
    if name == "responses" and poisson:
        return np.nanmean(predicted - recorded * np.log(predicted))
    if name in ("responses", "teacher"):
        return np.nanmean((predicted - (recorded if name == "responses" else TAUGHT)) ** 2)
    if name == "classes":
        return -log_softmax(OUTPUTS["classes"].astype(np.float64), axis=1)[np.arange(N), KINDS].mean()
    shrunk = IMAGES.reshape(N, 3, 4, 2, 4, 3).mean(axis=(3, 5), dtype=np.float64)
    return ((OUTPUTS["picture"] - shrunk) ** 2).mean()


NEEDS = {"classes": {"label": "object"}, "teacher": {"teacher": {"model": "pixels", "metric": "ridge"}}}


@pytest.mark.parametrize("missing", [0.0, 0.4])
@pytest.mark.parametrize("response_loss", ["mse", "poisson"])
@pytest.mark.parametrize("name", ["responses", "classes", "picture", "teacher"])
def test_each_loss_is_what_numpy_gives(name, response_loss, missing):
    loss, _, recorded = loss_of({"losses": {name: 1.0}, "response_loss": response_loss} | NEEDS.get(name, {}), missing)
    assert np.isnan(recorded).any() == bool(missing)
    np.testing.assert_allclose(loss.item(), by_numpy(name, recorded, response_loss == "poisson"), rtol=1e-5)


def test_a_sum_of_losses_is_weighted():
    weights = {"responses": 1.0, "classes": 0.3, "picture": 2.0, "teacher": 0.0}
    loss, said, recorded = loss_of({"losses": weights, **NEEDS["classes"]}, 0.2)
    expected = sum(weight * by_numpy(name, recorded) for name, weight in weights.items())
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)
    loss.backward()
    assert all(output.grad.abs().sum() > 0 for output in said.values())


@pytest.mark.parametrize("response_loss", ["mse", "poisson"])
def test_what_is_missing_moves_nothing(response_loss):
    loss, said, recorded = loss_of({"response_loss": response_loss}, 0.5)
    loss.backward()
    gradient = said["responses"].grad.numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient == 0, np.isnan(recorded))


def test_a_batch_without_any_response_costs_nothing():
    loss, said, _ = loss_of({}, 1.0)
    loss.backward()
    assert loss.item() == 0
    assert (said["responses"].grad == 0).all()


def test_poissons_loss_is_least_at_the_recorded_rates():
    exact = np.log(np.expm1(RECORDED.astype(np.float64))).astype(np.float32)  # softplus taken off
    np.testing.assert_allclose(softplus_rates(torch.from_numpy(exact)).numpy(), RECORDED, rtol=1e-4)
    loss, said, _ = loss_of({"response_loss": "poisson"}, outputs={**OUTPUTS, "responses": exact})
    loss.backward()
    np.testing.assert_allclose(said["responses"].grad, 0, atol=1e-6)


def test_low_precision_outputs_are_taken_in_float32():
    """Softplus of a bfloat16 is one, unless it is widened before."""
    low = {name: torch.from_numpy(output).bfloat16() for name, output in OUTPUTS.items()}
    targets = Targets(torch.from_numpy(RECORDED))
    loss = total_loss(low, targets, torch.from_numpy(IMAGES), Recipe(response_loss="poisson"))
    predicted = np.log1p(np.exp(low["responses"].double().numpy()))
    expected = (predicted - RECORDED * np.log(predicted)).mean()
    assert loss.dtype == torch.float32
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-5)


def test_an_output_that_a_loss_needs_and_the_network_lacks_is_named():
    with pytest.raises(UnknownName, match="classes"):
        loss_of({"losses": {"classes": 1.0}, "label": "object"}, outputs={"responses": OUTPUTS["responses"]})


def test_responses_of_another_number_of_sites_are_refused():
    with pytest.raises(BadOption, match=r"\(6, 4\), not \(6, 5\)"):
        loss_of({}, outputs={"responses": OUTPUTS["responses"][:, :4]})
