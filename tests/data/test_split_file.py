"""Splits from a file: named splits and folds, joined by label; what is unknown, double or empty is refused."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itbench.data.benchmark import Benchmark
from itbench.data.in_memory import benchmark_in_memory, recordings_in_memory
from itbench.data.splits import SplitPlan
from itbench.data.stimuli import StimulusSet
from itbench.data.task import Task
from itbench.errors import BadBenchmark, BadRecordings, ItbenchError, UnknownName
from itbench.util.progress import SilentReporter

IDS = tuple(f"img{number}" for number in range(8))
STIMULI = StimulusSet(IDS, np.zeros((8, 2, 2, 3), np.uint8), {"filename": np.array([f"p/{name}.png" for name in IDS])})


def plan(content, name="splits.json", **spec):
    text = content if isinstance(content, str) else json.dumps(content)
    Path(name).write_text(text, encoding="utf-8")
    return SplitPlan.parse({"kind": "file", "path": name, **spec}, "mine.yaml: ")


def rows(splits):
    return {split.name: (split.train.tolist(), split.test.tolist()) for split in splits}


def table(*columns, header="filename,fold", labels=IDS):
    lines = [header, *(",".join(map(str, row)) for row in zip(labels, *columns, strict=True))]
    return "\n".join(lines) + "\n"


FOLDS = [0, 1, 0, 1, 0, 1, 0, 1]
EVEN, ODD = [0, 2, 4, 6], [1, 3, 5, 7]
IN_FOLDS = {"fold0": (ODD, EVEN), "fold1": (EVEN, ODD)}
PARTS = ["train", "Test ", "train", "test", "val", "", "train", "TEST"]
IN_PARTS = ([0, 2, 6], [1, 3, 7])


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (dict(zip(IDS, FOLDS, strict=True)), "a.json", IN_FOLDS),
        ({"cv": dict(zip(IDS, map(float, FOLDS), strict=True))}, "a.json", IN_FOLDS),
        ({"ood": {"train": [*IDS[:3]], "test": [*IDS[3:5]], "val": [IDS[7]]}}, "a.json", {"ood": ([0, 1, 2], [3, 4])}),
        ({"a": {"test": [*IDS[:2]], "train": [*IDS[2:]]}, "b": {"train": [*IDS[:4]], "test": [*IDS[4:]]}}, "a.json",
         {"a": ([2, 3, 4, 5, 6, 7], [0, 1]), "b": ([0, 1, 2, 3], [4, 5, 6, 7])}),
        ({"ood": {"train": [*IDS[:3]], "test": [*IDS[3:5]]}, **dict(zip(IDS, FOLDS, strict=True))}, "a.json",
         {"ood": ([0, 1, 2], [3, 4]), "a-fold0": IN_FOLDS["fold0"], "a-fold1": IN_FOLDS["fold1"]}),
        (dict(zip(IDS, PARTS, strict=True)), "mine.json", {"mine": IN_PARTS}),
        (table(FOLDS), "a.csv", IN_FOLDS),
        (table(["x", "y"] * 4), "a.csv", {"x": (ODD, EVEN), "y": (EVEN, ODD)}),
        (table(FOLDS, header="stimulus_id,assigned"), "a.csv", IN_FOLDS),
        (table(PARTS, header="image,ood"), "a.csv", {"ood": IN_PARTS}),
        (table(PARTS, FOLDS, header="image,ood,fold"), "a.csv",
         {"ood": IN_PARTS, "fold-fold0": IN_FOLDS["fold0"], "fold-fold1": IN_FOLDS["fold1"]}),
        (table(["", *FOLDS[1:7], ""]), "a.csv", {"fold0": ([1, 3, 5], [2, 4, 6]), "fold1": ([2, 4, 6], [1, 3, 5])}),
        (table(["0.0", "1.0"] * 4), "a.csv", IN_FOLDS),
        (table([10, 9] * 4), "a.csv", {"fold9": (EVEN, ODD), "fold10": (ODD, EVEN)}),
        (table(["1", "2.0", "1.0", "2", "01", "2", "1", "02"]), "a.csv", {"fold1": (ODD, EVEN), "fold2": (EVEN, ODD)}),
    ],
)  # fmt: skip
def test_every_form_gives_its_rows(content, name, expected):
    assert rows(plan(content, name).split(STIMULI)) == expected


@given(st.lists(st.integers(0, 2), min_size=8, max_size=8), st.permutations(range(8)))
@settings(max_examples=40, deadline=None)
def test_csv_and_json_in_any_order_are_the_folds_of_plain_sets(folds, order):
    if any(folds.count(fold) < 2 or 8 - folds.count(fold) < 2 for fold in set(folds)):
        return
    shuffled = table([folds[row] for row in order], labels=[f"{IDS[row]}.png" for row in order])
    expected = {
        f"fold{fold}": ([r for r in range(8) if folds[r] != fold], [r for r in range(8) if folds[r] == fold])
        for fold in sorted(set(folds))
    }
    assert rows(plan(shuffled, "a.csv").split(STIMULI)) == expected
    assert rows(plan({IDS[row]: folds[row] for row in order}).split(STIMULI)) == expected


@pytest.mark.parametrize(
    "spelled",
    [
        [f"{name}.png" for name in IDS],
        [f"other/{name}.jpg" for name in IDS],
        [f"img{number:03d}" for number in range(8)],
        [name.upper() for name in IDS],
    ],
)
def test_labels_are_joined_as_elsewhere_and_the_rule_is_said(spelled):
    for chosen in (slice(None), slice(0, 6)):
        said = []
        splits = plan(table(FOLDS[chosen], labels=spelled[chosen]), "a.csv").split(STIMULI, said.append)
        assert splits[0].test.tolist() == EVEN[: 4 if chosen.stop is None else 3]
        assert said[0].startswith("a.csv: 'filename' names the stimulus ids (equal ")
        assert len(said) == 1 + (chosen.stop is not None)


def test_names_of_files_are_joined_where_ids_are_others():
    ids = tuple(f"stimulus{number}" for number in range(10, 18))
    stimuli = StimulusSet(ids, STIMULI.images, STIMULI.metadata)
    assert rows(plan(table(FOLDS), "a.csv").split(stimuli)) == IN_FOLDS


def test_images_in_no_split_and_columns_that_are_not_read_are_said():
    said = []
    content = table(FOLDS[:6], ["ant"] * 6, header="image,fold,object", labels=IDS[:6])
    plan(content, "a.csv").split(STIMULI, said.append)
    assert said == [
        "a.csv: splits are fold; not read: object",
        "a.csv: 2 of 8 images are in no split: img6, img7",
    ]


def test_named_columns_are_used_alone():
    content = table(PARTS, FOLDS, ["x", "y"] * 4, header="image,ood,cv,kind")
    assert rows(plan(content, "a.csv", columns=["kind"]).split(STIMULI)) == {"x": (ODD, EVEN), "y": (EVEN, ODD)}
    assert rows(plan(content, "a.csv", columns="ood").split(STIMULI)) == {"ood": IN_PARTS}
    two = {"a": {"train": [*IDS[:4]], "test": [*IDS[4:]]}, "b": {"test": [*IDS[:4]], "train": [*IDS[4:]]}}
    assert list(rows(plan(two, columns=["b"]).split(STIMULI))) == ["b"]


REFUSED = {
    "an unknown id": (
        {"a": {"train": [*IDS[:3], "dog", "cat"], "test": [*IDS[4:]]}}, "a.json", BadRecordings,
        r"2 labels in 'stimulus' of a.json are unknown: dog, cat(.|\n)*8 in the stimulus ids: img0"),
    "an id twice in a CSV": (
        table(FOLDS, labels=[*IDS[:7], "img0"]), "a.csv", BadRecordings, "'filename' of a.csv occur twice: img0"),
    "an id in two spellings": (
        {"a": {"train": [*IDS[:3], "img5.png"], "test": [*IDS[4:]]}}, "a.json", BadRecordings, "img5, img5.png"),
    "an id in train and test": (
        {"a": {"train": [*IDS[:4]], "test": [*IDS[3:]]}}, "a.json", BadBenchmark, r"img3 \(in train and test\)"),
    "an id twice in train": ({"a": {"train": ["x", "x"], "test": []}}, "a.json", BadBenchmark, r"x \(in train and"),
    "a key twice": ('{"img1": 0, "img1": 1}', "a.json", BadBenchmark, "1 names occur twice .* such as img1"),
    "no test": ({"a": {"train": [*IDS], "test": []}}, "a.json", ItbenchError, "'a' has 8 stimuli to train on and 0 to"),
    "no train": (table(["test"] * 8, header="image,a"), "a.csv", ItbenchError, "'a' has 0 stimuli to train on and 8"),
    "one fold": (table([1] * 8), "a.csv", ItbenchError, "'fold1' has 0 stimuli to train on and 8"),
    "a part that is none": ({"a": {"trian": [*IDS[:4]], "test": []}}, "a.json", UnknownName, "Did you mean train"),
    "a word beside parts": (
        table([*PARTS[:7], "tset"], header="image,a"), "a.csv", BadBenchmark, r"1 of 8 .* a value of column 'a'"),
    "no labels": (table(FOLDS, header="nr,fold", labels=range(8)), "a.csv", BadRecordings, "No column of a.csv names"),
    "no column of splits": (
        table(FOLDS, FOLDS, header="image,size,age"), "a.csv", BadBenchmark, r"clearly one (.|\n)*'size', 'age'"),
    "no folds": (json.dumps([1, 2]), "a.json", BadBenchmark, "holds no splits"),
    "nothing": ({}, "a.json", BadBenchmark, "holds no splits"),
    "a fold that is none": ({"img1": True}, "a.json", BadBenchmark, "True is no fold"),
    "an id that is none": ({"a": {"train": [None], "test": []}}, "a.json", BadBenchmark, "'train' must list labels"),
    "no JSON": ("{'img1': 0}", "a.json", BadBenchmark, "is not JSON"),
    "deep JSON": ("[" * 100_000, "a.json", BadBenchmark, "is not JSON"),
    "another ending": ("", "a.txt", BadBenchmark, "read from .json or .csv, not from a.txt"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_refused_with_examples(case):
    content, name, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        plan(content, name).split(STIMULI)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({}, BadBenchmark, "'splits: path' must be a path, not None"),
        ({"path": 3}, BadBenchmark, "'splits: path' must be a path, not 3"),
        ({"path": "none.json"}, BadBenchmark, "Cannot read the splits none.json: No such file"),
        ({"path": "a.csv", "columns": ["cv"]}, UnknownName, "a.csv: unknown column 'cv'"),
        ({"path": "a.csv", "columns": 3}, BadBenchmark, "'splits: columns' must be a list of names, not 3"),
        ({"path": "a.csv", "folds": 3}, UnknownName, "unknown key of splits 'folds'"),
    ],
)
def test_bad_plans_are_refused(spec, error, message):
    Path("a.csv").write_text(table(FOLDS))
    with pytest.raises(error, match=message):
        SplitPlan.parse({"kind": "file", **spec}, "")


def test_the_path_is_relative_to_the_benchmark(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "a.csv").write_text(table(FOLDS))
    (folder / "mine.yaml").write_text("data: toy\nsplits: {kind: file, path: a.csv}\n")
    assert rows(Benchmark.read(folder / "mine.yaml").splits.split(STIMULI)) == IN_FOLDS


def test_the_content_of_the_file_is_part_of_the_plan():
    first, again, other = (plan(table(folds), "a.csv") for folds in (FOLDS, FOLDS, FOLDS[::-1]))
    assert first == again
    assert first.as_dict() == again.as_dict()
    assert first.as_dict() != other.as_dict()
    assert first.as_dict()["path"] == "a.csv"
    with pytest.raises(BadBenchmark, match="cannot be made without their ids"):
        first.divide(8, {})


def in_memory(images, **splits):
    responses = np.random.default_rng(0).standard_normal((len(images), 6))
    recordings = recordings_in_memory(images, responses, metadata={"copy": np.arange(len(images)) % 6})
    return Task.load(benchmark_in_memory(recordings, splits), SilentReporter(), responses_for="ridge")


def test_copies_of_an_image_never_lie_in_train_and_test():
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    images[6:] = images[:6]  # image 6 is image 0, and so on
    assert len(in_memory(images, kind="kfold", folds=3, group="copy").splits) == 3
    with pytest.raises(ItbenchError, match=r"in train and, as a copy, in test: (stimulus\d+ = stimulus\d+(, )?)+\."):
        in_memory(images, kind="kfold", folds=3)
    images[6:] = 255 - images[:6]
    assert len(in_memory(images, kind="kfold", folds=3).splits) == 3


def test_copies_are_found_in_splits_from_a_file():
    images = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3), dtype=np.uint8)
    images[5] = images[0]
    ids = [f"stimulus{number:05d}" for number in range(8)]
    for train, test in itertools.permutations(([0, 1, 2], [3, 4, 5], [3, 4, 6]), 2):
        parts = {"train": [ids[row] for row in train], "test": [ids[row] for row in test]}
        if set(train) & set(test):
            continue
        Path("a.json").write_text(json.dumps({"a": parts}))
        if {0, 5} <= {*train, *test}:
            with pytest.raises(ItbenchError, match=r"1 images of the split 'a' .*stimulus00000 = stimulus00005"):
                in_memory(images, kind="file", path="a.json")
        else:
            assert len(in_memory(images, kind="file", path="a.json").splits) == 1
