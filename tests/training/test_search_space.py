"""What a study may search: ranges and choices of a recipe's keys, checked before any trial."""

import numpy as np
import optuna
import pytest

from itbench import BadOption
from itbench.errors import UnknownName
from itbench.models.recipe import Recipe
from itbench.training.search_space import Choices, Range, recipe_values, search_space
from tests.kit.commands import ROOT


def tuned(**values):
    return Recipe(options={"depth": 3, "dropout": 0.5}, tune=values)


@pytest.mark.parametrize(
    ("key", "spec", "expected"),
    [
        ("lr", {"low": 1e-4, "high": 1e-2, "log": True}, Range(1e-4, 1e-2, log=True)),
        ("lr", {"low": 1, "high": 2}, Range(1.0, 2.0)),
        ("epochs", {"low": 10, "high": 40}, Range(10, 40, whole=True)),
        ("options.depth", {"low": 1, "high": 6}, Range(1, 6, whole=True)),
        ("options.dropout", {"low": 0, "high": 1}, Range(0.0, 1.0)),
        ("options.width", {"low": 8, "high": 64}, Range(8, 64, whole=True)),
        ("losses.teacher", {"low": 0, "high": 0.0}, None),
        ("augment", [[], ["shift", "flip"]], Choices(([], ["shift", "flip"]))),
        ("clip", [None, 1.0], Choices((None, 1.0))),
    ],
)
def test_a_range_or_a_list_of_choices_is_read(key, spec, expected):
    if expected is None:
        with pytest.raises(BadOption, match="is no range"):
            search_space(tuned(**{key: spec}))
    else:
        assert search_space(tuned(**{key: spec})) == {key: expected}


@pytest.mark.parametrize(
    ("key", "spec", "error", "said"),
    [
        ("learning_rate", [1.0], UnknownName, "unknown key of a recipe 'learning_rate'"),
        ("ephocs", [1], UnknownName, "Did you mean epochs"),
        ("lr", {"low": 1e-4, "high": 1e-2, "logg": True}, UnknownName, "Did you mean log"),
        ("lr", {"low": 1e-4}, BadOption, "must be a range or a list of choices"),
        ("lr", 1e-4, BadOption, "must be a range or a list of choices"),
        ("lr", [], BadOption, "must be a range or a list of choices"),
        ("lr", {"low": 1e-2, "high": 1e-4}, BadOption, "low must be a number below high"),
        ("lr", {"low": "a", "high": "b"}, BadOption, "is no range"),
        ("lr", {"low": False, "high": True}, BadOption, "is no range"),
        ("lr", {"low": 1e-4, "high": float("inf")}, BadOption, "is no range"),
        ("lr", {"low": 0, "high": 1, "log": True}, BadOption, "above 0 if log is true"),
        ("lr", {"low": 1e-4, "high": 1e-2, "log": "yes"}, BadOption, "is no range"),
        ("lr", {"low": 0, "high": 1e-2}, BadOption, "tune, lr: The recipe's key 'lr' must be a number above 0"),
        ("epochs", [10, 0], BadOption, "tune, epochs: The recipe's key 'epochs' must be a whole number from 1"),
        ("augment", [["rotate"]], BadOption, "tune, augment: The recipe's key 'augment' must be a list of shift"),
        ("losses.classes", [0.5], BadOption, "needs a label"),
        ("lr.core", [0.5], BadOption, "has no entries"),
        ("validation", [0.1, 0.2], BadOption, "cannot vary validation"),
        ("core", ["resnet18", "resnet50"], BadOption, "cannot be compared"),
    ],
)
def test_what_cannot_be_searched_is_refused(key, spec, error, said):
    with pytest.raises(error) as refused:
        search_space(tuned(**{key: spec}))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "own",
    [{"lr": 3e-3}, {"weight_decay": 0.0}, {"weight_decay": 0.3, "warmup": 0.5}, {"augment": ("flip", "colour")}],
    ids=str,
)
def test_a_recipe_that_names_no_space_has_one_around_it(own):
    recipe = Recipe(**own)
    space = search_space(recipe)
    assert set(space) == {"lr", "weight_decay", "warmup", "augment"}
    assert (space["lr"].low, space["lr"].high) == pytest.approx((recipe.lr / 10, recipe.lr * 10))
    drawn = recipe_values(recipe, space)
    assert {key: space[key].value(value) for key, value in drawn.items()} == {
        key: recipe.as_dict()[key] for key in space
    }


@pytest.mark.parametrize(
    "path", sorted((ROOT / "plugins" / "models" / "recipes").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_recipe_of_the_project_can_be_tuned_from_its_own_values(path):
    recipe = Recipe.read(path)
    space = search_space(recipe)
    told = {key for key in space if "." not in key or key.partition(".")[2] in recipe.as_dict()[key.partition(".")[0]]}
    assert set(recipe_values(recipe, space)) >= told


def test_numbers_without_a_point_are_numbers(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("options: {alpha: 1e3}\ntune:\n  options.alpha: {low: 1e-1, high: 1E+4, log: true}\n  lr: [1e-4]\n")
    recipe = Recipe.read(path)
    space = search_space(recipe)
    assert space == {"options.alpha": Range(0.1, 1e4, log=True), "lr": Choices((1e-4,))}
    assert recipe_values(recipe, space) == {"options.alpha": 1000.0}
    assert Recipe().changed(["options.alpha=-2e-3"]).options == {"alpha": -0.002}


def test_the_recipes_own_values_are_those_within_the_space():
    space = {
        "lr": {"low": 1e-4, "high": 1e-2, "log": True},
        "epochs": [10, 20],
        "weight_decay": [0, 1e-2],
        "average": [0],
        "augment": [[], ["shift"]],
        "options.depth": {"low": 1, "high": 6},
        "options.width": [8],
    }
    recipe = tuned(**space)
    assert recipe_values(recipe, search_space(recipe)) == {
        "lr": 1e-3,
        "weight_decay": "0.01",
        "average": "0",  # as the choice has it, though the recipe has 0.0
        "augment": "[]",
        "options.depth": 3,
    }


@pytest.mark.parametrize(
    "values", [Range(1e-4, 1e-2, log=True), Range(0.1, 0.3), Range(1, 6, whole=True), Choices(([], ["flip"], None, 2))]
)
def test_what_is_drawn_is_a_value_of_the_space_and_comes_back_as_it_was(values):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [study.ask({"key": values.distribution()}).params["key"] for _ in range(50)]
    found = [values.value(one) for one in drawn]
    if isinstance(values, Choices):
        assert all(one in values.ends for one in found)
        assert len({str(one) for one in found}) == len(values.ends)
    else:
        assert all(values.low <= one <= values.high for one in found)
    assert [values.value(values.drawn(one)) for one in found] == found


def test_a_logarithmic_range_draws_each_power_of_ten_alike():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    distribution = Range(1e-4, 1e-2, log=True).distribution()
    drawn = [study.ask({"lr": distribution}).params["lr"] for _ in range(300)]
    assert 0.4 < np.mean(np.array(drawn) < 1e-3) < 0.6
