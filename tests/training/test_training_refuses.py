"""What cannot be learnt is refused with one message that says what to do; what is missing or short is made do with."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.torch import save_file

from itbench.check.checked_trainable import SimulatedTrainingSet
from itbench.data.recordings_file import write_recordings
from itbench.models.recipe import Recipe
from itbench.plugins import load_plugins
from itbench.results.score_file import read_score
from itbench.training.trainable_model import Training, trainable_spec
from itbench.util.progress import SilentReporter
from tests.kit.commands import ROOT, run
from tests.kit.toy import toy_recordings

PLUGIN = ROOT / "tests" / "kit" / "plain_networks.py"

# Of a model, a change of its recipe; and words of the refusal.
RECIPES = {
    "batch of more than there are": (
        "plain",
        "batch=50",
        "48 training images are fewer than a batch of 50.\nUse",
    ),
    "no validation row": (
        "plain",
        "validation=0.001",
        "is left for validation, which stops the training.\nUse a larger share",
    ),
    "patience without validation": ("plain", "validation=0", "keeps no images for validation.\nUse validation=0.1, or"),
    "unknown key": ("plain", "epoch=3", "unknown key of a recipe 'epoch'.\nDid you mean epochs"),
    "no change": ("plain", "epochs", "'epochs' is not a change of a recipe.\nSuch as: --recipe"),
    "entry of a number": ("plain", "lr.core=3", "the recipe's lr has no entries: 'lr.core'"),
    "no number": ("plain", "lr=fast", "key 'lr' must be a number above 0, not 'fast'"),
    "no whole number": ("plain", "batch=2.5", "key 'batch' must be a whole number from 1, not 2.5"),
    "no list": ("plain", "freeze=3", "key 'freeze' must be a list of patterns, such as ['core.*'], not 3"),
    "no mapping": ("plain", "losses=3", "key 'losses' must be a mapping, not 3"),
    "neither true nor false": ("plain", "probe=3", "key 'probe' must be true or false, not 3"),
    "no YAML": ("plain", "augment=[shift", "augment='[shift' is not YAML"),
    "no file": ("plain", "mine.yaml", "Cannot read the recipe file mine.yaml"),
    "no members": ("plain", "members=0", "key 'members' must be a whole number from 1, not 0"),
    "no epochs": ("plain", "epochs=0", "key 'epochs' must be a whole number from 1, not 0"),
    "backwards": ("plain", "lr=-0.1", "key 'lr' must be a number above 0, not -0.1"),
    "unknown augmentation": (
        "plain",
        "augment=[spin]",
        "key 'augment' must be a list of shift, flip, colour, not ['spin']",
    ),
    "unknown loss": ("plain", "losses.clases=1", "unknown loss 'clases'.\nDid you mean classes?"),
    "all losses 0": ("plain", "losses.responses=0", "losses are all 0: nothing is trained"),
    "negative loss": ("plain", "losses.responses=-1", "key 'losses' must be numbers from 0"),
    "unknown option": ("plain", "options.widht=3", "unknown option of plain 'widht'.\nDid you mean width?"),
    "no label": ("plain", "losses.classes=1", "loss 'classes' needs a label, such as label=object"),
    "no such label": ("classes-only", "label=object", "unknown stimulus coordinate 'object'.\nKnown: category."),
    "no output for a loss": ("plain", "losses.picture=1", "unknown output of the network 'picture'."),
    "no teacher": ("plain", "losses.teacher=1", "needs a teacher, such as teacher.model=pixels"),
    "rates below 0": ("plain", "response_loss=poisson", "have responses below 0.\nUse --recipe response_loss=mse"),
    "everything frozen": ("plain", "freeze=['*']", "freezes every parameter: *"),
    "rate of nothing": ("plain", "lr_by={core.*: 0.1}", "lr_by core.* fits no parameter"),
    "no such layer of the core": ("finetuned/itbench-tiny", "options.layer=stage9", "unknown layer 'stage9'"),
    "recipe of a frozen model": ("pixels", "lr=1", "pixels is not trained on recordings.\nLeave --recipe"),
    "no room for one image": ("plain", "options.room=0", "The GPU has no room for the network with one image"),
    "explosion": ("plain", "{lr: 1e30, clip: null}", "The loss became"),
}
UNTAUGHT = {
    "unknown model": ("{model: pixel}", "unknown model 'pixel'.\nDid you mean pixels?"),
    "unknown key": ("{modle: pixels}", "unknown key of a recipe's teacher 'modle'.\nDid you mean model?"),
    "a model that learns": ("{model: plain}", "cannot teach.\nA teacher is a frozen model"),
    "a comparison": ("{model: pixels, metric: rsa}", "pixels on toy by rsa cannot teach"),
}
# What is asked for beside the recipe; and words of the refusal.
REFUSED = {
    "seed below 0": ("plain --seed -1", "x>=0"),
    "tuned frozen model": ("pixels --tuned", "pixels is not trained on recordings.\nLeave --recipe and --tuned out."),
    "unknown core": ("finetuned/resnet5", "unknown model 'resnet5'.\nDid you mean resnet"),
    "unknown core in a recipe": ("coreless", "unknown model 'resnet5'.\nDid you mean resnet"),
    "core that learns": ("finetuned/plain", "plain is trained on recordings itself.\nName a core that does not"),
    "core of a core": ("finetuned/finetuned/itbench-tiny", "finetuned/itbench-tiny is trained on recordings itself."),
    "core without a network": ("finetuned/pixels", "not a torch network: it cannot be trained.\nChoose another"),
    "a family": ("finetuned/*", "finetuned/* is a family of models"),
    "weights of another network": (
        "finetuned/itbench-tiny --weights other.safetensors",
        "The weights in other.safetensors do not fit the network.",
    ),
    "weights that are not there": ("finetuned/itbench-tiny --weights mine.pt", "No weights 'mine.pt'"),
    "start that it does not have": ("plain --weights other.safetensors", "plain starts from random weights"),
    "geometry": ("plain --metric rsa", "rsa compares all images, and plain was trained on some of them"),
    "alignment": ("plain --metric cka", "cka compares all images, and plain was trained on some of them"),
    "single features": ("plain --metric one-to-one", "one-to-one looks for single features, and plain was trained"),
    "predictions of classes alone": (
        "classes-only --metric direct",
        "classes-only is not trained to predict responses.\nRead a layer of it out: --metric ridge",
    ),
    "predictions of a frozen model": (
        "pixels --metric direct",
        "pixels makes no predictions of its own.\nRead it out: --metric ridge",
    ),
    "predictions of a layer": ("plain -l relu", "direct reads no layers.\nRead one out: --metric ridge -l LAYER"),
    "unknown layer": ("plain --metric ridge -l rely", "unknown layer 'rely'.\nDid you mean relu?"),
    "unknown pattern": ("plain --metric ridge -l rely.*", "unknown layer pattern 'rely.*'"),
    "unknown layer of several": ("plain --metric ridge -l relu --recipe members=2", "unknown layer 'relu'"),
    "two at once": ("plain+pixels", "plain is trained on recordings, and is scored alone"),
}


@pytest.fixture
def toys(toy, home, monkeypatch):
    """The toy benchmark, and the small networks of the plugin."""
    import torch

    monkeypatch.setenv("ITBENCH_PLUGINS", str(PLUGIN))
    save_file({"layer.weight": torch.zeros(2, 2)}, "other.safetensors")
    return toy


def refusal(home, *arguments):
    """Return what a score says that is refused before anything was trained."""
    done = run("score", *arguments)
    assert done.exit_code in (1, 2)
    assert done.stderr.count("Error: ") == 1
    assert "Traceback" not in done.stderr
    assert "--debug" not in done.stderr
    assert not list((home / "trained").glob("*.safetensors"))
    return done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("model", "change", "words"), RECIPES.values(), ids=RECIPES)
def test_a_recipe_by_which_nothing_can_be_learnt_is_refused(model, change, words, toys, home):
    several = yaml.safe_load(change) if change.startswith("{") else {}
    changes = [f"{key}={json.dumps(value)}" for key, value in several.items()] or [change]
    assert words in refusal(home, "-b", toys, "-m", model, *(word for own in changes for word in ("--recipe", own)))


@pytest.mark.parametrize(("teacher", "words"), UNTAUGHT.values(), ids=UNTAUGHT)
def test_a_teacher_that_cannot_teach_is_refused(teacher, words, toys, home):
    recipe = ("--recipe", "losses.teacher=1", "--recipe", f"teacher={teacher}")
    assert words in refusal(home, "-b", toys, "-m", "plain", *recipe)


@pytest.mark.parametrize(("arguments", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_scored_is_refused_before_anything_is_trained(arguments, words, toys, home):
    assert words in refusal(home, "-b", toys, "-m", *shlex.split(arguments))


def scored(*arguments):
    done = run("score", "--json", *arguments)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)[0], done.stderr


@pytest.mark.slow
def test_sites_that_lack_responses_are_learnt_from_what_there_is_and_not_scored(toys, home):
    recordings = toy_recordings()
    recordings.responses[:, ::2, 1] = np.nan
    write_recordings(recordings, home / "data" / "toy.h5")
    row, _ = scored("-m", "plain", "-b", toys)
    assert (row["n_sites"], row["n_sites_scored"]) == (5, 4)
    score = read_score(Path(row["file"]))
    assert np.isfinite(score.explained_variance.mean(("split", "layer")).values).tolist() == [True, False, *[True] * 3]
    assert np.isfinite(score.predictions.values).all(axis=0).sum() == 4


@pytest.mark.parametrize("loss", ["mse", "poisson"])
def test_predictions_are_finite_at_sites_that_lack_responses(loss, toys):
    training_set = small_training_set()
    training_set.responses[::2, 0] = np.nan
    training_set.responses[:, 1] = np.nan
    predicted = fit("plain", training_set, f"response_loss={loss}").predict(training_set.stimuli.images)
    assert predicted.shape == training_set.responses.shape
    assert np.isfinite(predicted).all()
    assert loss == "mse" or (predicted > 0).all()


def small_training_set():
    """Return a training set of images of 8 × 8."""
    training_set = SimulatedTrainingSet.of("")
    return replace(
        training_set, stimuli=replace(training_set.stimuli, images=training_set.stimuli.images[:][:, ::28, ::28])
    )


class Heard(SilentReporter):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def fit(name, training_set, *changes, reporter=None):
    registry = load_plugins([PLUGIN])
    changes = ("epochs=3", "batch=6", "patience=0", "lr=0.01", *changes)
    learner = trainable_spec(registry, registry.model(name), changes=changes)
    training = Training(learner.recipe, device="cpu", reporter=reporter or SilentReporter())
    return learner.make().fit(training_set.stimuli, training_set.responses, training_set.validation, training)


def test_a_batch_that_memory_has_no_room_for_is_taken_in_parts_and_gives_the_same_weights(toys):
    heard = Heard()
    free, tight = (
        fit("plain", small_training_set()),
        fit("plain", small_training_set(), "options.room=3", reporter=heard),
    )
    assert [note for note in heard.notes if "a batch of 6 is now taken in 2 parts" in note]
    assert not [note for note in heard.notes if "4 parts" in note]
    assert set(free.state) == set(tight.state)
    for name, values in free.state.items():
        np.testing.assert_allclose(tight.state[name], values, atol=1e-5, rtol=0, err_msg=name)


def test_parts_are_never_empty_where_a_batch_has_fewer_images_than_there_are_parts(toys):
    training_set = replace(small_training_set(), validation=np.array([7]))  # batches of 4 and 3
    free, short = (fit("plain", training_set, "batch=4", f"options.room={room}") for room in (4, 1))
    for name, values in free.state.items():
        np.testing.assert_allclose(short.state[name], values, atol=1e-5, rtol=0, err_msg=name)


def test_every_default_of_a_recipe_can_be_typed_as_it_is_shown():
    texts = [f"{key}={json.dumps(value)}" for key, value in Recipe().as_dict().items()]
    assert Recipe(epochs=3).changed(texts) == Recipe()
