"""itbench check of models that learn: what breaks a rule fails at exactly that rule, and all of our own keep them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from itbench.check.checked_trainable import CheckedTrainable, SimulatedTrainingSet
from itbench.check.findings import PASS, SKIPPED, WARNING, FreshProcess
from itbench.check.fresh_process import run_fresh_process
from itbench.check.targets import check_targets, find_targets
from itbench.check.trainable_checks import TRAINING_CHECKS, check_trainable, has_a_valid_recipe
from itbench.plugins import load_plugins
from itbench.registry import FAMILY
from tests.kit.commands import ROOT, run
from tests.kit.halved_networks import PREFIX, TRAINED, on_halved_core

PLUGIN = ROOT / "tests" / "kit" / "broken_trainables.py"
OWN = load_plugins()
TRAINABLES = {name: entry for name, entry in OWN.models.items() if entry.trainable}
LARGE = [name for name, entry in TRAINABLES.items() if not name.endswith(FAMILY) and entry.read_recipe().core]
SMALL = [name.replace("*", "itbench-tiny") for name in TRAINABLES if name not in LARGE]
HALVED = ROOT / "tests" / "kit" / "halved_networks.py"

BROKEN = [
    ("no such recipe", "recipe", "nowhere.yaml: No such file"),
    ("option", "recipe", "options of recipes/option.yaml are not those of the factory"),
    ("no such metric", "recipe", "unknown metric 'indirect'. Did you mean direct?"),
    ("no factory", "factory", "KeyError: 'no such file'"),
    ("no trainable", "factory", "without identity, fit, restore; see itbench.TrainableModel"),
    ("no predictor", "fit", "fit returns a dict without layers"),
    ("turned", "fit", "an array of shape (5, 3), not (3, 5)"),
    ("infinite", "fit", "NaN or infinity"),
    ("writes images", "fit", "does not support item assignment"),
    ("writes responses", "inputs kept", "the responses changed in place"),
    ("trains its core", "core kept", "its core gives other activations in x"),
    ("unsettles its core", "core kept", "its core is left in training mode"),
    ("batch mean", "alone", "Alone and in a batch, layer 'output' differs"),
    ("half a state", "state", "predictions differ restored from its state"),
    ("no state", "state", "NotImplementedError"),
    ("state not in identity", "state", "it has another identity"),
    ("unseeded", "same seed", "drawn from the training's seed?"),
    ("seed ignored", "other seed", "another seed gives the same"),
    ("one identity", "other seed", "another seed gives the same identity"),
    ("warm start", "fits apart", "start anew in fit"),
    ("no missing", "missing responses", "where responses are missing"),
    ("peeks", "validation rows", "when the responses of validation rows change a little"),
    ("hash", "other process", "identity differs in function"),
]


@cache
def broken():
    return {report.name: report for report in check_targets(find_targets(str(PLUGIN)))}


def findings(name):
    return {finding.check: finding for finding in broken()[name].findings}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "check", "seen"), BROKEN, ids=lambda value: value)
def test_a_model_that_breaks_a_rule_of_learning_fails_at_exactly_that_rule(name, check, seen):
    assert broken()[name].failed == (check,)
    assert seen in findings(name)[check].seen
    assert not [finding for finding in findings(name).values() if finding.result == WARNING]


def test_every_rule_of_learning_is_seen_broken():
    assert {check.name for check in TRAINING_CHECKS} <= {check for _, check, _ in BROKEN}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "skipped"),
    [
        ("learner", {"eval mode", "calls"}),
        ("cored", {"eval mode", "calls"}),
        ("unseeded by nature", {"other seed", "eval mode", "calls"}),
    ],
)
def test_a_model_that_keeps_the_rules_passes(name, skipped):
    found = findings(name)
    assert {finding.result for finding in found.values()} <= {PASS, SKIPPED}
    assert {check for check, finding in found.items() if finding.result == SKIPPED} == skipped


@pytest.mark.slow
def test_what_learns_no_responses_is_checked_by_its_layers():
    found = findings("reads faces")
    assert broken()["reads faces"].failed == ()
    assert found["fit"].seen == "it predicts no responses: its layers are read out"
    assert found["same seed"].result == found["state"].result == PASS
    assert found["missing responses"].seen == "it predicts no responses"


@pytest.mark.slow
def test_a_large_model_is_fitted_once_and_says_so(monkeypatch):
    monkeypatch.setattr("itbench.check.checked_trainable.LARGE", 10)
    registry = load_plugins([PLUGIN])
    fresh = run_fresh_process([PLUGIN], {}, {"learner": None})
    report = check_trainable(registry.model("learner"), registry, None, lambda: fresh)
    found = {finding.check: finding for finding in report.findings}
    assert report.failed == ()
    assert found["same seed"].seen.startswith("training made 0 million numbers: no second fit")
    assert {name for name, finding in found.items() if finding.result == SKIPPED} == {
        *("eval mode", "calls"),
        *("same seed", "other seed", "fits apart", "missing responses", "validation rows"),
    }


def test_a_simulated_training_set_is_the_same_every_time_and_its_rates_suit_every_loss():
    first, second = SimulatedTrainingSet.of("face"), SimulatedTrainingSet.of("face")
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])
    assert (first.responses > 0).all()
    assert set(first.stimuli.metadata["face"]) == set(first.classes)
    assert set(first.stimuli.metadata["face"][first.validation]) == set(first.classes)
    first.responses[:] = 0
    assert SimulatedTrainingSet.of("").responses.all()
    assert SimulatedTrainingSet.of("").classes == ()


def test_a_family_is_checked_by_its_members_names(home):
    family = (
        "from itbench import hookimpl\n@hookimpl\ndef itbench_models(register):\n"
        "    register('learnt/*', None.__init__, recipe='recipe.yaml')\n"
    )
    (home.parent / "work" / "family.py").write_text(family)
    done = run("check", "family.py")
    assert done.exit_code == 0
    assert "check a small one with: itbench check learnt/itbench-tiny" in done.stdout


@pytest.mark.slow
def test_the_weights_that_it_starts_from_are_those_asked_for(home):
    done = run("check", "unsettles its core", "--plugin", PLUGIN, "--weights", "pretrained")
    assert "model unsettles its core, weights pretrained\n" in done.stdout
    assert "a UnsettlesItsCore, weights pretrained" in done.stdout


def test_weights_that_it_cannot_start_from_are_an_error(home):
    done = run("check", "learner", "--plugin", PLUGIN, "--weights", "mine.pt")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: learner starts from random weights.")
    done = run("check", "cored", "--plugin", PLUGIN, "--weights", "mine.pt")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: No weights 'mine.pt'.")


@pytest.fixture(scope="module")
def own_fresh():
    """What one other process sees of our own models that learn, of the large one on a halved core."""

    def inspect():
        seen = run_fresh_process([HALVED], {}, dict.fromkeys((*SMALL, PREFIX + TRAINED)))
        return replace(seen, identities={**seen.identities, TRAINED: seen.identities[PREFIX + TRAINED]})

    return cache(inspect)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SMALL, TRAINED])
def test_our_own_models_that_learn_keep_every_rule(name, own_fresh):
    entry, registry = OWN.model(name), OWN
    if name == TRAINED:
        entry, registry = on_halved_core(entry), load_plugins([HALVED])
    report = check_trainable(entry, registry, None, own_fresh)
    assert not [finding for finding in report.findings if finding.result not in (PASS, SKIPPED)]


@pytest.mark.parametrize("name", LARGE)
def test_the_recipes_of_our_own_large_models_fit_their_factories(name):
    subject = CheckedTrainable(OWN.model(name), OWN, None, (), lambda: FreshProcess({}, {}))
    assert "built on" in has_a_valid_recipe(subject)
