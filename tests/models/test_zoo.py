"""Any network of torchvision or timm, by name: layers found, candidates spread over depth, weights by tag."""

import warnings

import numpy as np
import pytest
import torch

from itbench import load_plugins
from itbench.api.score import score_model
from itbench.errors import UnknownName
from itbench.models.weights import Weights
from itbench.models.zoo import from_timm, from_torchvision
from tests.kit.commands import run, run_python

NAMES = {
    "torchvision/squeezenet1_1": 8,
    "torchvision/mobilenet_v3_small": 8,
    "torchvision/vgg11": 8,
    "timm/resnet10t": 8,
    "timm/vit_tiny_patch16_224": 8,
    "timm/convnext_atto": 5,
    "timm/swin_s3_tiny_224": 6,
    "timm/mixer_s32_224": 8,
    "timm/xcit_nano_12_p16_224": 8,
    "timm/efficientformer_l1": 5,
    "timm/coat_lite_tiny": 8,
}


@pytest.fixture(scope="module")
def registry():
    return load_plugins()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_default_candidates_give_tensors_from_early_to_late(name, registry):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = registry.model(name).factory(Weights("random"))
    shapes = model.shapes(np.zeros((64, 64, 3), np.uint8))
    assert len(model.layers) >= 4
    assert len(model.layers) <= 8
    assert all(isinstance(shapes[layer], tuple) for layer in model.layers)
    ran = []
    for layer in model.layers:
        model.module.get_submodule(layer).register_forward_hook(lambda *_, layer=layer: ran.append(layer))
    with torch.inference_mode():
        model.module(model.prepare(np.zeros((1, 64, 64, 3), np.uint8)))
    assert list(dict.fromkeys(ran)) == list(model.layers)


def test_the_classifier_is_no_candidate(registry):
    model = registry.model("timm/resnet10t").factory(Weights("random"))
    assert "fc" in dict(model.module.named_modules())
    assert "fc" not in model.layers
    assert {"layer1", "layer2", "layer3", "layer4"} <= set(model.layers)


@pytest.mark.slow
def test_a_member_of_a_family_scores_under_its_whole_name(toy):
    score = score_model("timm/resnet10t", str(toy), weights="random", layers=["layer?", "layer1+layer4"])
    assert score.attrs["model"] == "timm/resnet10t"
    assert list(score.layer.values) == ["layer1", "layer2", "layer3", "layer4", "layer1+layer4"]
    assert int(score.n_features[4]) == int(score.n_features[0] + score.n_features[3])
    assert "/" not in score.attrs["file_stem"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("timm/resnet19", "Did you mean resnet1"),
        ("torchvision/resnet5", "Did you mean resnet5"),
        ("torchvision/resnet50.IMAGENET", "Did you mean resnet50.IMAGENET1K_V"),
        ("timn/resnet18", "unknown model 'timn/resnet18'"),
    ],
)
def test_a_mistyped_member_is_named_with_its_nearest(name, said, registry):
    with pytest.raises(UnknownName, match=said.replace(".", r"\.")):
        registry.model(name)


@pytest.mark.slow
def test_a_tag_chooses_the_weights_whose_preprocessing_is_used():
    old, new = (
        from_torchvision("resnet50", Weights("random"), tag=tag).identity["preprocessing"]
        for tag in ("IMAGENET1K_V1", "IMAGENET1K_V2")
    )
    assert "resize_size=[256]" in old
    assert "resize_size=[232]" in new


def test_the_size_that_a_timm_network_is_built_for_is_that_of_its_images():
    network = from_timm("vit_tiny_patch16_224", Weights("random"), img_size=96)
    assert network.prepare(np.zeros((1, 300, 200, 3), np.uint8)).shape == (1, 3, 96, 96)


def test_families_are_searched_by_pattern():
    found = run("models", "timm/*resnet10*", "--json")
    assert '"timm/resnet10t"' in found.stdout
    assert '"timm/resnet10t.c3_in1k"' in found.stdout
    assert "resnet50" not in found.stdout
    assert '"torchvision/resnet50.IMAGENET1K_V1"' in run("models", "torchvision/resnet50*", "--json").stdout
    missed = run("models", "timm/nothing*")
    assert missed.exit_code == 1
    assert "No model matches" in missed.stderr


@pytest.mark.slow
def test_a_search_without_a_prefix_opens_no_family():
    code = "import sys\nfrom itbench.cli import main\nmain(['models', '*res*'], standalone_mode=False)\n"
    done = run_python(code + "assert 'torch' not in sys.modules and 'timm' not in sys.modules")
    assert done.returncode == 0, done.stderr
    assert "resnet50" in done.stdout


def test_a_family_cannot_be_scored_as_a_whole(registry):
    with pytest.raises(UnknownName, match=r"^timm/\* is a family of models\.\nName one of them: itbench models"):
        registry.model("timm/*")


def test_a_family_needs_names_and_only_a_family_has_them():
    from itbench.registry import ModelEntry

    for name, names in (("family/*", None), ("single", list)):
        with pytest.raises(TypeError, match="a family of models is called"):
            ModelEntry(name, print, names=names)


@pytest.mark.slow
def test_recordings_that_are_not_exact_to_8_bits_reach_networks_as_floats():
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    for network in (
        from_torchvision("alexnet", Weights("random"), tag="IMAGENET1K_V1"),
        from_timm("resnet10t", Weights("random")),
    ):
        exact, floats = network.prepare(images), network.prepare(images.astype(np.float32) + 0.25)
        assert floats.shape == exact.shape
        step = 1 / 255 / 0.226  # one of 256 levels, over ImageNet's standard deviation
        assert float((floats - exact).mean()) == pytest.approx(0.25 * step, abs=0.1 * step)  # Pillow rounds to levels
