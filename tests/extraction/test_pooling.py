"""Token layers: all tokens, the class token, or the mean over patches, as transformers themselves compute them."""

import numpy as np
import pytest
import torch

from itbench import BadOption, FunctionModel
from itbench.api.score import score_model
from itbench.extraction.forward import TokenPool, token_pools
from itbench.models.weights import Weights
from itbench.models.zoo import from_timm, from_torchvision
from tests.kit.commands import run

SHAPES = {"patches": (9, 4), "block": (10, 4), "conv": (4, 3, 3), "odd": "does not run in a forward pass"}
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)


def tokens(extra):
    return FunctionModel(dict, layers=(), identity="none", extra_tokens=extra)


@pytest.mark.parametrize(
    ("how", "layers", "extra", "expected"),
    [
        ("none", ["block"], 1, {}),
        ("cls", ["block"], 1, {"block": TokenPool("cls", 1)}),
        ("mean", ["block"], 1, {"block": TokenPool("mean", 1)}),
        ("mean", ["block", "conv"], 0, {"block": TokenPool("mean", 0)}),
        ("mean", ["patches", "block"], 1, {"patches": TokenPool("mean", 0), "block": TokenPool("mean", 1)}),
    ],
)
def test_token_layers_are_pooled_and_others_left(how, layers, extra, expected):
    assert token_pools(how, layers, SHAPES, tokens(extra)) == expected


@pytest.mark.parametrize(
    ("how", "layers", "extra", "said"),
    [
        ("cls", ["block"], 0, "'block' has no class token"),
        ("cls", ["patches"], 1, "'patches' has no class token"),
        ("mean", ["conv"], 1, "none of those chosen has it"),
        ("max", ["block"], 1, "No pooling 'max'"),
    ],
)
def test_what_cannot_be_pooled_is_refused(how, layers, extra, said):
    with pytest.raises(BadOption, match=said):
        token_pools(how, layers, SHAPES, tokens(extra))


def test_pools_are_the_first_token_and_the_mean_of_the_rest():
    activations = np.random.default_rng(0).standard_normal((3, 5, 4)).astype(np.float32)
    np.testing.assert_array_equal(TokenPool("cls", 1)(activations), activations[:, 0])
    np.testing.assert_allclose(TokenPool("mean", 2)(activations), activations[:, 2:].mean(axis=1), atol=1e-6)
    assert TokenPool("mean", 2)(activations).dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pool"),
    [("vit_tiny_patch16_224", "cls"), ("vit_tiny_patch16_224", "mean"), ("vit_small_patch16_dinov3", "mean")],
)
def test_pools_are_those_of_timm(name, pool):
    """timm's own pooling of the last block, the class token and registers left out of the mean, is the oracle."""
    network = from_timm(name, Weights("random"), img_size=64)
    batch = network.prepare(IMAGES)
    layer = "norm"
    caught = network.activations(batch, [layer])[layer]
    with torch.inference_mode():
        expected = network.module.pool(torch.from_numpy(caught), {"cls": "token", "mean": "avg"}[pool]).numpy()
    pooled = token_pools(pool, [layer], network.shapes(IMAGES[0]), network)[layer](caught)
    np.testing.assert_allclose(pooled, expected, atol=1e-6)


@pytest.mark.slow
def test_torchvisions_class_token_is_what_its_head_reads():
    network = from_torchvision("vit_b_16", Weights("random"))
    assert (network.class_token, network.extra_tokens) == (True, 1)
    batch = network.prepare(IMAGES)
    caught = network.activations(batch, ["encoder.ln", "heads"])
    pool = token_pools("cls", ["encoder.ln"], network.shapes(IMAGES[0]), network)["encoder.ln"]
    with torch.inference_mode():
        expected = network.module.heads(torch.from_numpy(pool(caught["encoder.ln"]))).numpy()
    np.testing.assert_allclose(caught["heads"], expected, atol=1e-5)


TOKENS = """
import numpy as np

from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    register("tokens", tokens, layers=("block",), weights=())


def tokens(weights):
    def features(images):
        rows = images.reshape(len(images), -1)[:, :60].reshape(len(images), 3, 20) / 255
        return {"block": rows}

    return FunctionModel(features, layers=("block",), identity="tokens 1", extra_tokens=1)
"""


@pytest.mark.slow
def test_pooling_changes_the_score_its_name_and_its_place_in_the_cache(toy, home):
    from itbench import ExtractionSettings, load_plugins

    (home / "tokens.py").write_text(TOKENS)
    registry = load_plugins([home / "tokens.py"])
    scores = {
        pool: score_model("tokens", str(toy), registry=registry, settings=ExtractionSettings(pool=pool))
        for pool in ("none", "cls", "mean")
    }
    assert {pool: int(score.n_features[0]) for pool, score in scores.items()} == {"none": 60, "cls": 20, "mean": 20}
    evs = {pool: float(score.explained_variance.mean()) for pool, score in scores.items()}
    assert evs["cls"] > 0.7  # the toy sites are linear in the first 20 values
    assert evs["mean"] < 0.2
    assert len({score.attrs["file_stem"] for score in scores.values()}) == 3


@pytest.mark.slow
def test_pooling_on_the_command_line_is_noted_on_the_leaderboard(toy, home):
    (home / "tokens.py").write_text(TOKENS)
    for pool in ("cls", "none"):
        done = run("score", "-m", "tokens", "--plugin", home / "tokens.py", "-b", toy, "--pool", pool)
        assert done.exit_code == 0, done.stderr
    assert "pool: none" in run("leaderboard").stdout
    refused = run("score", "-m", "toy", "-b", toy, "--pool", "mean")
    assert refused.exit_code == 1
    assert "needs layers of shape (tokens, channels)" in refused.stderr
