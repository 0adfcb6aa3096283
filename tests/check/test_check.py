"""itbench check: a plugin that breaks a rule fails at exactly that rule, and all of our own keep them."""

import json
import mmap
import time
from dataclasses import asdict, replace
from functools import cache, partial

import numpy as np
import pytest

from itbench.check.checked_model import PeakMemory, difference, resident
from itbench.check.findings import PASS, SKIPPED, WARNING, CheckFailed, FreshProcess
from itbench.check.fresh_process import run_fresh_process
from itbench.check.metric_checks import check_metric
from itbench.check.model_checks import MODEL_CHECKS, check_model
from itbench.check.targets import check_targets, default_weights, find_targets
from itbench.plugins import load_plugins
from tests.kit.commands import ROOT
from tests.kit.halved_networks import NETWORKS, PREFIX, make_halved
from tests.kit.workers import folder_of_all_workers

KIT = ROOT / "tests" / "kit"
OWN = load_plugins()
SINGLE = [name for name, entry in OWN.models.items() if entry.names is None and not entry.trainable]

MODELS = [
    ("no factory", "factory", "KeyError: 'no such file'"),
    ("no model", "factory", "without layers, device, class_token"),
    ("other candidates", "candidates", "y in one only"),
    ("wrong layer", "layers", "unknown layer 'features'"),
    ("whole batch", "layers", "shape (300,)"),
    ("features first", "images first", "gives shape (300, 2) for 2 images"),
    ("spectrum", "real numbers", "complex numbers"),
    ("of the process", "fingerprint", "other activations under the same identity"),
    ("no arrays", "layers", "layer 'x' comes as a list"),
    ("more than asked", "layers", "asked for 'x', got 'x', 'y'"),
    ("identity lacks", "identity", "lacks preprocessing or function"),
    ("address", "identity", "memory address"),
    ("training", "eval mode", "drop"),
    ("gradients", "eval mode", "linear.weight"),
    ("dropout", "repeats", "a random number without a seed?"),
    ("batch norm", "batch", "Alone and in a batch, layer 'x' differs"),
    ("place in batch", "batch", "Alone and in a batch, layer 'x' differs"),
    ("overwritten", "layer alone", "overwrites what a hook caught"),
    ("one buffer", "arrays kept", "change when the model runs again"),
    ("images in place", "images kept", "changed in place"),
    ("nan", "finite", "NaN or infinity in x"),
    ("contrast", "any image", "black gives NaN"),
    ("of one size", "any image", "32 × 32: ValueError"),
    ("another each time", "made twice", "identity differs in function"),
    ("unseeded weights", "made twice", "is every random number seeded?"),
    ("hash", "other process", "identity differs in function"),
    ("seed not in identity", "seed", "the same identity"),
    ("seed not in values", "seed", "but no activation"),
    ("precision", "precision", "the same in bfloat16"),
]
DOUBTFUL_MODELS = [
    ("calls", "calls", "runs 1 to 4 times"),
    ("no candidates", "candidates", "name its layers with -l"),
    ("shared memory", "arrays kept", "x and rectified share memory"),
    ("dead", "alive", "the same for different images: x"),
    ("bytes only", "float images", "takes bytes only: TypeError"),
    ("bytes scaled", "float images", "layer 'x' differs"),
]
METRICS = [
    ("demanding", "options", "'depth'"),
    ("turned", "result", "predictions have the shape (6, 40), not (40, 6)"),
    ("infinite", "result", "predictions hold NaN or infinity"),
    ("no reading", "result", "a ndarray, not an itbench.ReadoutResult"),
    ("chance", "repeats", "predictions differ called twice"),
    ("writes", "inputs kept", "the responses changed in place"),
    ("test mean", "test rows", "centre and scale must come from training rows only"),
    ("whole mean", "other rows", "rows outside training and test"),
    ("first site", "sites", "in another order"),
    ("in sample", "inner predictions", "follows its own response by 10"),
    ("own mean", "inner predictions", "follows its own response by 0.7%"),
]
COMPARISONS = [
    ("no comparing", "numbers", "a float, not an itbench.ComparisonResult"),
    ("few groups", "numbers", "without has the shape (49,), not (50,)"),
    ("hollow", "numbers", "NaN or infinite"),
    ("dice", "repeats", "values differ called twice"),
    ("centres", "inputs kept", "the Gram changed in place"),
    ("first image", "order", "in another order"),
    ("worst", "rating", "1 is not rated highest"),
    ("one rating", "rating", "the shape (3,), not (3, 2)"),
    ("divides", "predictions", "NaN or infinity where a site has no feature"),
    ("lying", "predictions", "the shape (6, 40), not (40, 6)"),
]
DOUBTFUL_METRICS = [
    ("unmoved", "relation", "0.50 of linear sites, 0.50 of shuffled ones"),
    ("mean", "signal", "EV -0.00 from features"),
    ("silent", "options", "no help for depth"),
    ("units", "units", "features times 0.001 give other predictions"),
    ("constant", "signal", "EV -0.00 of linear sites"),
]


@cache
def broken():
    """Return a report of every plugin that breaks a rule, by name."""
    files = [KIT / f"broken_{kind}.py" for kind in ("models", "metrics", "comparisons")]
    reports = [report for file in files for report in check_targets(find_targets(str(file)))]
    return {report.name: report for report in reports}


def findings(name):
    return {finding.check: finding for finding in broken()[name].findings}


@pytest.mark.parametrize(("name", "check", "seen"), MODELS + METRICS + COMPARISONS, ids=lambda value: value)
def test_a_plugin_that_breaks_a_rule_fails_at_exactly_that_rule(name, check, seen):
    assert broken()[name].failed == (check,)
    assert seen in findings(name)[check].seen
    assert not [finding for finding in findings(name).values() if finding.result == WARNING]


@pytest.mark.parametrize(("name", "check", "seen"), DOUBTFUL_MODELS + DOUBTFUL_METRICS, ids=lambda value: value)
def test_what_an_author_should_know_is_a_warning(name, check, seen):
    assert broken()[name].failed == ()
    assert [finding.check for finding in findings(name).values() if finding.result == WARNING] == [check]
    assert seen in findings(name)[check].seen


@pytest.mark.parametrize("name", ["good", "k-fold", "alike", "linear"])
def test_a_plugin_that_keeps_the_rules_passes(name):
    assert {finding.result for finding in findings(name).values()} <= {PASS, SKIPPED}


def test_every_rule_for_models_and_metrics_is_seen_broken():
    kept = ("k-fold", "alike", "linear")
    rules = {check.name for check in MODEL_CHECKS} | {
        finding.check for name in kept for finding in broken()[name].findings
    }
    seen = {check for _, check, _ in MODELS + DOUBTFUL_MODELS + METRICS + COMPARISONS + DOUBTFUL_METRICS}
    assert rules - seen == {"listing", "cost"}  # the first has a test below, the second judges nothing


def test_what_follows_from_a_fault_is_skipped_and_says_from_which():
    assert findings("no factory")["layers"].seen == "needs 'factory'"
    assert findings("no factory")["batch"].result == SKIPPED
    assert findings("dropout")["batch"].seen == "needs 'repeats'"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "culprit"),
    [
        ("import sys\n\nfrom torch import nn\n", "torch (line 3 of heavy.py)"),
        ("import itbench\n\nitbench.Network\n", "torch (line 3 of heavy.py)"),
    ],
)
def test_a_plugin_that_imports_a_framework_when_it_is_listed_is_named_with_the_line(code, culprit, home):
    good = (KIT / "broken_metrics.py").read_text()
    (home.parent / "work" / "heavy.py").write_text(code + good.split('"""', 2)[2])
    targets = find_targets("heavy.py")
    fresh = run_fresh_process(targets.plugin_files, {})
    report = check_metric(targets.registry.metric("k-fold"), lambda: fresh)
    assert report.failed == ("listing",)
    assert f"loading the plugin imports {culprit}" in report.findings[0].seen
    assert check_metric(targets.registry.metric("ridge"), lambda: fresh).failed == ()  # of another plugin


def test_a_package_answers_for_what_its_own_init_imports(tmp_path):
    package = tmp_path / "package"
    fresh = FreshProcess({"jax": [(str(tmp_path / "other.py"), 2), (str(package / "__init__.py"), 4)]}, {})
    with pytest.raises(CheckFailed, match=r"imports jax \(line 4 of __init__.py\)"):
        fresh.require_light(str(package / "deep" / "plugin.py"))
    assert fresh.require_light(str(tmp_path / "third" / "plugin.py"))


@pytest.mark.slow
def test_a_process_that_dies_is_a_fault_and_says_how(home):
    code = (
        "import os\nfrom itbench import hookimpl\n@hookimpl\ndef itbench_models(register):\n"
        "    register('dies', lambda weights: os._exit(3), weights=())\n"
    )
    (home.parent / "work" / "dies.py").write_text(code)
    targets = find_targets("dies.py")
    with pytest.raises(CheckFailed, match="ends with 3"):
        run_fresh_process(targets.plugin_files, {"dies": default_weights(targets.models[0])})


@pytest.fixture(scope="module")
def own_fresh(tmp_path_factory):
    """What one other process sees of our own models, of large networks on inputs of half the width."""
    names = {name: PREFIX + name for name in NETWORKS}

    def inspect():
        with folder_of_all_workers(tmp_path_factory, "own-models") as folder:
            path = folder / "fresh.json"
            if not path.exists():
                weights = {names.get(name, name): default_weights(OWN.models[name]) for name in SINGLE}
                path.write_text(json.dumps(asdict(run_fresh_process([KIT / "halved_networks.py"], weights))))
            seen = json.loads(path.read_text())
        for part in (seen["identities"], seen["fingerprints"]):
            part |= {name: part[other] for name, other in names.items()}
        return FreshProcess(**seen)

    return cache(inspect)


@pytest.mark.slow
@pytest.mark.parametrize("name", SINGLE)
def test_our_own_models_keep_every_rule(name, own_fresh):
    entry = OWN.models[name]
    if name in NETWORKS:
        entry = replace(entry, factory=partial(make_halved, name))
    report = check_model(entry, default_weights(entry), own_fresh)
    odd = [finding for finding in report.findings if finding.result not in (PASS, SKIPPED)]
    assert not odd
    skipped = {finding.check for finding in report.findings if finding.result == SKIPPED}
    assert skipped <= ({"seed", "eval mode", "calls"} if not entry.weights else set())


@pytest.fixture(scope="module")
def own_listing():
    """What one other process sees that only loads our own plugins."""
    return cache(lambda: run_fresh_process((), {}))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(OWN.metrics))
def test_our_own_metrics_keep_every_rule(name, own_listing):
    report = check_metric(OWN.metrics[name], own_listing)
    assert {finding.result for finding in report.findings} <= {PASS, SKIPPED}
    assert [finding.check for finding in report.findings if finding.result == SKIPPED] == (
        ["units"] if name == "brainscore-ridge" else []
    )


@pytest.mark.parametrize("name", list(OWN.benchmarks))
def test_our_own_benchmarks_keep_every_rule(name):
    (report,) = check_targets(find_targets(name, kind="benchmark"))
    results = {finding.check: finding.result for finding in report.findings}
    assert {results["file"], results["metric"], results["metadata"]} == {PASS}
    assert set(results.values()) <= {PASS, SKIPPED}  # the recordings are not here


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1.0, -4.0], [1.0, -4.0], 0.0),
        ([1.0, -4.0], [1.0, -3.0], 0.25),
        ([np.nan, 2.0], [np.nan, 1.0], 0.5),
        ([np.nan, 2.0], [1.0, 2.0], np.inf),
        ([np.inf, 2.0], [np.inf, 2.0], 0.0),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([0.0, 0.0], [0.0, 1e-9], np.inf),
    ],
)
def test_a_difference_is_in_units_of_the_largest_activation(first, second, expected):
    assert difference(np.array(first), np.array(second)) == expected


def test_the_peak_of_memory_is_seen_though_it_is_freed_again():
    with PeakMemory(resident()) as memory:
        held = mmap.mmap(-1, 2**27)  # memory from the system: numpy's could be that of an earlier test
        np.frombuffer(held, np.uint8)[:] = 1
        time.sleep(0.1)
        del held
    assert 0.9 * 2**27 < memory.growth < 1.5 * 2**27
