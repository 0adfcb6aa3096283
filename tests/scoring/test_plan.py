"""What a run is: models, weights and layers by name, several models at once."""

from dataclasses import dataclass, replace

import pytest

from itbench import BadOption
from itbench.errors import NoWeights, UnknownName
from itbench.plugins import load_plugins
from itbench.registry import MetricEntry, ModelEntry, Registry
from itbench.scoring.plan import plan_run


@dataclass(frozen=True)
class Joint:
    form = "joint"


@dataclass(frozen=True)
class Single:
    pass


@pytest.fixture
def registry(toy):
    entries = [ModelEntry("net", print), ModelEntry("other", print), ModelEntry("plain", print, weights=())]
    entries.append(ModelEntry("c++", print))  # the name of one model
    metrics = [MetricEntry("ridge", Single), MetricEntry("stacked", Joint), MetricEntry("both", Joint)]
    own = load_plugins()
    return Registry({entry.name: entry for entry in entries}, {entry.name: entry for entry in metrics}, own.benchmarks)


def plan(registry, model, **how):
    return plan_run(registry, model, "synthetic-it", **how)


def test_two_models_are_one_run_of_a_metric_that_reads_them_together(registry):
    run = plan(registry, "net+plain", weights="random", seed=2)
    assert run.metric.name == "stacked"
    assert run.about == {
        "model": "net+plain",
        "weights": "random-2+none",
        "benchmark": "synthetic-it",
        "metric": "stacked",
    }
    assert [run.layer_name(spec, "x") for spec in run.models] == ["net:x", "plain:x"]


def test_one_model_has_the_benchmarks_metric_and_its_own_names_of_layers(registry):
    run = plan(registry, "net", layers=["a", "b", "a"])
    assert run.metric.name == "ridge"
    assert run.layers == ("a", "b")
    assert [spec.name for spec in plan(registry, "c++").models] == ["c++"]


def test_each_model_has_its_weights(registry, tmp_path):
    file = tmp_path / "w.pt"
    file.touch()
    kinds = [spec.weights.kind for spec in plan(registry, "net+other", weights=f"{file}+random").models]
    assert kinds == ["file", "random"]
    one = plan(registry, "net+plain", weights=str(file))
    assert [spec.weights.kind for spec in one.models] == ["file", "none"]


def test_layers_are_named_with_their_model(registry):
    run = plan(registry, "net+plain", layers=["plain:x", "net:a.*", "net:b:c"])
    assert [spec.layers for spec in run.models] == [("a.*", "b:c"), ("x",)]
    assert run.layers == ("net:a.*", "net:b:c", "plain:x")


@pytest.mark.parametrize(
    ("model", "how", "error", "said"),
    [
        ("net+plain", {"metric": "ridge"}, BadOption, "choose one of both, stacked"),
        ("net+net", {}, BadOption, "names a model twice"),
        ("net+nte", {}, UnknownName, "Did you mean net"),
        ("net+other", {"weights": "FILE"}, BadOption, "--weights FILE+random"),
        ("net+plain", {"weights": "a+b+c"}, BadOption, "--weights FILE+random"),
        ("net+plain", {"layers": ["x"]}, UnknownName, "-l MODEL:LAYER"),
        ("net+plain", {"layers": ["nte:x"]}, UnknownName, "Did you mean net"),
        ("net+other", {"weights": "random+nowhere.pt"}, BadOption, "nowhere.pt"),
    ],
)
def test_what_cannot_be_is_refused(registry, model, how, error, said):
    with pytest.raises(error) as refused:
        plan(registry, model, **how)
    assert said in str(refused.value)


def test_weights_that_a_model_lacks_are_refused(registry):
    only = Registry({"net": ModelEntry("net", print, weights=("random",))}, registry.metrics, registry.benchmarks)
    with pytest.raises(NoWeights, match="no pretrained weights"):
        plan(only, "net")


def test_names_that_are_too_long_for_a_file_are_refused_before_any_work(registry):
    bench = registry.benchmarks["synthetic-it"]
    for length in (300, 250):
        with pytest.raises(
            BadOption, match=r"names of models, .* are too long for a file: \d+ bytes(.|\n)*at most \d+ bytes"
        ):
            plan_run(registry, "plain", replace(bench, name="x" * length))
    with pytest.raises(BadOption, match="too long for a file"):
        plan_run(registry, "plain", replace(bench, name="é" * 130))  # two bytes each
    assert plan_run(registry, "plain", replace(bench, name="x" * 100)).benchmark.name == "x" * 100
