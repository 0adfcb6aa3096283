"""Layers as a user names them: patterns, sums, a spread over depth."""

import numpy as np
import pytest

from itbench import BadOption, rescore
from itbench.api.score import score_model
from itbench.errors import UnknownName
from itbench.extraction.gram_cache import GramCache
from itbench.models.layers import evenly_spaced, expand_patterns, split_sum
from tests.kit.commands import run

SHAPES = {
    "stem": (8, 4, 4),
    "blocks": "gives a tuple, not a tensor",
    "blocks.0": (5, 8),
    "blocks.0.fc": (5, 32),
    "blocks.1": (5, 8),
    "blocks.1.fc": (5, 32),
    "blocks.10": (5, 8),
    "head": (10,),
}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["stem", "head"], ["stem", "head"]),
        (["blocks.*"], ["blocks.0", "blocks.1", "blocks.10"]),
        (["blocks.?"], ["blocks.0", "blocks.1"]),
        (["*"], ["stem", "head"]),
        (["**.fc"], ["blocks.0.fc", "blocks.1.fc"]),
        (["blocks.*.fc", "stem"], ["blocks.0.fc", "blocks.1.fc", "stem"]),
        (["blocks.1", "blocks.*"], ["blocks.1", "blocks.0", "blocks.10"]),
        (["stem+head"], ["stem+head"]),
    ],
)
def test_patterns_fit_layers_that_give_tensors(names, expected):
    assert expand_patterns(names, SHAPES) == tuple(expected)


def test_a_pattern_that_fits_nothing_is_refused():
    with pytest.raises(UnknownName, match=r"unknown layer pattern 'block\.\*'"):
        expand_patterns(["block.*"], SHAPES)


@pytest.mark.parametrize("name", ["a+", "+a", "a+a", "a.*+b", "a+?"])
def test_sums_that_are_not_clear_are_refused(name):
    with pytest.raises(BadOption, match="layers"):
        split_sum(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b+c", ("b+c",)),
        ("a+b+c", ("a", "b+c")),
        ("b+c+a", ("b+c", "a")),
        ("a+b", ("a", "b")),
        ("d*+b+c", ("d*", "b+c")),
        (" a + b+c", ("a", "b+c")),
    ],
)
def test_a_layer_whose_name_has_a_plus_is_kept_whole(name, expected):
    assert split_sum(name, ("a", "b+c", "d*")) == expected


def test_the_whole_name_of_a_layer_is_no_pattern():
    shapes = {"d*": (3,), "dx": (3,), "e?": (3,)}
    assert expand_patterns(["d*", "e?"], shapes) == ("d*", "e?")
    assert expand_patterns(["d?"], shapes) == ("d*", "dx")


@pytest.mark.parametrize(("n", "most"), [(3, 8), (8, 8), (9, 8), (100, 8), (7, 2)])
def test_a_spread_holds_the_first_and_the_last_in_order(n, most):
    chosen = evenly_spaced(map(str, range(n)), most)
    numbers = list(map(int, chosen))
    assert len(chosen) == min(n, most)
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-1]) == (0, n - 1)


def test_a_sum_of_layers_scores_as_their_features_side_by_side(toy, home):
    plugin = home / "both.py"
    plugin.write_text(
        "from itbench import FunctionModel, hookimpl\n\n\n@hookimpl\ndef itbench_models(register):\n"
        "    register('both', both, layers=('a', 'b', 'ab'), weights=())\n\n\ndef both(weights):\n"
        "    def features(images):\n        rows = images.reshape(len(images), -1) / 255\n"
        "        return {'a': rows[:, :12], 'b': rows[:, 12:20], 'ab': rows[:, :20]}\n\n"
        "    return FunctionModel(features, layers=('a', 'b', 'ab'), identity='both 1')\n"
    )
    from itbench import load_plugins

    score = score_model("both", str(toy), registry=load_plugins([plugin]), layers=["a+b", "ab", "b"])
    assert list(score.layer.values) == ["a+b", "ab", "b"]
    assert dict(zip(score.layer.values, score.n_features.values, strict=True)) == {"a+b": 20, "ab": 20, "b": 8}
    ev = score.explained_variance
    np.testing.assert_allclose(ev.sel(layer="a+b"), ev.sel(layer="ab"), atol=1e-6)
    assert float((ev.sel(layer="ab") - ev.sel(layer="b")).mean()) > 0.1
    assert {entry["layer"] for entry in GramCache().entries()} == {"a", "b", "ab"}  # the parts are kept, not the sum


def test_layers_with_signs_in_their_names_are_scored_and_rescored(toy, home):
    plugin = home / "signs.py"
    plugin.write_text(
        "from itbench import FunctionModel, hookimpl\n\n\n@hookimpl\ndef itbench_models(register):\n"
        "    register('signs', signs, layers=('b+c', 'd*'), weights=())\n\n\ndef signs(weights):\n"
        "    def features(images):\n        rows = images.reshape(len(images), -1) / 255\n"
        "        return {'b': rows[:, 20:25], 'b+c': rows[:, :20], 'd*': rows[:, 20:50], 'dx': rows[:, :3]}\n\n"
        "    return FunctionModel(features, layers=('b+c', 'd*'), identity='signs 1')\n"
    )
    from itbench import load_plugins

    registry = load_plugins([plugin])
    assert list(score_model("signs", str(toy), registry=registry).layer.values) == ["b+c", "d*"]
    score = score_model("signs", str(toy), registry=registry, layers=["b+c", "b+b+c"])
    assert dict(zip(score.layer.values, score.n_features.values, strict=True)) == {"b+c": 20, "b+b+c": 25}
    again = rescore(score, "ols", benchmark=str(toy))
    assert list(again.layer.values) == ["b+c", "b+b+c"]
    assert list(again.n_features.values) == [20, 25]


def test_patterns_and_sums_on_the_command_line(toy):
    done = run("score", "-m", "toy-net", "--weights", "random", "-b", str(toy), "-l", "*", "-l", "first+second")
    assert done.exit_code == 0, done.stderr
    assert [line.split("|")[1].strip() for line in done.stdout.splitlines()[-4:]] == [
        "first",
        "relu",
        "second",
        "first+second",
    ]
    wrong = run("score", "-m", "toy-net", "--weights", "random", "-b", str(toy), "-l", "first+secnod")
    assert wrong.exit_code == 1
    assert "Did you mean second" in wrong.stderr
