"""What a model that learns is given in a split, and what comes of it."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch import nn
from torchvision.transforms import v2

from itbench import Branches, Network, Recipe, TrainableNetwork, Training
from itbench.data.splits import Split
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadOption, BadRecordings, UnknownName
from itbench.extraction.gram_cache import GramCache
from itbench.plugins import load_plugins
from itbench.scoring.frozen_models import RunModels, Teacher
from itbench.scoring.plan import plan_run
from itbench.training.heads import linear_head, with_heads
from itbench.training.loop import LoopData, start_from_ridge
from itbench.training.per_split import SplitTrainer
from itbench.training.trained_weights import TrainedStore
from itbench.training.training_set import TrainingSet, class_names, validation_rows
from itbench.util.progress import SilentReporter
from tests.kit.commands import run
from tests.kit.toy import toy_recordings

FLOATS = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

PLUGIN = """
from itbench import hookimpl


@hookimpl
def itbench_models(register):
    register("pupil", pupil, recipe="pupil.yaml", metric="direct", weights=("random",))


def pupil(weights):
    import torch
    from torch import nn
    from torchvision.transforms import v2

    from itbench import TrainableNetwork

    def build(sites, classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(192, sites))

    return TrainableNetwork(build, v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]), layers=("0",))
"""


@pytest.fixture
def pupil(toy, monkeypatch):
    """A linear network that learns; returns the path of the toy benchmark."""
    plugin = toy.parent / "toy_plugin.py"
    plugin.with_name("pupil.yaml").write_text("epochs: 4\nbatch: 16\n")
    plugin.with_name("pupil.py").write_text(PLUGIN)
    monkeypatch.setenv("ITBENCH_PLUGINS", f"{plugin}:{plugin.with_name('pupil.py')}")
    return toy


def learner(benchmark, *changes, **how):
    planned = plan_run(load_plugins(), "pupil", str(benchmark), recipe=changes, **how)
    task = planned.load_task(SilentReporter())
    teacher = planned.teacher and Teacher(planned.teacher, task, GramCache(), SilentReporter())
    cache, store = GramCache(), TrainedStore()
    return SplitTrainer(planned.spec, task, planned.settings, cache, store, SilentReporter(), teacher=teacher), task


def frozen_core():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5))
    module[1].running_mean.uniform_(-1, 1)
    return Network(module, FLOATS, layers=("0", "3"))


def fitted(core, recipe, validation=np.arange(8)):  # noqa: B008  # never written to
    recordings = toy_recordings()
    responses = recordings.responses.mean("repetition").values

    def build(sites, classes):
        return Branches(core, "3", {"responses": linear_head((6, 6, 6), sites)})

    model = TrainableNetwork(build, core.preprocess)
    return model.fit(recordings.stimuli, responses, validation, Training(recipe))


def test_inner_rows_are_a_seeded_share_in_order():
    rows = validation_rows(200, 0.1, 3)
    assert len(rows) == 20
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, validation_rows(200, 0.1, 3))
    assert not np.array_equal(rows, validation_rows(200, 0.1, 4))
    assert len(validation_rows(200, 0.0, 3)) == 0


def test_a_training_set_holds_nothing_of_held_out_images():
    recordings = toy_recordings()
    responses = recordings.responses.mean("repetition").values
    split = Split("one", np.arange(0, 80, 2), np.arange(1, 80, 2))
    given = TrainingSet.of(recordings.stimuli, responses, split, Recipe(), 0, None)
    assert given.stimuli.ids == recordings.stimuli.ids[::2]
    np.testing.assert_array_equal(given.responses, responses[::2])
    np.testing.assert_array_equal(given.stimuli.images[3:5], recordings.stimuli.images[[6, 8]])
    assert given.validation.max() < len(given.responses)
    assert given.classes == ()


@pytest.mark.parametrize(
    ("label", "error", "said"),
    [("categroy", UnknownName, "Did you mean category"), ("all", BadRecordings, "no classes to distinguish")],
)
def test_labels_that_say_nothing_are_refused(label, error, said):
    stimuli = StimulusSet(("a", "b"), np.zeros((2, 4, 4, 3), np.uint8), {"category": ["x", "y"], "all": ["z", "z"]})
    with pytest.raises(error, match=said):
        class_names(stimuli, Recipe(label=label))


def test_each_split_learns_from_its_own_rows_and_is_trained_once(pupil):
    own, task = learner(pupil)
    first, second = (own.train(split) for split in task.splits[:2])
    assert first.key != second.key
    again, _ = learner(pupil)
    restored = again.train(task.splits[0])
    assert restored.predictor.account == {}
    images = task.recordings.stimuli.images[0:5]
    np.testing.assert_array_equal(restored.predictor.predict(images), first.predictor.predict(images))


@pytest.mark.slow
@pytest.mark.parametrize("change", ["epochs=5", "lr=1e-2", "validation=0.2"])
def test_another_recipe_is_another_training(pupil, change):
    (first, task), (second, _) = learner(pupil), learner(pupil, change)
    split = task.splits[0]
    assert first.train(split).key != second.train(split).key


def test_what_tuning_would_search_changes_no_training(pupil):
    (first, task), (second, _) = learner(pupil), learner(pupil, "tune={lr: [1e-3, 1e-2]}")
    assert first.train(task.splits[0]).key == second.train(task.splits[0]).key


def test_members_are_networks_of_following_seeds_averaged(pupil):
    both, task = learner(pupil, "members=2")
    split, images = task.splits[0], task.recordings.stimuli.images[0:7]
    said = both.train(split).predictor.predict(images)
    alone = []
    for seed in (0, 1):
        recipe, rows = both.recipe(split), validation_rows(len(split.train), 0.1, 0)
        model = both._model(recipe)
        stimuli, responses = task.recordings.stimuli.take(split.train), task.responses[split.train]
        alone.append(model.fit(stimuli, responses, rows, Training(Recipe(epochs=4, batch=16), seed)).predict(images))
    np.testing.assert_allclose(said, np.mean(alone, axis=0), rtol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_a_teachers_out_of_sample_predictions_are_what_is_learnt(pupil):
    changes = ("losses={teacher: 1}", "teacher={model: toy, metric: ridge}")
    own, task = learner(pupil, *changes)
    split = task.splits[0]
    taught = own.teacher(split)
    teacher = own.teacher.run
    gram = dict(RunModels(teacher, task, GramCache(), SilentReporter()).grams())["good"]
    said = teacher.metric.function(gram, task.responses[split.train], split.train, split.test)
    np.testing.assert_allclose(taught, said.inner_predictions)
    assert own.train(split).about["inner_explained_variance"] > -1


@pytest.mark.parametrize(
    ("teacher", "said"),
    [
        ("{metric: ridge}", "teacher has no model"),
        ("{model: toy, metric: cka}", "cannot teach"),
        ("{model: pupil}", "cannot teach"),
        ("{model: toy, layer: good}", "unknown key of a recipe's teacher 'layer'"),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(pupil, teacher, said):
    with pytest.raises((BadOption, UnknownName), match=said):
        learner(pupil, "losses={teacher: 1}", f"teacher={teacher}")


def test_frozen_features_computed_once_train_the_same_network(monkeypatch):
    recipe = Recipe(epochs=3, batch=16, freeze=("core.*",))
    once = fitted(frozen_core(), recipe)
    monkeypatch.setattr("itbench.training.optimiser.has_frozen_features", lambda module, recipe: False)
    every = fitted(frozen_core(), recipe)
    for name, tensor in once.state.items():
        np.testing.assert_allclose(tensor, every.state[name], atol=1e-6, err_msg=name)
    assert once.account["history"][-1]["loss"] == pytest.approx(every.account["history"][-1]["loss"], rel=1e-5)


@pytest.mark.parametrize("change", [{"freeze": ("core.0.*",)}, {"augment": ("flip",), "freeze": ("core.*",)}])
def test_features_that_change_are_computed_in_every_epoch(change):
    from itbench.training.optimiser import has_frozen_features

    module = Branches(frozen_core(), "3", {"responses": linear_head((6, 6, 6), 5)})
    assert has_frozen_features(module, Recipe(freeze=("core.*",)))
    assert not has_frozen_features(module, Recipe(**change))


def test_a_probe_starts_as_sklearns_ridge_of_the_features(monkeypatch):
    from itbench.training.batches import PreprocessedImages
    from itbench.training.losses import Targets

    monkeypatch.setattr("itbench.training.loop.default_alphas", lambda mean_square: np.array([50.0]))
    recordings, core = toy_recordings(), frozen_core()
    responses = recordings.responses.mean("repetition").values.copy()
    responses[3, 4] = np.nan
    module = Branches(core, "3", {"responses": linear_head((6, 6, 6), 5)})
    before = module.heads["responses"][-1].weight[4].clone()
    fit = np.arange(10, 80)
    with PreprocessedImages.of(
        core.prepare, recordings.stimuli, memory=10**9, scratch=".", reporter=SilentReporter()
    ) as prepared:
        targets = Targets(torch.from_numpy(responses.astype(np.float32)))
        start_from_ridge(module, LoopData(prepared, targets, fit, np.arange(10)), "cpu")
        images = prepared[np.arange(80)]
    with torch.inference_mode():
        said = module(images)["responses"].numpy()
        features = module.features(images).flatten(1).double().numpy()
    expected = Ridge(alpha=50.0).fit(features[fit], responses[fit]).predict(features)
    np.testing.assert_allclose(said, expected, atol=1e-4)
    responses[20, 4] = np.nan
    with PreprocessedImages.of(
        core.prepare, recordings.stimuli, memory=10**9, scratch=".", reporter=SilentReporter()
    ) as prepared:
        module.heads["responses"][-1].weight.data[4] = before
        targets = Targets(torch.from_numpy(responses.astype(np.float32)))
        start_from_ridge(module, LoopData(prepared, targets, fit, np.arange(10)), "cpu")
    assert torch.equal(module.heads["responses"][-1].weight[4], before)  # a response is missing: left as it was


def test_a_probe_without_a_linear_layer_is_refused():
    with pytest.raises(BadOption, match="needs responses that come from a linear layer"):
        start_from_ridge(nn.Sequential(nn.Flatten()), None, "cpu")


@pytest.mark.slow
def test_a_score_of_a_model_that_learns_says_how_it_came_about(pupil):
    from itbench.results.score_file import provenance, read_score

    done = run("score", "-m", "pupil", "-b", str(pupil), "--results", "r", "--recipe", "epochs=3")
    assert done.exit_code == 0, done.stderr
    (path,) = Path("r").glob("*.nc")
    score = read_score(path)
    (source,) = provenance(score)["sources"]
    assert [split["split"] for split in source["splits"]] == ["fold0", "fold1", "fold2", "fold3"]
    assert len({split["trained"] for split in source["splits"]}) == 4
    assert source["recipe"]["epochs"] == 3
    assert provenance(score)["asked"]["recipe"] == {"epochs": 3}
    assert score.attrs["weights"] == "trained-0"
    assert list(score["layer"].values) == ["output"]
    assert "fold0: epoch 1 of 3: loss" in done.stderr


CORE = """
import torch
from torch import nn


class Core(nn.Module):
    def __init__(self, gain):
        super().__init__()
        torch.manual_seed(0)
        self.bank = gain * torch.ones(4, 3, 3, 3)  # no parameter
        self.linear = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return self.linear(nn.functional.conv2d(x, self.bank).relu())
"""


def test_values_and_code_of_a_core_are_in_the_identity_of_what_is_trained_on_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def identity(gain, function="relu"):
        (tmp_path / "plain_core.py").write_text(CORE.replace("relu", function))
        sys.modules.pop("plain_core", None)
        importlib.invalidate_caches()
        core = Network(importlib.import_module("plain_core").Core(gain), FLOATS, layers=("linear",))
        heads = with_heads(core, "linear", lambda shape, sites, classes: {"responses": linear_head(shape, sites)})
        return heads.identity

    first = identity(1.0)
    assert identity(1.0) == first
    changed = {key: value for key, value in identity(2.0).items() if first[key] != value}
    assert set(changed) == {"state"}
    assert {key for key, value in identity(1.0, "tanh").items() if first[key] != value} == {"code"}
