"""itbench check on the command line: what a name or a file stands for, benchmarks, tables, JSON, exit codes."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from safetensors.torch import save_file

from itbench import Weights
from itbench.check.findings import FAIL, SKIPPED, WARNING
from itbench.check.model_checks import MODEL_CHECKS
from itbench.check.targets import check_targets, find_targets
from itbench.data.recordings_file import write_recordings
from itbench.data.stimuli import StimulusSet
from itbench.plugins import load_plugins
from tests.kit.commands import ROOT, run
from tests.kit.toy import toy_recordings

SAME_NAME = """
from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    register("ridge", lambda weights: FunctionModel(lambda x: {"x": x}, layers=("x",), identity="x"), weights=())
"""
BENCHMARK_HOOK = """

@hookimpl
def itbench_benchmarks(register):
    register("toy.yaml")
"""


def benchmark_findings(toy):
    (report,) = check_targets(find_targets(str(toy)))
    return report, {finding.check: finding for finding in report.findings}


def test_a_benchmark_whose_recordings_are_here_is_checked_whole(toy):
    report, found = benchmark_findings(toy)
    assert report.failed == ()
    assert found["recordings"].seen == "80 images, 5 sites, repetitions: 4; the file is intact"
    assert found["splits"].seen == "4 splits of 60 to train and 20 to test"
    assert found["sites"].seen == "5 of 5 sites can be scored"
    assert found["metadata"].result == WARNING
    assert found["metadata"].seen == "without description, region, citation, licence"


@pytest.mark.parametrize(
    ("line", "check", "seen"),
    [
        ("metric: rigde", "metric", "Did you mean ridge?"),
        ("splits: {kind: kfold, folds: 60}", "splits", "60 folds of 80 stimuli"),
        ("splits: {kind: provided}", "splits", "unknown stimulus coordinate 'split'"),
    ],
)
def test_a_benchmark_that_breaks_a_rule_fails_at_exactly_that_rule(line, check, seen, toy):
    kept = [other for other in toy.read_text().splitlines() if other.split(":")[0] != line.split(":")[0]]
    toy.write_text("\n".join([*kept, line]))
    report, found = benchmark_findings(toy)
    assert report.failed == (check,)
    assert seen in found[check].seen


def test_recordings_that_are_damaged_or_hold_an_image_twice_fail(toy, home, monkeypatch):
    twice = toy_recordings()
    twice.stimuli.images[7] = twice.stimuli.images[3]
    with monkeypatch.context() as patch:  # what writes them refuses such images; other writers may not
        patch.setattr(StimulusSet, "duplicates", lambda self: [])
        write_recordings(twice, home / "data" / "toy.h5")
    report, found = benchmark_findings(toy)
    assert report.failed == ("images",)
    assert "image003 = image007" in found["images"].seen
    with h5py.File(home / "data" / "toy.h5", "r+") as file:
        file["responses"][0, 0, 0] += 1
    report, found = benchmark_findings(toy)
    assert report.failed == ("recordings",)
    assert found["images"].result == SKIPPED


def test_sites_that_cannot_be_scored_are_counted(toy, home):
    silent = toy_recordings()
    silent.responses[:, 5, 2] = np.nan
    write_recordings(silent, home / "data" / "toy.h5")
    report, found = benchmark_findings(toy)
    assert report.failed == ()
    assert found["sites"].seen.startswith("4 of 5 sites can be scored")


def test_how_images_and_responses_were_joined_is_said(toy, home):
    packed = toy_recordings()
    about = {"responses": "rates.nc", "images": "photos"}
    write_recordings(replace(packed, about={**about, "joined": "responses: by name"}), home / "data" / "toy.h5")
    assert benchmark_findings(toy)[1]["labels"].seen == "responses: by name"
    write_recordings(replace(packed, about=about), home / "data" / "toy.h5")  # as a former version did
    found = benchmark_findings(toy)[1]["labels"]
    assert (found.result, found.seen[:35]) == (WARNING, "rates.nc was packed by a version tha"[:35])


def test_recordings_that_are_not_here_are_not_made(home):
    (report,) = check_targets(find_targets("synthetic-it"))
    found = {finding.check: finding for finding in report.findings}
    assert found["recordings"].result == found["splits"].result == SKIPPED
    assert "a check fetches nothing" in found["recordings"].seen
    assert not (home / "data").exists()


@pytest.mark.slow
def test_a_file_is_checked_with_all_that_it_registers(toy, home):
    (home / "both.py").write_text(SAME_NAME.replace("ridge", "x") + BENCHMARK_HOOK)
    reports = list(check_targets(find_targets(str(home / "both.py"))))
    names = [(report.kind, report.name) for report in reports]
    assert names == [("plugin", "both.py"), ("model", "x"), ("benchmark", "toy")]


@pytest.mark.slow
def test_the_command_prints_a_table_and_exits_1_if_a_check_fails(toy):
    assert run("check", "toy").exit_code == 0
    failed = run("check", "toy-nan")
    assert failed.exit_code == 1
    assert failed.stdout.startswith("model toy-nan, weights none\n\n| check ")
    assert failed.stderr.endswith("Error: Failed: model toy-nan: finite.\n")


@pytest.mark.slow
def test_json_holds_what_the_table_does(toy):
    done = run("check", "toy-nan", "--json")
    assert done.exit_code == 1
    (report,) = json.loads(done.stdout)
    assert [report["kind"], report["name"], report["weights"]] == ["model", "toy-nan", "none"]
    assert [row["check"] for row in report["findings"]] == [check.name for check in MODEL_CHECKS]
    assert {row["check"] for row in report["findings"] if row["result"] == FAIL} == {"finite"}


@pytest.mark.slow
def test_layers_and_weights_are_those_asked_for(toy, home):
    model = load_plugins().models["toy-net"].factory(Weights("random", 4))
    save_file(model.module.state_dict(), home / "four.safetensors")
    done = run("check", "toy-net", "--weights", home / "four.safetensors", "-l", "sec*", "--json")
    found = {row["check"]: row for row in json.loads(done.stdout)[0]["findings"]}
    assert found["factory"]["seen"].endswith("weights four.safetensors")
    assert found["layers"]["seen"].startswith("1 layer,")
    assert found["seed"]["result"] == SKIPPED


@pytest.mark.slow
def test_a_layer_that_is_not_there_fails_and_names_its_neighbour(toy):
    done = run("check", "toy-net", "-l", "secund")
    assert done.exit_code == 1
    assert "unknown layer 'secund'. Did you mean second?" in done.stdout


@pytest.mark.slow
def test_weights_that_are_not_there_are_an_error(toy):
    done = run("check", "toy-net", "--weights", "nowhere.pt")
    assert done.exit_code == 1
    assert "No weights 'nowhere.pt'" in done.stderr
    done = run("check", "toy-net", "--weights", "pretrained")
    assert done.exit_code == 1
    assert "are not available: OSError: no route to host" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ridge"], "'ridge' is a model and a metric.\nSay which: itbench check ridge --kind model"),
        (["ridg"], "unknown model, metric or benchmark 'ridg'.\nDid you mean ridge?"),
        (["pixels", "--kind", "metric"], "unknown metric 'pixels'"),
        (["nowhere.py"], "No plugin file"),
        (["nowhere.yaml"], "Cannot read the benchmark file"),
    ],
)
def test_a_target_that_is_nothing_or_more_than_one_thing_is_refused(arguments, message, home):
    (home.parent / "work" / "same.py").write_text(SAME_NAME)
    done = run("check", *arguments, "--plugin", "same.py")
    assert done.exit_code == 1
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("import nosuchpackage\n", "No module named 'nosuchpackage'"),
        ("from itbench import hookimpl\n@hookimpl\ndef itbench_models(register):\n    pass\n", "registers nothing"),
    ],
)
def test_a_plugin_file_that_offers_nothing_fails(code, seen, home):
    (home.parent / "work" / "empty.py").write_text(code)
    done = run("check", "empty.py")
    assert done.exit_code == 1
    assert seen in done.stdout
    assert done.stderr == "Error: Failed: plugin empty.py: loads.\n"


def test_a_family_is_checked_by_its_members_names(toy):
    done = run("check", ROOT / "plugins" / "models" / "timm_any.py")
    assert done.exit_code == 0
    assert "check one with: itbench check timm/NAME" in done.stdout


@pytest.mark.slow
def test_a_member_of_a_family_keeps_every_rule(home):
    done = run("check", "torchvision/squeezenet1_1", "--json")
    assert done.exit_code == 0, done.stdout
    (report,) = json.loads(done.stdout)
    assert {row["result"] for row in report["findings"]} == {"pass"}
