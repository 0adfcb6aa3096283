"""What was trained is kept: nothing is trained twice, and all that could change the weights trains anew."""

import re

import pytest

from itbench.training.trained_weights import TrainedStore
from tests.kit.commands import run
from tests.kit.training import LEARNERS, first_split, halves, record_anew, scored

EPOCH = re.compile(r"epoch \d+ of \d+")


@pytest.fixture
def benchmark(toy):
    return halves(toy)


def kept():
    return {path.name: path.stat().st_mtime_ns for path in TrainedStore()._root.iterdir()}


@pytest.mark.slow
def test_a_second_score_trains_nothing(benchmark):
    assert EPOCH.search(scored(benchmark))
    before = kept()
    assert len(before) == 2
    for more in ((), ("--metric", "ridge"), ("--metric", "ridge", "-l", "conv"), ("--memory", "3GB")):
        assert not EPOCH.search(scored(benchmark, *more))
        assert kept() == before
    run("cache", "clear")
    assert not EPOCH.search(scored(benchmark, "--metric", "ridge"))
    assert kept() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "more"),
    [
        (("epochs=2", "members=1", "lr=0.01"), ()),
        (("epochs=2", "members=2"), ()),
        (("epochs=2", "members=1", "options.width=4"), ()),
        (("epochs=2", "members=1"), ("--seed", "1")),
    ],
)
def test_another_recipe_or_seed_trains_anew(recipe, more, benchmark):
    scored(benchmark)
    first = kept()
    assert EPOCH.search(scored(benchmark, *more, recipe=recipe))
    assert len(kept()) == 4
    assert first.items() <= kept().items()


@pytest.mark.slow
def test_another_response_trains_anew_only_where_it_is_learnt_from(benchmark, home):
    scored(benchmark)
    first = kept()
    record_anew(home, first_split(benchmark).test[:1], slice(2, 3))
    assert EPOCH.search(scored(benchmark))
    assert first.items() <= kept().items()
    assert sorted(entry["split"] for entry in TrainedStore().entries()) == ["fold0", "fold1", "fold1"]


@pytest.mark.slow
def test_a_changed_plugin_trains_anew(benchmark, tmp_path, monkeypatch):
    plugin = tmp_path / "learners.py"
    for text in (LEARNERS.read_text(), LEARNERS.read_text().replace("Dropout(0.3)", "Dropout(0.1)")):
        plugin.write_text(text)
        plugin.with_suffix(".yaml").write_text(LEARNERS.with_suffix(".yaml").read_text())
        said = run("score", "-m", "learner", "-b", benchmark, "--plugin", plugin).stderr
        assert EPOCH.search(said)


def test_a_loss_that_explodes_is_named_with_epoch_and_learning_rate(benchmark):
    plugin = ("--plugin", LEARNERS, "--recipe", "lr=1e6")
    done = run("score", "-m", "exploding", "-b", benchmark, *plugin)
    assert done.exit_code == 1
    assert re.search(r"Error: The loss became (nan|inf) in epoch 1, at a learning rate of \d", done.stderr)
    assert "--recipe lr=1e+05" in done.stderr
    assert list(TrainedStore().entries()) == []
