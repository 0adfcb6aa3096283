"""Recipes: what they hold, how they are changed, and what is refused before any training."""

import pytest
import yaml

from itbench import Recipe
from itbench.errors import BadOption, UnknownName
from tests.kit.commands import ROOT

RECIPES = sorted((ROOT / "plugins" / "models" / "recipes").glob("*.yaml"))


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ("epochs=3", "epochs", 3),
        ("lr=1e-4", "lr", 1e-4),  # text to YAML, a number to a reader
        ("lr=0.1", "lr", 0.1),
        ("clip=null", "clip", None),
        ("probe=true", "probe", True),
        ("losses.classes=0.3", "losses", {"responses": 1.0, "classes": 0.3}),
        ("losses={responses: 2}", "losses", {"responses": 2.0}),
        ("lr_by.core.*=0.1", "lr_by", {"core.*": 0.1}),
        ("options.widths=[16, 32]", "options", {"widths": [16, 32]}),
        ("freeze=core.*", "freeze", ("core.*",)),
        ("augment=[shift, flip]", "augment", ("shift", "flip")),
        ("response_loss=poisson", "response_loss", "poisson"),
        ("teacher.model=pixels", "teacher", {"model": "pixels"}),
    ],
)
def test_a_change_sets_one_key(change, key, value):
    recipe = Recipe().changed(["label=object", change])
    assert getattr(recipe, key) == value
    assert set(recipe.departures(Recipe(label="object"))) == {key}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("epoch=3", "unknown key of a recipe 'epoch'.\nDid you mean epochs"),
        ("epochs=0", "key 'epochs' must be a whole number from 1, not 0"),
        ("epochs=2.5", "key 'epochs' must be a whole number from 1, not 2.5"),
        ("epochs=true", "key 'epochs' must be a whole number from 1, not True"),
        ("members=0", "key 'members' must be a whole number from 1"),
        ("lr=0", "key 'lr' must be a number above 0"),
        ("lr=-1", "key 'lr' must be a number above 0"),
        ("lr=nan", "key 'lr' must be a number above 0"),
        ("lr=fast", "key 'lr' must be a number above 0, not 'fast'"),
        ("clip=0", "key 'clip' must be a number above 0"),
        ("warmup=1", "key 'warmup' must be a number from 0 to below 1"),
        ("average=1", "key 'average' must be a number from 0 to below 1"),
        ("probe=1", "key 'probe' must be true or false"),
        ("schedule=linear", "key 'schedule' must be cosine or constant"),
        ("precision=float16", "key 'precision' must be auto or float32 or bfloat16"),
        ("augment=[rotate]", "key 'augment' must be a list of shift, flip, colour"),
        ("freeze=[1]", "key 'freeze' must be a list of patterns"),
        ("losses.faces=1", "unknown loss 'faces'"),
        ("losses.responses=-1", "key 'losses' must be numbers from 0"),
        ("losses.responses=0", "losses are all 0"),
        ("losses.classes=1", "needs a label, such as label=object"),
        ("losses.teacher=1", "needs a teacher"),
        ("validation=0", "keeps no images for validation"),
        ("{probe: true, response_loss: poisson}", "needs losses.responses and mse"),
        ("{probe: true, losses: {picture: 1}}", "needs losses.responses and mse"),
        ("options=3", "key 'options' must be a mapping"),
        ("lr.x=1", "the recipe's lr has no entries"),
        ("lr", "'lr' is not a change of a recipe"),
        ("options={", "The recipe's options='{' is not YAML"),
        ("nowhere.yaml", "Cannot read the recipe file nowhere.yaml: No such file"),
    ],
)
def test_what_cannot_be_is_refused(change, said):
    with pytest.raises((BadOption, UnknownName)) as refused:
        Recipe().with_values(yaml.safe_load(change)) if change.startswith("{") else Recipe().changed([change])
    assert said in str(refused.value)


def test_a_file_is_named_in_what_is_wrong_with_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: many\n")
    with pytest.raises(BadOption, match=r"mine\.yaml: The recipe's key 'epochs' must be a whole number.*, not 'many'"):
        Recipe.read(path)
    path.write_text("- epochs\n")
    with pytest.raises(BadOption, match=r"mine\.yaml: a recipe must be a mapping of keys to values, not \['epochs'\]"):
        Recipe.read(path)


def test_a_file_of_changes_and_single_changes_apply_in_order(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: 7\nlr: 1e-2\n")
    recipe = Recipe().changed(["lr=1", str(path), "epochs=9"])
    assert (recipe.epochs, recipe.lr) == (9, 0.01)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_project_comes_back_from_yaml_as_it_was(path, tmp_path):
    recipe = Recipe.read(path)
    copy = tmp_path / "copy.yaml"
    copy.write_text(yaml.safe_dump(recipe.as_dict()))
    assert Recipe.read(copy) == recipe
