"""Weights: pretrained, random, from a file; what cannot be had is said, never replaced."""

import argparse
import warnings
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from itbench import ItbenchWarning, with_weights
from itbench.api.score import score_model
from itbench.errors import NoWeights
from itbench.models.weights import Weights, looks_untrained
from itbench.models.weights_file import load_file
from itbench.models.zoo import from_timm
from itbench.plugins import load_plugins
from tests.kit.commands import run_python

TINY = "itbench-tiny"


def build(name, weights):
    return load_plugins().model(name).factory(weights)


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


def wrapped_in_a_checkpoint(state):
    return {"epoch": 3, "model_state_dict": state, "optimizer": {"lr": 0.1}}


def without_counters(state):
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {f"_orig_mod.model.{name}": tensor for name, tensor in state.items()},
        lambda state: wrapped_in_a_checkpoint({f"module.{name}": tensor for name, tensor in state.items()}),
        wrapped_in_a_checkpoint,
        without_counters,
    ],
    ids=["DataParallel", "two prefixes", "checkpoint with a prefix", "checkpoint", "older than batch counters"],
)
def test_what_trainers_put_around_a_state_dict_is_taken_off(change, tmp_path):
    state = tensors(build(TINY, Weights("random", 5)))
    torch.save(change(state), tmp_path / "weights.pth")
    loaded = build(TINY, Weights("file", path=tmp_path / "weights.pth"))
    assert loaded.identity["weights"] == build(TINY, Weights("random", 5)).identity["weights"]


def prefixed(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


def zeros(state):
    return {name: torch.zeros_like(tensor) for name, tensor in state.items()}


CHECKPOINTS = {  # what is saved, and what is said of it
    "lightning": (
        lambda state: {"state_dict": {**prefixed("net.", state), "loss.weight": torch.ones(3)}},
        "loss.weight",
    ),
    "averaged": (lambda state: {**prefixed("module.", state), "n_averaged": torch.tensor(3)}, "not read: n_averaged"),
    "nested": (lambda state: {"epoch": 3, "checkpoint": {"model": {"state_dict": state}}}, ""),
    "ema alone": (lambda state: {"ema": state}, "read from ema"),
    "timm ema": (lambda state: {"state_dict_ema": state, "state_dict": zeros(state)}, "not read: state_dict"),
    "model ema": (lambda state: {"model": zeros(state), "model_ema": state}, "read from model_ema"),
    "dino": (
        lambda state: {
            "student": prefixed("module.backbone.", zeros(state)),
            "teacher": {**prefixed("backbone.", state), "head.mlp": torch.ones(2)},
        },
        "read from teacher / backbone.*; other weights that fit are not read: student / module.backbone.*",
    ),
    "flat ema": (lambda state: {**zeros(state), **prefixed("ema_model.", state)}, "read from ema_model.*"),
    "the same twice": (lambda state: {"model": state, "net": state}, ""),
    "arguments": (lambda state: {"model": state, "args": argparse.Namespace(lr=1, path=Path("x"))}, ""),
    "numpy": (lambda state: {"model": state, "best": np.float64(3), "loss": np.ones(2, np.int8)}, ""),
    "numbers beside": (lambda state: {**state, "epoch": 3, "when": datetime.now()}, ""),
}


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_weights_that_fit_are_found_in_a_checkpoint_and_named(name, tmp_path):
    wrap, said = CHECKPOINTS[name]
    torch.manual_seed(0)
    source, target = (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
    )
    torch.save(wrap(source.state_dict()), tmp_path / "w.pt")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_file(target, tmp_path / "w.pt")
    for key, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[key], tensor)
    messages = [str(item.message) for item in caught if item.category is ItbenchWarning]
    assert len(messages) == bool(said)
    assert said in "".join(messages)


def test_two_sets_of_weights_that_cannot_be_told_apart_are_refused(tmp_path):
    network = nn.Linear(2, 2)
    torch.save({"model": network.state_dict(), "net": zeros(network.state_dict())}, tmp_path / "w.pt")
    with pytest.raises(NoWeights, match=r"several weights that fit the network and differ: model, net\."):
        load_file(nn.Linear(2, 2), tmp_path / "w.pt")


def test_the_closest_of_several_state_dicts_is_compared_with_the_network(tmp_path):
    state = nn.Linear(2, 2).state_dict()
    torch.save({"model_ema": {"other": torch.ones(3)}, "model": {**state, "extra": torch.ones(1)}}, tmp_path / "w.pt")
    with pytest.raises(NoWeights) as refused:
        load_file(nn.Linear(2, 2), tmp_path / "w.pt")
    assert refused.value.known == "1 unexpected: extra"


@pytest.mark.slow
def test_torchvisions_own_densenet_files_fit(tmp_path):
    import torchvision

    network = torchvision.models.densenet121(weights=None)
    old = {}
    for name, tensor in without_counters(network.state_dict()).items():
        block, layer, rest = name.partition("denselayer")
        old[block + layer + rest.replace("norm", "norm.").replace("conv", "conv.") if layer else name] = tensor
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "densenet121-a639ec97.pth")
    fresh = torchvision.models.densenet121(weights=None)
    load_file(fresh, tmp_path / "densenet121-a639ec97.pth")
    assert all(torch.equal(fresh.state_dict()[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.slow
def test_a_published_timm_file_is_loaded_as_timm_loads_it(tmp_path):
    import timm

    torch.manual_seed(0)
    published = timm.create_model("vit_tiny_patch16_224")
    with torch.no_grad():
        published.norm.weight.mul_(1.5)
    save_file(published.state_dict(), tmp_path / "model.safetensors")
    smaller = from_timm("vit_tiny_patch16_224", Weights("file", path=tmp_path / "model.safetensors"), img_size=96)
    expected = timm.create_model(
        "vit_tiny_patch16_224",
        pretrained=True,
        pretrained_cfg_overlay={"file": str(tmp_path / "model.safetensors")},
        img_size=96,
    )
    assert smaller.module.pos_embed.shape == (1, 37, 192)
    for name, tensor in expected.state_dict().items():
        torch.testing.assert_close(smaller.module.state_dict()[name], tensor)


def plain(kind):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 64, 5), nn.ReLU(), nn.Flatten(), nn.Linear(64, 100))
    if kind == "trained":  # sums of many updates: a few weights matter, most stay small
        for part in (network[0], network[3]):
            part.weight.data = torch.distributions.Laplace(0, 0.05).sample(part.weight.shape)
    return network


def norms(kind):
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8) if "batch" in kind else nn.GroupNorm(2, 8))
    if "trained" in kind:
        network.train()(torch.rand(4, 3, 9, 9))
        network[1].weight.data.mul_(0.9)
    if "folded" in kind:  # as converters leave it: the mean in the bias, the rest in the variance
        network[1].running_var.fill_(0.7)
    return network


@pytest.mark.parametrize(
    ("network", "untrained"),
    [
        (lambda: plain("random"), True),
        (lambda: plain("trained"), False),
        (lambda: norms("batch"), True),
        (lambda: norms("batch trained"), False),
        (lambda: norms("batch folded"), False),
        (lambda: norms("group"), True),
        (lambda: norms("group trained"), False),
        (lambda: build(TINY, Weights("random")).module, True),
        (lambda: build(TINY, Weights("pretrained")).module, False),
        pytest.param(lambda: build("alexnet", Weights("random")).module, True, marks=pytest.mark.slow),
    ],
    ids=["plain", "plain-t", "batch", "batch-t", "batch-f", "group", "group-t", "tiny", "tiny-t", "alexnet"],
)
def test_untrained_weights_are_told_from_trained_ones(network, untrained):
    assert looks_untrained(network()) is untrained


@pytest.mark.parametrize(("kind", "warned"), [("pretrained", True), ("random", False)])
def test_pretrained_weights_that_look_untrained_raise_a_warning(kind, warned):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with_weights("toy", lambda pretrained: norms("batch"), Weights(kind))
    assert [str(item.message) for item in caught if item.category is ItbenchWarning] == (
        ["The pretrained weights of toy look untrained: their values are those of a new network."] if warned else []
    )


class Whole(nn.Module):
    """A network that is saved as an object."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 2)


def zipped(name):
    with zipfile.ZipFile(name, "w") as archive:
        archive.writestr("saved_model.pb", b"1")
    return Path(name).read_bytes()


def saved(content, name="made.pt", **how):
    torch.save(content, name, **how)
    return Path(name).read_bytes()


OTHER_FILES = {
    "empty": (lambda: b"", "it is empty"),
    "text": (lambda: b"not weights", "it is text"),
    "lfs": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "it is a Git LFS pointer"),
    "page": (lambda: b"\n<!DOCTYPE html><html>", "it is a web page"),
    "half a zip": (lambda: b"PK\x03\x04 half a zip", "it is truncated or damaged"),
    "truncated": (lambda: saved({"weight": torch.ones(99)})[:700], "it is truncated or damaged"),
    "keras": (lambda: b"\x89HDF\r\n\x1a\n", "it is an HDF5"),
    "tensorflow": (lambda: zipped("made.zip"), "it is a zip archive of saved_model.pb"),
    "whole": (
        lambda: saved(Whole()),
        "a whole network, saved as an object, of the class tests.models.test_weights.Whole",
    ),
    "old whole": (lambda: saved(Whole(), _use_new_zipfile_serialization=False), "a whole network, saved as an object"),
    "script": (lambda: saved_script(), "it is a TorchScript module"),
    "list": (lambda: saved([("weight", torch.ones(2))]), "holds no state dict of tensors"),
    "none": (lambda: saved({}), "holds no state dict of tensors"),
}


def saved_script():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(nn.Linear(2, 2)).save("script.pt")
    return Path("script.pt").read_bytes()


@pytest.mark.parametrize("name", OTHER_FILES)
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_a_file_that_holds_no_weights_is_named_for_what_it_is(ending, name, tmp_path):
    make, said = OTHER_FILES[name]
    path = tmp_path / f"broken{ending}"
    path.write_bytes(make())
    with pytest.raises(NoWeights, match=f"broken{ending}") as refused:
        load_file(torch.nn.Linear(2, 2), path)
    assert said in str(refused.value)
    assert "weights_only" not in str(refused.value)


class Settings(dict):
    """A mapping of a trainer, as Lightning stores its settings in."""


def test_a_class_that_is_not_built_is_named(tmp_path):
    torch.save({"weight": torch.ones(2, 2), "settings": Settings(lr=1)}, tmp_path / "w.pt")
    with pytest.raises(NoWeights, match=r"objects beside tensors, of the class tests\.models\.test_weights\.Settings"):
        load_file(torch.nn.Linear(2, 2), tmp_path / "w.pt")


def test_code_in_a_file_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    torch.save({"weight": torch.ones(2, 2), "more": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(NoWeights, match=r"of the class exec\.") as refused:
        load_file(torch.nn.Linear(2, 2), tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()
    assert "weights_only" not in str(refused.value)


def test_random_weights_leave_the_callers_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    build(TINY, Weights("random", 7))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", pytest.param("mobilenetv2_100", marks=pytest.mark.slow)])
def test_pretrained_weights_out_of_reach_are_an_error_with_two_ways_on(name, toy, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, NOBODY)
    with pytest.raises(NoWeights, match="are not available") as refused:
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


NOBODY = "http://127.0.0.1:9"  # nobody listens there


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{"ITBENCH_OFFLINE": "1"}, {"HF_ENDPOINT": NOBODY}], ids=["offline", "no hub"])
def test_a_hub_cache_on_disk_is_found_without_a_network(environment, tmp_path):
    """As huggingface_hub lays it out: refs name a commit, its snapshot holds the files."""
    import timm

    torch.manual_seed(12)
    network = timm.create_model("resnet10t")
    cache = tmp_path / "hub" / "models--timm--resnet10t.c3_in1k"
    for folder in ("refs", "snapshots/abc123"):
        (cache / folder).mkdir(parents=True)
    (cache / "refs" / "main").write_text("abc123")
    save_file(network.state_dict(), cache / "snapshots" / "abc123" / "model.safetensors")
    code = (
        "from itbench import Weights, load_plugins\n"
        "model = load_plugins().model('timm/resnet10t').factory(Weights('pretrained'))\n"
        "print(model.identity['weights'])"
    )
    found = run_python(code, **environment, HF_HOME=str(tmp_path))
    assert found.returncode == 0, found.stderr
    fits = from_timm("resnet10t", Weights("file", path=cache / "snapshots" / "abc123" / "model.safetensors"))
    assert found.stdout.strip() == fits.identity["weights"]
    assert "look untrained" in found.stderr


@pytest.mark.slow
def test_tensorflow_padding_and_preprocessing_of_the_variant():
    images = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    variant, usual = (build(name, Weights("random")) for name in ("mobilenetv2_100_same", "mobilenetv2_100"))
    expected = images.transpose(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_allclose(variant.prepare(images).numpy(), expected, atol=1e-6)
    assert "Conv2dSame" in repr(variant.module)
    assert "Conv2dSame" not in repr(usual.module)
