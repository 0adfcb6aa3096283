"""Trained weights as files of their own: what the card says, what comes back, and what is refused."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from itbench import load_plugins, load_trained
from itbench.data.recordings_file import write_recordings
from itbench.errors import DamagedFile, NoWeights
from itbench.results.score_file import read_score
from itbench.results.score_variables import predictions
from itbench.training.trained_weights import TrainedStore, read_about
from tests.kit.commands import run, run_python
from tests.kit.toy import toy_recordings
from tests.kit.training import LEARNERS, first_split, halves, scored

TEST = 40  # held-out images of each of two splits


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with all that there is after a learner was scored, two epochs in each of two splits."""
    folder = tmp_path_factory.mktemp("made")
    write_recordings(toy_recordings(), folder / "home" / "data" / "toy.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITBENCH_HOME", str(folder / "home"))
        patch.setenv("ITBENCH_RESULTS", str(folder / "scores"))
        scored(halves(folder / "home" / "toy.yaml"))
    return folder


@pytest.fixture
def benchmark(made, home):
    """The benchmark of a learner that was scored."""
    shutil.copytree(made / "home", home)
    shutil.copytree(made / "scores", Path("leaderboard/scores"))
    return home / "halves.yaml"


@pytest.fixture
def registry():
    return load_plugins([LEARNERS])


def exported(*words):
    """Run the command; return the paths that it names."""
    done = run("export", *words, "--plugin", LEARNERS, "--json")
    assert done.exit_code == 0, done.stderr
    return [Path(name) for name in json.loads(done.stdout)]


def refused(*words):
    done = run("export", *words, "--plugin", LEARNERS)
    assert done.exit_code == 1
    assert list(Path().glob("*.md")) == []
    return done.stderr


def scored_predictions():
    """Return the predictions (split, image, site) that the score holds."""
    (path,) = Path("leaderboard/scores").glob("*direct*.nc")
    return predictions(read_score(path)).reshape(2, TEST, -1)


# ---- there and back


@pytest.mark.slow
def test_what_comes_back_predicts_what_was_scored(benchmark, registry):
    weights, _ = exported("learner", "--split", "fold0", "--output", "cnn")
    predictor = load_trained(weights, registry)
    images = toy_recordings().stimuli.images[first_split(benchmark).test]
    np.testing.assert_allclose(predictor.predict(images), scored_predictions()[0], atol=1e-6)
    assert predictor.activations(predictor.prepare(images[:3]), ["conv"])["conv"].shape == (3, 8, 6, 6)


@pytest.mark.slow
def test_another_machine_needs_the_file_and_the_plugin_alone(benchmark, tmp_path):
    exported("learner", "--split", "fold1", "--output", "cnn.safetensors")
    np.save("images.npy", toy_recordings().stimuli.images[:5])
    code = (
        "import numpy as np\nfrom itbench import load_trained\n"
        "print(load_trained('cnn.safetensors').predict(np.load('images.npy')).tolist())"
    )
    elsewhere = run_python(code, ITBENCH_HOME=str(tmp_path / "empty"), ITBENCH_PLUGINS=str(LEARNERS))
    assert elsewhere.returncode == 0, elsewhere.stderr
    here = load_trained("cnn.safetensors", load_plugins([LEARNERS])).predict(np.load("images.npy"))
    np.testing.assert_allclose(json.loads(elsewhere.stdout), here, atol=1e-6)


@pytest.mark.slow
def test_weights_of_a_core_come_with_it(toy):
    """Those that the core itself would fetch cannot be had here."""
    how = ("--weights", "random", "--recipe", "epochs=1", "--recipe", "batch=8")
    assert run("score", "-m", "finetuned/toy-net", "-b", halves(toy), *how).exit_code == 0
    weights, card = exported("finetuned/toy-net", "--split", "fold0", "--output", "tuned")
    predicted = load_trained(weights).predict(toy_recordings().stimuli.images[:4])
    assert predicted.shape == (4, 5)
    assert re.search(r"core +\| toy-net", card.read_text())
    assert re.search(r"started from +\| random-0", card.read_text())


def test_every_split_gets_a_file_of_its_own(benchmark):
    paths = exported("learner:trained-0", "--output", "cnn.safetensors")
    assert [path.name for path in paths] == [
        f"cnn-{split}.{ending}" for split in ("fold0", "fold1") for ending in ("safetensors", "md")
    ]
    assert [read_about(path)["split"] for path in paths[::2]] == ["fold0", "fold1"]
    assert "fold1, seed 0" in paths[3].read_text()


def test_an_id_names_one(benchmark):
    for entry in TrainedStore().find("learner"):
        weights, _ = exported(entry["id"], "--output", f"{entry['split']}")
        assert read_about(weights)["split"] == entry["split"]


# ---- the card


@pytest.fixture
def card(benchmark):
    return exported("learner", "--split", "fold0", "--output", "cnn")[1].read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "said",
    [
        "# learner, trained on halves, fold0, seed 0",
        "predicts, from an image, the responses of 5 sites",
        "training images +\\| 40 ",
        "of these, validation images that choose the best epoch +\\| 8 ",
        "started from +\\| random-0",
        "epochs +\\| 2 ",
        "device +\\| cpu ",
        r"preprocessed by `Compose\( ToImage\(\) ToDtype\(scale=True\) \)`",
        "The 40 test images of the split fold0 of halves",
        "licence: not stated",
        'itbench.load_trained\\("cnn.safetensors"\\)',
        "site000, site001, site002, site003, site004",
    ],
)
def test_the_card_says(said, card):
    assert re.search(said, card)


def test_the_card_has_the_recipe(card):
    recipe = yaml.safe_load(card.partition("```yaml\n")[2].partition("```")[0])
    about = read_about(Path("cnn.safetensors"))
    assert recipe == about["recipe"]
    assert (recipe["epochs"], recipe["members"], recipe["average"]) == (2, 1, 0.9)


def test_the_card_names_the_held_out_images(card, benchmark):
    ids = card.partition("Their ids</summary>\n\n")[2].partition("\n")[0].split(", ")
    assert ids == [toy_recordings().stimuli.ids[row] for row in first_split(benchmark).test]


def test_the_card_gives_the_inner_and_the_held_out_values(card):
    (path,) = Path("leaderboard/scores").glob("*direct*.nc")
    held_out = read_score(path).explained_variance.sel(split="fold0", layer="output").mean().item()
    inner = read_about(Path("cnn.safetensors"))["inner_explained_variance"]
    assert re.search(rf"explained variance of held-out images, mean over sites +\| +{held_out:.3f}", card)
    assert re.search(rf"explained variance of validation images, mean over sites +\| +{inner:.3f}", card)


@pytest.mark.slow
def test_held_out_values_of_other_weights_are_not_given(benchmark):
    scored(benchmark, "--seed", "1")
    Path("leaderboard/scores").rename("other")
    assert "of held-out images" not in exported("learner:trained-1", "--split", "fold0")[1].read_text()
    scored(benchmark)
    assert "of held-out images" not in exported("learner:trained-1", "--split", "fold0", "--replace")[1].read_text()
    with_scores = exported("learner:trained-1", "--split", "fold0", "--replace", "--results", "other")
    assert "of held-out images" in with_scores[1].read_text()


@pytest.mark.slow
def test_citation_and_licence_of_a_registered_benchmark(toy, home, monkeypatch):
    path = halves(toy)
    path.write_text(f"{path.read_text()}citation: Toy et al. (2030)\nlicence: CC0\n")
    plugin = home / "bench_plugin.py"
    plugin.write_text(
        "from itbench import hookimpl\n\n@hookimpl\ndef itbench_benchmarks(register):\n    register('halves.yaml')\n"
    )
    scored(path)
    _, card = exported("learner", "--split", "fold0", "--plugin", plugin)
    assert "citation: Toy et al. (2030)\n- licence: CC0" in card.read_text()
    assert "one of 2 folds (seed 0, stratified by category)" in card.read_text()


# ---- what is refused


@pytest.mark.slow
def test_what_was_trained_in_several_ways_is_not_guessed(benchmark):
    scored(benchmark, "--seed", "1")
    said = refused("learner")
    assert "learner was trained in several ways, which differ in seed" in said
    for entry in TrainedStore().entries():
        assert entry["id"] in said
    assert len(exported("learner:trained-1")) == 4


def test_what_was_not_trained_is_not_exported(benchmark):
    assert "unknown trained model 'lerner'.\nDid you mean learner" in refused("lerner")
    assert "unknown split of learner 'fold7'" in refused("learner", "--split", "fold7")


@pytest.mark.parametrize("name", ["cnn.safetensors", "cnn.md"])
def test_a_file_that_is_there_is_kept_unless_it_is_to_be_replaced(name, benchmark):
    Path(name).write_text("dear to me")
    done = run("export", "learner", "--split", "fold0", "--output", "cnn", "--plugin", LEARNERS)
    assert done.exit_code == 1
    assert f"There is a file {name} already" in done.stderr
    assert [path.name for path in Path().glob("cnn*")] == [name]
    assert len(exported("learner", "--split", "fold0", "--output", "cnn", "--replace")) == 2
    assert "dear" not in Path("cnn.md").read_text()


def test_damaged_weights_are_not_exported(benchmark):
    path = Path(TrainedStore().find("learner", split="fold0")[0]["file"])
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "are truncated or were altered" in refused("learner", "--split", "fold0")


@pytest.fixture
def weights(benchmark):
    return exported("learner", "--split", "fold0", "--output", "cnn")[0]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda content: None, NoWeights, "No file cnn.safetensors"),
        (lambda content: b"hello", DamagedFile, "truncated or were altered"),
        (lambda content: content[:-1], DamagedFile, "truncated or were altered"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 4]), DamagedFile, "not what its checksum says"),
        (lambda content: content.replace(b"conv.bias", b"conv.kind"), DamagedFile, "not what its checksum says"),
    ],
    ids=["missing", "no safetensors", "truncated", "flipped", "renamed"],
)
def test_a_file_that_is_not_whole_is_refused(change, error, said, weights, registry):
    content = change(weights.read_bytes())
    weights.unlink()
    if content is not None:
        weights.write_bytes(content)
    with pytest.raises(error, match=f"(?s){said}"):
        load_trained(weights, registry)


def test_other_weights_are_refused(registry):
    save_file({"a": np.ones(3)}, "resnet.safetensors")
    with pytest.raises(NoWeights, match=r"(?s)resnet.safetensors holds no trained weights .*not named.*itbench export"):
        load_trained("resnet.safetensors", registry)


def test_a_model_that_is_not_here_is_named_with_its_remedy(weights):
    with pytest.raises(NoWeights, match=r"(?s)holds weights of learner, which is not here.*ITBENCH_PLUGINS=FILE"):
        load_trained(weights)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nn.ReLU()", "nn.GELU()", "Its architecture changed since"),
        ("scale=True", "scale=False", "Its preprocessing changed since"),
        ("(36 * width, sites)", "(36 * width, sites, bias=False)", "Its architecture changed since"),
    ],
)
def test_a_model_that_changed_since_is_refused(old, new, said, weights, tmp_path):
    plugin = tmp_path / "learners.py"
    assert old in LEARNERS.read_text()
    plugin.write_text(LEARNERS.read_text().replace(old, new))
    plugin.with_suffix(".yaml").write_text(LEARNERS.with_suffix(".yaml").read_text())
    with pytest.raises(NoWeights, match=rf"(?s)do not fit the learner that is here.*{said}.*itbench 0\.") as error:
        load_trained(weights, load_plugins([plugin]))
    assert "with its plugins" in error.value.todo
