"""What a suite would cost, before any of it is done."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from itbench.models.zoo import multiplications_per_second, weights_file
from itbench.plugins import load_plugins
from itbench.sweeps.estimate import estimate
from itbench.sweeps.suite import Suite, plan_suite


def test_the_multiplications_of_a_network_are_those_that_torch_counts():
    from torchvision.models import resnet18

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        resnet18()(torch.zeros(1, 3, 224, 224))
    found = weights_file("resnet18", "torchvision IMAGENET1K_V1")
    assert found.multiplications == pytest.approx(counter.get_total_flops() / 2, rel=0.01)


@pytest.mark.parametrize(
    ("model", "source", "name"),
    [
        ("resnet50", "torchvision IMAGENET1K_V1", "resnet50-0676ba61.pth"),
        ("torchvision/resnet50.IMAGENET1K_V2", "torchvision", "resnet50-11ad3fa6.pth"),
        ("pnasnet5large", "timm tf_in1k", "timm/pnasnet5large.tf_in1k"),
        ("timm/resnet10t", "timm", "timm/resnet10t.c3_in1k"),
        ("a-name-of-its-own", "timm lvd142m", "timm's weights of a-name-of-its-own"),
    ],
)
def test_the_file_of_published_weights_is_named(model, source, name):
    assert weights_file(model, source).name == name


@pytest.mark.parametrize(("model", "source"), [("pixels", "itbench"), ("mine", ""), ("mine", "torchvision")])
def test_a_model_of_no_package_has_no_published_weights(model, source):
    assert weights_file(model, source) is None


def test_weights_that_are_here_are_seen(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert not weights_file("resnet18", "torchvision IMAGENET1K_V1").cached
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "resnet18-f37072fd.pth").touch()
    assert weights_file("resnet18", "torchvision IMAGENET1K_V1").cached


def test_weights_of_timm_that_are_here_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert not weights_file("timm/resnet10t", "timm").cached
    repository = tmp_path / "models--timm--resnet10t.c3_in1k"
    for part, text in (("refs/main", "abc"), ("snapshots/abc/model.safetensors", "")):
        (repository / part).parent.mkdir(parents=True)
        (repository / part).write_text(text)
    assert weights_file("timm/resnet10t", "timm").cached


def test_this_machine_multiplies():
    assert 1e8 < multiplications_per_second("cpu") < 1e16


@pytest.fixture
def resnet18():
    return weights_file("resnet18", "torchvision IMAGENET1K_V1")


def estimated(toy, rows):
    registry = load_plugins()
    suite = toy.parent / "s.yaml"
    suite.write_text(f"{{benchmark: {toy}, rows: [{rows}]}}")
    return estimate(plan_suite(registry, Suite.read(suite)), toy.parent / "scores", 0)


def test_a_network_runs_once_for_all_its_rows(toy, resnet18):
    rows = "{model: resnet18, layers: [layer1]}, {model: resnet18, layers: [layer1], metric: ols}"
    found = estimated(toy, f"{rows}, {{model: resnet18, layers: [layer2, layer3]}}")
    assert found.multiplications == 80 * resnet18.multiplications
    assert found.disk == pytest.approx(resnet18.size + 3 * 4 * 80 * 81)


def test_pretrained_and_random_weights_are_two_networks(toy, resnet18):
    found = estimated(toy, "{model: resnet18, layers: [layer1]}, {model: resnet18, weights: random, layers: [layer1]}")
    assert found.multiplications == 2 * 80 * resnet18.multiplications


def test_learning_costs_three_passes_an_epoch_in_every_split_and_member(toy, resnet18):
    found = estimated(toy, "{model: finetuned/resnet18, recipe: {epochs: 5, members: 2}}")
    networks = 4 * 2  # folds and members
    assert found.multiplications == networks * (1 + 3 * 5) * 80 * resnet18.multiplications
    assert found.disk == pytest.approx((1 + networks) * resnet18.size)


@pytest.mark.parametrize(
    ("splits", "n"),
    [
        ("{kind: leave-group-out, group: category}", 2),
        ("{kind: kfold, folds: 2, group: category}", 2),
        ("{kind: file, path: a.json}", 3),
    ],
)
def test_learning_is_counted_for_every_split_there_is(toy, resnet18, splits, n):
    (toy.parent / "a.json").write_text(json.dumps({f"image{row:03d}": row % 3 for row in range(80)}))
    toy.write_text(f"name: toy\ndata: toy\nsplits: {splits}\n")
    found = estimated(toy, "{model: finetuned/resnet18, recipe: {epochs: 5, members: 1}}")
    assert found.multiplications == n * (1 + 3 * 5) * 80 * resnet18.multiplications


def test_layers_of_what_has_learnt_are_kept_for_every_split(toy, resnet18):
    found = estimated(toy, "{model: classifier/resnet18, layers: [core.layer1]}")
    assert found.disk == pytest.approx((1 + 4) * resnet18.size + 4 * 4 * 80 * 81)


def test_rows_of_unknown_cost_are_counted_and_pixels_cost_nothing(toy):
    found = estimated(toy, "{model: toy-net, weights: random}, {model: pixels}")
    assert (found.unknown, found.multiplications) == (1, 0)
