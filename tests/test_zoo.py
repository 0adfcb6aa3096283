"""Weights: pretrained, random, from a file; what cannot be had is said, never replaced."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from itbench import plugins, score_model
from itbench.errors import NoWeights
from itbench.protocols import Weights
from itbench.zoo import load_file

TINY = "itbench-tiny"


def build(name, weights):
    return plugins.load().model(name).factory(weights)


def tensors(model):
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


@pytest.mark.parametrize("ending", [".pt", ".pth", ".safetensors"])
def test_a_file_gives_its_tensors(ending, tmp_path):
    state = tensors(build(TINY, Weights("random", 5)))
    path = tmp_path / f"weights{ending}"
    save_file(state, path) if ending == ".safetensors" else torch.save({"state_dict": state}, path)
    loaded = build(TINY, Weights("file", path=path))
    assert loaded.identity == build(TINY, Weights("random", 5)).identity
    assert loaded.identity != build(TINY, Weights("random", 6)).identity


def test_what_does_not_fit_is_listed(tmp_path):
    state = tensors(build(TINY, Weights("random")))
    state["extra.weight"] = state.pop("head.weight")
    state["head.bias"] = torch.zeros(3)
    save_file(state, tmp_path / "wrong.safetensors")
    with pytest.raises(NoWeights) as refused:
        build(TINY, Weights("file", path=tmp_path / "wrong.safetensors"))
    for said in ("1 missing: head.weight", "1 unexpected: extra.weight", "1 of another shape: head.bias"):
        assert said in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 half a zip"])
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_a_file_that_holds_no_weights_is_refused(ending, content, tmp_path):
    path = tmp_path / f"broken{ending}"
    path.write_bytes(content)
    with pytest.raises(NoWeights, match=f"broken{ending} cannot be read as weights"):
        load_file(torch.nn.Linear(2, 2), path)


def test_code_in_a_file_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(NoWeights):
        load_file(torch.nn.Linear(2, 2), tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_random_weights_leave_the_callers_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    build(TINY, Weights("random", 7))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["resnet50", "mobilenetv2_100"])
def test_pretrained_weights_out_of_reach_are_an_error_with_two_ways_on(name, toy, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(NoWeights, match="cannot be had") as refused:
        score_model(name, str(toy))
    assert "--weights FILE" in str(refused.value)
    assert "--weights random" in str(refused.value)


@pytest.mark.slow
def test_a_torchvision_cache_on_disk_is_found_without_a_network(monkeypatch, tmp_path):
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(11)
    network = torchvision.models.resnet50(weights=None)
    file = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.url.rpartition("/")[2]
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(network.state_dict(), tmp_path / "hub" / "checkpoints" / file)
    loaded = build("resnet50", Weights("pretrained"))
    assert torch.equal(loaded.module.fc.weight, network.fc.weight)


CANDIDATES = ["alexnet", "densenet201", "itbench-tiny", "mobilenetv2_100", "mobilenetv2_100_same", "pixels", "resnet50"]


@pytest.mark.slow
@pytest.mark.parametrize("name", CANDIDATES)
def test_every_built_in_model_scores_with_all_its_layers(name, toy):
    score = score_model(name, str(toy), weights="random")
    assert list(score.layer.values) == list(plugins.load().model(name).layers)
    assert np.isfinite(score.explained_variance).all()


def test_every_built_in_model_is_tested():
    assert sorted(CANDIDATES) == [name for name in plugins.load().models if not name.startswith("toy")]


def test_tensorflow_padding_and_preprocessing_of_the_variant():
    pictures = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    variant, usual = (build(name, Weights("random")) for name in ("mobilenetv2_100_same", "mobilenetv2_100"))
    expected = pictures.transpose(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_allclose(variant.prepare(pictures).numpy(), expected, atol=1e-6)
    assert "Conv2dSame" in repr(variant.module)
    assert "Conv2dSame" not in repr(usual.module)
