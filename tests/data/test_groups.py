"""Groups of stimuli: folds and left-out groups divide none, and what is new in the test sets is counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from itbench.data.groups import (
    balanced_folds,
    clusters_of,
    describe_groups,
    find_coordinate,
    group_numbers,
    seen_in_training,
)
from itbench.data.splits import SplitPlan
from itbench.errors import BadBenchmark, ItbenchError, UnknownName

GROUPS = st.lists(st.integers(0, 11), min_size=12, max_size=60).filter(lambda groups: len(set(groups)) >= 3)


def divide(objects, **spec):
    column = np.asarray(objects, dtype=object)
    return SplitPlan.parse({"group": "object", **spec}, "").divide(len(column), {"object": column})


def sides(splits, objects):
    """Return the sets of objects in training and test of every split."""
    names = np.asarray(objects, dtype=object)
    return [(set(names[split.train]), set(names[split.test])) for split in splits]


@given(GROUPS, st.integers(2, 3), st.integers(0, 50))
@settings(max_examples=50, deadline=None)
def test_folds_divide_no_group_and_are_as_balanced_as_those_of_scikit_learn(groups, folds, seed):
    _, number = np.unique(groups, return_inverse=True)
    fold = balanced_folds(number, folds, seed)
    assert all(len(set(fold[number == group])) == 1 for group in set(number.tolist()))
    theirs = [len(test) for _, test in GroupKFold(folds).split(number, groups=number)]
    assert sorted(np.bincount(fold, minlength=folds)) == sorted(theirs)


def test_groups_of_different_sizes_are_divided_as_by_scikit_learn():
    sizes = [9, 7, 6, 5, 4, 2, 1]  # no two alike: there is nothing to shuffle
    objects = np.random.default_rng(0).permutation(np.repeat([f"object{size}" for size in sizes], sizes))
    theirs = {tuple(test) for _, test in GroupKFold(3).split(objects, groups=objects)}
    splits = divide(objects, kind="kfold", folds=3)
    assert {tuple(split.test) for split in splits} == theirs
    for split in splits:
        assert sorted([*split.train, *split.test]) == list(range(len(objects)))


def test_groups_of_one_size_are_shuffled_by_the_seed_alone():
    objects = np.repeat([f"object{number}" for number in range(20)], 3)
    tests = [[split.test.tolist() for split in divide(objects, kind="kfold", seed=seed)] for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]
    assert {len(rows) for rows in tests[0]} == {12}
    assert tests[0][0] != list(range(12))


def test_every_group_is_left_out_once_as_by_scikit_learn():
    objects = np.random.default_rng(0).permutation(np.repeat(["dog", "ant", "cow"], [5, 2, 8]))
    splits = divide(objects, kind="leave-group-out")
    assert [split.name for split in splits] == ["ant", "cow", "dog"]
    for split, (train, test) in zip(splits, LeaveOneGroupOut().split(objects, groups=objects), strict=True):
        np.testing.assert_array_equal(split.train, train)
        np.testing.assert_array_equal(split.test, test)
    assert all(not train & test for train, test in sides(splits, objects))


def test_numbers_are_groups_too():
    blocks = np.repeat([1.5, 2.5, 3.5], 4)
    assert [split.name for split in divide(blocks, kind="leave-group-out")] == ["1.5", "2.5", "3.5"]


@pytest.mark.parametrize("missing", ["", "  ", None, float("nan")])
def test_a_stimulus_without_a_group_is_refused(missing):
    with pytest.raises(ItbenchError, match=r"1 of 9 stimuli have no value of 'object': rows 8"):
        divide(["ant"] * 4 + ["bee"] * 4 + [missing], kind="kfold", folds=2)


@pytest.mark.parametrize("variant", ["Ant", "ant ", "ＡＮＴ"])
def test_one_group_in_two_spellings_is_refused(variant):
    with pytest.raises(ItbenchError, match=f"differ in case or spaces alone: .*{variant!r}"):
        divide(["ant"] * 4 + ["bee"] * 4 + [variant] * 2, kind="leave-group-out")


@pytest.mark.parametrize(
    ("spec", "objects", "message"),
    [
        ({"kind": "kfold", "folds": 3}, ["ant", "bee"] * 6, "3 groups are needed, but 'object' has 2: ant, bee"),
        ({"kind": "leave-group-out"}, ["ant"] * 6, "2 groups are needed, but 'object' has 1: ant"),
        ({"kind": "leave-group-out"}, ["ant"] + ["bee"] * 6, "'ant' has 6 stimuli to train on and 1 to test"),
    ],
)
def test_too_few_or_too_small_groups_are_refused(spec, objects, message):
    with pytest.raises(ItbenchError, match=message):
        divide(objects, **spec)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({"kind": "leave-group-out"}, BadBenchmark, "group' must be the name of a stimulus coordinate, not None"),
        ({"kind": "kfold", "group": 3}, BadBenchmark, "'splits: group' must be the name .*not 3"),
        ({"kind": "kfold", "group": "object", "stratify": "object"}, BadBenchmark, "by groups cannot be stratified"),
        ({"kind": "leave-group-out", "group": "object", "folds": 3}, UnknownName, "unknown key of splits 'folds'"),
    ],
)  # fmt: skip
def test_bad_plans_are_refused(spec, error, message):
    with pytest.raises(error, match=message):
        SplitPlan.parse(spec, "")


def test_an_unknown_coordinate_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown stimulus coordinate 'objct'(.|\n)*Did you mean object\?"):
        divide(["ant", "bee"] * 6, kind="kfold", group="objct")


@given(GROUPS, st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_the_share_that_training_has_seen_is_that_of_plain_sets(groups, seed):
    labels, rng = np.array(groups), np.random.default_rng(seed)
    parts = [tuple(np.array_split(rng.permutation(len(labels)), 2)) for _ in range(3)]
    seen = [label in set(labels[train].tolist()) for train, test in parts for label in labels[test].tolist()]
    assert seen_in_training(parts, labels) == pytest.approx(np.mean(seen))


def test_groups_are_described_of_the_stimuli_that_are_used():
    metadata = {
        "object_name": np.array(["a", "a", "b", "b", "c", "c", "unused"], dtype=object),
        "Category": np.array(["x", "x", "x", "x", "y", "y", ""], dtype=object),
        "scene": np.arange(7.0),
        "unknown": np.array([1, 1, 2, np.nan, 2, 2, 2]),
    }
    parts = [(np.array([0, 1, 2]), np.array([3, 4, 5]))]
    assert describe_groups(parts, metadata, ("scene", "unknown", None)) == {
        "category": {"groups": 2, "seen_in_training": pytest.approx(1 / 3)},
        "object": {"groups": 3, "seen_in_training": pytest.approx(1 / 3)},
        "scene": {"groups": 6, "seen_in_training": 0.0},
    }
    assert describe_groups([], metadata, ()) == {}


def test_coordinates_are_found_by_their_noun():
    assert find_coordinate(["size", "Object Name"], "object") == "Object Name"
    assert find_coordinate(["objects", "category"], "object") is None


def test_group_numbers_are_those_of_the_names_in_order():
    names, number = group_numbers(np.array(["b", "a", "b"], dtype=object), "object", least=2)
    assert (names, number.tolist()) == (["a", "b"], [1, 0, 1])


NINE, TEN = (np.array([f"object {number % count}" for number in range(40)], dtype=object) for count in (9, 10))
FORTY = np.arange(40)
CLUSTERS = {  # metadata, the benchmark's key, the rows that are scored; the name, and the numbers
    "objects, unasked": ({"object": TEN}, "", FORTY, "object", FORTY % 10),
    "by another name": ({"Object Name": TEN}, "", FORTY, "Object Name", FORTY % 10),
    "too few objects": ({"object": NINE}, "", FORTY, "", FORTY),
    "few objects, asked": ({"object": NINE}, "object", FORTY, "object", FORTY % 9),
    "too few objects among those scored": ({"object": TEN}, "", FORTY[FORTY % 10 < 9], "", FORTY),
    "an object each": ({"object": FORTY}, "", FORTY, "", FORTY),
    "none, asked": ({"object": TEN}, "none", FORTY, "", FORTY),
    "a coordinate, asked": ({"object": TEN, "scene": FORTY // 5}, "scene", FORTY, "scene", FORTY // 5),
    "two scenes, asked": ({"scene": FORTY // 20}, "scene", FORTY, "scene", FORTY // 20),
    "an image without object": ({"object": np.where(FORTY == 3, "", TEN)}, "", FORTY, "", FORTY),
    "one that is not scored": ({"object": np.where(FORTY == 30, "", TEN)}, "", FORTY[:30], "object", FORTY % 10),
    "no objects": ({"category": TEN}, "", FORTY, "", FORTY),
}


@pytest.mark.parametrize(("metadata", "named", "rows", "name", "number"), CLUSTERS.values(), ids=CLUSTERS)
def test_objects_are_drawn_together_where_there_are_ten_of_them_or_the_benchmark_says_what(
    metadata, named, rows, name, number
):
    given, clusters = clusters_of(metadata, rows, 40, named)
    assert given == name
    together = clusters[rows][:, None] == clusters[rows]
    np.testing.assert_array_equal(together, number[rows][:, None] == number[rows])
    assert clusters.shape == (40,)


def test_a_coordinate_to_draw_by_that_is_unknown_or_says_nothing_is_refused():
    with pytest.raises(UnknownName, match=r"unknown stimulus coordinate 'objct'(.|\n)*Did you mean object\?"):
        clusters_of({"object": TEN}, FORTY, 40, "objct")
    with pytest.raises(ItbenchError, match="'scene' has 1"):
        clusters_of({"scene": np.zeros(40, int)}, FORTY, 40, "scene")
    with pytest.raises(ItbenchError, match="scene"):
        clusters_of({"scene": np.where(FORTY == 3, "", TEN)}, FORTY, 40, "scene")
