"""How stimuli are divided: provided, or in seeded folds."""

import re
from collections import Counter

import numpy as np
import pytest

from itbench.data.splits import Split, SplitPlan
from itbench.errors import BadBenchmark, ItbenchError, UnknownName


def folds(n=60, metadata=None, **spec):
    return SplitPlan.parse({"kind": "kfold", **spec}, "").divide(n, metadata or {})


def rows(splits):
    return [split.test.tolist() for split in splits]


def test_provided_reads_the_column_and_leaves_known_values_out():
    column = np.array(["train", " Test", "val", "TRAIN ", "test", "unrecorded", "train"], dtype=object)
    (split,) = SplitPlan.parse({"kind": "provided"}, "").divide(7, {"split": column})
    assert split.train.tolist() == [0, 3, 6]
    assert split.test.tolist() == [1, 4]


@pytest.mark.parametrize("value", ["", "tset", "training", "nan", 1.0, None])
def test_an_unknown_value_of_the_provided_column_is_refused_with_the_counts(value):
    column = np.array(["train", "train", "test", "test", value, value], dtype=object)
    found = re.escape(f"Found: 2 × 'train', 2 × 'test', 2 × {str(value)!r}. Known: train, test")
    with pytest.raises(BadBenchmark, match=rf"2 of 6 stimuli (.|\n)*{found}"):
        SplitPlan("provided").divide(6, {"split": column})


@pytest.mark.parametrize("n_folds", [2, 5, 7])
def test_every_stimulus_is_tested_once_and_trains_all_other_folds(n_folds):
    splits = folds(60, folds=n_folds)
    assert [split.name for split in splits] == [f"fold{number}" for number in range(n_folds)]
    assert Counter(np.concatenate([split.test for split in splits]).tolist()) == Counter(range(60))
    for split in splits:
        assert sorted([*split.train, *split.test]) == list(range(60))
        assert (np.diff(split.train) > 0).all()
        assert (np.diff(split.test) > 0).all()


def test_folds_are_shuffled_by_their_seed_alone():
    first, again, other = (rows(folds(seed=seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert first[0] != list(range(12))


def test_five_folds_from_seed_0_are_the_default():
    assert rows(folds()) == rows(folds(folds=5, seed=0))


@pytest.mark.parametrize("counts", [{"cat": 20, "dog": 20, "car": 20}, {"cat": 33, "dog": 11, "car": 6}])
def test_stratified_folds_hold_equal_shares(counts):
    classes = np.random.default_rng(0).permutation([name for name, count in counts.items() for _ in range(count)])
    splits = folds(len(classes), {"category": classes}, stratify="category")
    assert len(splits) == 5
    for split in splits:
        held = Counter(classes[split.test].tolist())
        for name, count in counts.items():
            assert abs(held[name] - count / 5) < 1
    assert rows(splits) == rows(folds(len(classes), {"category": classes}, stratify="category"))
    assert rows(splits) != rows(folds(len(classes), {"category": classes}, stratify="category", seed=1))


def test_numbers_stratify_too():
    block = np.repeat([1.5, 2.5, 3.5], 10)
    for split in folds(30, {"block": block}, stratify="block"):
        assert Counter(block[split.test].tolist()) == {1.5: 2, 2.5: 2, 3.5: 2}


def test_a_stimulus_in_train_and_test_is_refused():
    with pytest.raises(ItbenchError, match=r"'mine' has 2 stimuli in train and in test"):
        Split("mine", np.array([0, 1, 2, 3]), np.array([2, 3, 4]))


@pytest.mark.parametrize(("train", "test"), [([0], [1, 2]), ([0, 1], [2]), ([0, 1, 2], [])])
def test_a_part_of_fewer_than_two_is_refused(train, test):
    with pytest.raises(ItbenchError, match=f"{len(train)} stimuli to train on and {len(test)} to test on"):
        Split("mine", np.array(train, dtype=int), np.array(test, dtype=int))


def test_two_stimuli_a_part_and_as_many_folds_as_fit_are_enough():
    assert len(Split("mine", np.array([0, 1]), np.array([2, 3])).test) == 2
    assert [len(split.test) for split in folds(10)] == [2] * 5
    assert [len(split.test) for split in folds(11)] == [3, 2, 2, 2, 2]
    classes = np.repeat(["cat", "dog"], [5, 15])
    for split in folds(20, {"category": classes}, stratify="category"):
        assert Counter(classes[split.test].tolist()) == {"cat": 1, "dog": 3}


def test_a_provided_column_without_test_stimuli_is_refused():
    with pytest.raises(ItbenchError, match="2 stimuli to train on and 0 to test on"):
        SplitPlan("provided").divide(3, {"split": np.array(["train", "train", "val"])})


@pytest.mark.parametrize("n", [9, 5, 2, 0])
def test_too_many_folds_are_refused_with_the_numbers(n):
    with pytest.raises(ItbenchError, match=f"5 folds of {n} stimuli"):
        folds(n)


def test_too_many_folds_for_the_smallest_stratum_are_refused():
    classes = np.array(["cat"] * 20 + ["dog"] * 4)
    with pytest.raises(ItbenchError, match="'dog' has 4 stimuli"):
        folds(24, {"category": classes}, stratify="category")


def test_an_unknown_column_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownName, match=r"unknown stimulus coordinate 'categry'(.|\n)*Did you mean category\?"):
        folds(20, {"category": np.array(["a", "b"] * 10), "x": np.arange(20)}, stratify="categry")
    with pytest.raises(UnknownName, match=r"unknown stimulus coordinate 'split'(.|\n)*Known: none"):
        SplitPlan("provided").divide(20, {})


BAD = {
    "no mapping": ("kfold", BadBenchmark, "key 'splits' must be a mapping with a kind, not 'kfold'"),
    "nothing": (None, BadBenchmark, "must be a mapping with a kind, not None"),
    "no kind": ({"folds": 5}, BadBenchmark, "must be a mapping with a kind"),
    "unknown kind": ({"kind": "k-fold"}, UnknownName, r"unknown kind of splits 'k-fold'(.|\n)*Did you mean kfold\?"),
    "kind of another type": ({"kind": ["kfold"]}, BadBenchmark, r"kind' must be a word, not \['kfold'\]"),
    "kind that YAML read": ({"kind": False}, BadBenchmark, "not False: YAML reads no, off and false as false"),
    "unknown key": ({"kind": "kfold", "fold": 3}, UnknownName, r"unknown key of splits 'fold'(.|\n)*mean folds"),
    "key of another kind": ({"kind": "provided", "folds": 3}, UnknownName, "unknown key of splits 'folds'"),
    "one fold": ({"kind": "kfold", "folds": 1}, BadBenchmark, "'splits: folds' must be a whole number from 2 .*not 1"),
    "half a fold": ({"kind": "kfold", "folds": 2.5}, BadBenchmark, "folds' must be a whole number.*not 2.5"),
    "folds as text": ({"kind": "kfold", "folds": "5"}, BadBenchmark, "folds' must be a whole number.*not '5'"),
    "true folds": ({"kind": "kfold", "folds": True}, BadBenchmark, "folds' must be a whole number.*not True"),
    "negative seed": ({"kind": "kfold", "seed": -1}, BadBenchmark, "seed' must be a whole number from 0.*not -1"),
    "seed too large": ({"kind": "kfold", "seed": 2**32}, BadBenchmark, "to 4294967295, not 4294967296"),
    "stratify by a number": ({"kind": "kfold", "stratify": 3}, BadBenchmark, "stratify' must be the name .*not 3"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_plans_are_refused_with_the_place(case):
    spec, error, message = BAD[case]
    with pytest.raises(error, match=f"^mine.yaml: .*{message}"):
        SplitPlan.parse(spec, "mine.yaml: ")
