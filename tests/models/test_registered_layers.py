"""Layers that a plugin registers are the candidates of a network, core or trainable that names none."""

import pytest

from itbench import load_plugins, score
from itbench.models.weights import Weights
from itbench.training.trainable_model import trainable_spec
from tests.kit.commands import run

PLUGIN = """
from collections import OrderedDict

from itbench import hookimpl


@hookimpl
def itbench_models(register):
    register("unnamed", unnamed, layers=("relu", "second"), weights=("random",))
    register("named", named, layers=("relu", "second"), weights=("random",))
    register("learner", learner, layers=("1",), recipe="learner.yaml", metric="direct", weights=("random",))
    register("on/*", on, recipe="learner.yaml", metric="direct", weights=("random",))


def body():
    from torch import nn

    parts = OrderedDict(first=nn.Conv2d(3, 4, 3), relu=nn.ReLU(), second=nn.Conv2d(4, 4, 3), flat=nn.Flatten())
    return nn.Sequential(parts)


def unnamed(weights):
    from itbench import Network, resized, with_weights

    return Network(with_weights("unnamed", lambda pretrained: body(), weights), resized(8))


def named(weights):
    from itbench import Network, resized, with_weights

    return Network(with_weights("named", lambda pretrained: body(), weights), resized(8), layers=("first",))


def learner(weights):
    from torch import nn

    from itbench import TrainableNetwork, resized

    def build(sites, classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.ReLU(), nn.Linear(5, sites))

    return TrainableNetwork(build, resized(8))


def on(core):
    from itbench import linear_head, with_heads

    return with_heads(core, "", lambda shape, sites, classes: {"responses": linear_head(shape, sites)})
"""


@pytest.fixture
def registry(home, tmp_path):
    (tmp_path / "learner.yaml").write_text("{}\n")
    (tmp_path / "plugin.py").write_text(PLUGIN)
    return load_plugins([tmp_path / "plugin.py"])


def test_registered_layers_come_before_those_found_by_depth_and_after_those_named(registry):
    layers = {name: registry.model(name).make(Weights("random")).layers for name in ("unnamed", "named")}
    assert layers == {"unnamed": ("relu", "second"), "named": ("first",)}


def test_a_score_and_the_listing_have_the_registered_layers(registry, toy, tmp_path):
    plugin = str(tmp_path / "plugin.py")
    scored = score("unnamed", str(toy), weights="random", plugins=[plugin])
    assert list(scored.layer.values) == ["relu", "second"]
    listed = run("layers", "unnamed", "--plugin", plugin).stdout.splitlines()
    assert [line.split("|")[1].strip() for line in listed if "yes" in line] == ["relu", "second"]


def test_a_trainable_has_its_registered_layers_and_those_of_its_core(registry):
    learner = trainable_spec(registry, registry.model("learner"), "random").make()
    assert learner.untrained(2, 2).layers == ("1",)
    assert learner.untrained(2, 2, members=2).layers == ("members.0.1",)
    headed = trainable_spec(registry, registry.model("on/unnamed"), "random").make()
    assert headed.untrained(2, 2).layers == ("core.relu", "core.second")
