"""Why two numbers differ: what is named is what was changed, in a fixed order, and the numbers add up."""

import json
from pathlib import Path

import numpy as np
import pytest

from itbench.results.score_file import provenance, read_score, write_score
from itbench.results.summary import summary
from tests.kit.commands import run
from tests.kit.commands import score_file as scored


def differing(first, second, *options):
    """Return what itbench diff says, as JSON."""
    done = run("diff", first, second, *options, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def altered(path, change, folder):
    """Write a copy of a score whose provenance was changed, and return its path."""
    score = read_score(path)
    said = provenance(score)
    change(said)
    return write_score(score.assign_attrs(provenance=json.dumps(said)), Path(folder))


def source(key, value):
    """Return a change of what the model says of itself."""
    return lambda said: said["sources"][0]["identity"].update({key: value})


# In the order in which they are to be named: item, whether numbers change by it, and a change of provenance.
CHANGES = [
    ("responses", True, lambda said: said["digests"].update(responses="b" * 64)),
    ("stimuli", True, lambda said: said["digests"].update(stimuli="c" * 64)),
    ("coordinates", True, lambda said: said["digests"].update(content="d" * 64)),
    ("weights", True, lambda said: said["sources"][0]["weights"].update(digest="e" * 64)),
    ("preprocessing", True, source("preprocessing", "x / 127 - 1")),
    ("code", True, source("plugin", "f" * 64)),
    ("splits", True, lambda said: said["splits"].update(seed=7)),
    ("option components", True, lambda said: said["options"]["defaulted"].update(components="500")),
    ("precision", True, lambda said: said.update(precision="bfloat16")),
    ("pool", True, lambda said: said.update(pool="mean")),
    ("degrees", True, lambda said: said.update(degrees="8° cropped to 4°")),
    ("device", False, lambda said: said.update(device="cuda")),
    ("versions", False, lambda said: said["versions"].update(numpy="9.9")),
    ("commit", False, lambda said: said["git"].update(commit="0" * 40)),
    ("machine", False, lambda said: said["machine"].update(processor="arm64")),
]


@pytest.fixture
def network(toy):
    """Return the path of a score of a network."""
    return scored("-m", "toy-net", "-b", toy, "--weights", "random")


@pytest.mark.slow
@pytest.mark.parametrize(("item", "changes_numbers", "change"), CHANGES, ids=[item for item, *_ in CHANGES])
def test_what_was_changed_is_what_is_named(item, changes_numbers, change, network):
    (departure,) = differing(network, altered(network, change, "other"))["departures"]
    assert departure["item"] == item
    assert departure["changes_numbers"] == changes_numbers
    assert departure["a"] != departure["b"]


@pytest.mark.slow
def test_the_most_consequential_comes_first(network):
    def everything(said):
        for _, _, change in reversed(CHANGES):
            change(said)

    found = differing(network, altered(network, everything, "other"))
    assert [departure["item"] for departure in found["departures"]] == [item for item, *_ in CHANGES]
    changing = sum(changes for _, changes, _ in CHANGES)
    rest = len(CHANGES) - changing
    assert found["verdict"] == f"{changing} items differ that change values, and {rest} that do not."


@pytest.mark.slow
def test_dates_and_seconds_do_not_matter(network):
    def later(said):
        said.update(date="2030-01-01T00:00:00+0000", seconds={"data": 99.0})

    found = differing(network, altered(network, later, "other"))
    assert found["departures"] == []
    assert found["verdict"] == "No item differs that changes values: they agree up to rounding."
    assert found["numbers"]["difference"] == 0
    text = run("diff", network, altered(network, later, "other")).stdout
    assert "No item differs that changes values" in text


@pytest.mark.slow
def test_what_rounds_is_no_cause_and_a_number_without_a_cause_is_said_to_have_none(network):
    def elsewhere(said):
        said["device"] = "cuda"

    assert differing(network, altered(network, elsewhere, "other"))["verdict"].startswith(
        "No item differs that changes values"
    )
    score = read_score(network)
    other = write_score(score.assign(explained_variance=score.explained_variance - 0.01), Path("other"))
    assert "yet they differ" in differing(network, other)["verdict"]
    nearly = write_score(score.assign(explained_variance=score.explained_variance - 1e-6), Path("nearly"))
    assert "they agree up to rounding" in differing(network, nearly)["verdict"]


@pytest.mark.slow
def test_weights_metric_options_layers_and_sites_of_real_scores_are_named(toy, network):
    seed = scored("-m", "toy-net", "-b", toy, "--weights", "random", "--seed", "1", "-o", "components=5")
    found = differing(network, seed)
    assert [departure["item"] for departure in found["departures"]] == ["weights", "option components"]
    assert found["departures"][0]["a"].startswith("random-0, digest ")
    assert found["departures"][1]["a"] == "1000 (default)"
    assert found["departures"][1]["b"] == "5"
    assert found["verdict"] == "2 items differ that change values."
    pls = differing(network, scored("-m", "toy-net", "-b", toy, "--weights", "random", "--metric", "pls"))
    assert "metric" in [departure["item"] for departure in pls["departures"]]
    assert not any(departure["item"].startswith("option") for departure in pls["departures"])


@pytest.mark.slow
def test_what_is_due_to_the_layer_is_told_apart(toy):
    whole, noise = scored("-m", "toy", "-b", toy), scored("-m", "toy", "-b", toy, "-l", "noise")
    found = differing(whole, noise)
    assert [departure["item"] for departure in found["departures"]] == ["layer chosen", "layers offered"]
    numbers = found["numbers"]
    score = read_score(whole)
    ev = ((score.explained_variance * score.sst).sum("split") / score.sst.sum("split")).mean("site")
    assert numbers["a_at_layer_of_b"] == pytest.approx(float(ev.sel(layer="noise")))
    assert numbers["due_to_layer"] == pytest.approx(float(ev.sel(layer="good") - ev.sel(layer="noise")))
    assert numbers["due_to_layer"] == pytest.approx(numbers["difference"])
    back = differing(noise, whole)["numbers"]
    assert back["due_to_layer"] is None  # the layer that the other chose was not read
    text = run("diff", whole, noise).stdout
    assert f"So {numbers['due_to_layer']:+.4f} of A − B is due to the layer, +0.0000 to all else." in text


@pytest.mark.slow
def test_the_interval_is_that_of_paired_draws(toy):
    paths = scored("-m", "toy", "-b", toy), scored("-m", "toy-net", "-b", toy, "--weights", "random")
    numbers = differing(*paths)["numbers"]
    first, second = (read_score(path) for path in paths)
    drawn = [score.draws.sel(measure="explained_variance").values.astype(float) for score in (first, second)]
    expected = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    assert [numbers["low"], numbers["high"]] == pytest.approx(list(expected), abs=1e-6)
    assert numbers["difference"] == pytest.approx(summary(first)["value"] - summary(second)["value"])


def unpaired(first, second):
    numbers = differing(first, second)["numbers"]
    return (numbers["low"], numbers["high"]) == (None, None)


@pytest.mark.slow
def test_draws_of_other_splits_are_not_paired(toy):
    def reseed(said):
        said["splits"]["seed"] = 3

    first = scored("-m", "toy", "-b", toy)
    without_rows = scored("-m", "toy", "-b", toy, "--no-predictions", results="small")
    assert not unpaired(first, without_rows)  # by the plan of the splits
    assert unpaired(first, altered(without_rows, reseed, "other"))
    toy.write_text(toy.read_text().replace("folds: 4", "folds: 4, seed: 3"))
    assert unpaired(first, scored("-m", "toy", "-b", toy, results="reseeded"))  # by the rows themselves


@pytest.mark.slow
def test_sites_that_changed_by_more_than_the_interval_are_counted(toy):
    path = scored("-m", "toy", "-b", toy)
    score = read_score(path)
    width = summary(score)["high"] - summary(score)["low"]
    moved = score.explained_variance.copy()
    moved[..., :2] -= 0.6 * width
    moved[..., 2] -= 0.4 * width
    other = write_score(score.assign(explained_variance=moved), Path("other"))
    numbers = differing(path, other)["numbers"]
    assert (numbers["sites"], numbers["sites_changed"]) == (5, 2)
    assert "at 2 of 5 sites" in " ".join(run("diff", path, other).stdout.split())


@pytest.mark.slow
def test_comparisons_are_laid_side_by_side(toy):
    first = scored("-m", "toy", "-b", toy, "--metric", "cka")
    second = scored("-m", "toy", "-b", toy, "--metric", "cka", "-l", "noise")
    numbers = differing(first, second)["numbers"]
    values = read_score(first).value
    assert numbers["measure"] == "cka"
    assert numbers["due_to_layer"] == pytest.approx(float(values.sel(layer="good") - values.sel(layer="noise")))
    assert numbers["low"] < numbers["difference"] < numbers["high"]


@pytest.mark.slow
def test_headlines_that_differ_are_compared_by_explained_variance_or_not_at_all(toy):
    ridge = scored("-m", "toy", "-b", toy)
    own = scored("-m", "toy", "-b", toy, "--metric", "brainscore-pls", "-o", "stratify=none")
    assert differing(ridge, own)["numbers"]["measure"] == "explained_variance"
    cka = scored("-m", "toy", "-b", toy, "--metric", "cka")
    found = differing(ridge, cka)
    assert found["numbers"] is None
    assert found["verdict"] == "The scores have no measure in common: their values cannot be compared."
    assert "no measure in common" in run("diff", ridge, cka).stdout


@pytest.mark.slow
def test_models_are_named_as_in_the_results_folder(toy):
    scored("-m", "toy-net", "-b", toy, "--weights", "random", results="leaderboard/scores")
    scored("-m", "toy-net", "-b", toy, "--weights", "random", "--seed", "1", results="leaderboard/scores")
    scored("-m", "toy", "-b", toy, results="leaderboard/scores")
    assert differing("toy-net:random-0", "toy-net:random-1", "-b", toy)["a"] == "toy-net (random-0) on toy by ridge"
    done = run("diff", "toy", "toy-net")
    assert done.exit_code == 1
    assert "'toy-net' stands for 2 scores" in done.stderr
    assert f"itbench diff toy toy-net:random-1 -b {toy} --metric ridge" in done.stderr


def test_text_fits_a_terminal_and_names_both(toy, network):
    text = run("diff", network, scored("-m", "toy", "-b", toy)).stdout
    assert text.startswith("A  toy-net (random-0) on toy by ridge\nB  toy (none) on toy by ridge\n")
    assert max(map(len, text.splitlines())) <= 100
    assert "The models differ." in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "unknown score"),
        ("nothing.nc", "No score file nothing.nc"),
        ("torn.nc", "truncated or was altered"),
        ("text.nc", "is no score file: it is text"),
    ],
)
def test_bad_input_is_refused_in_words(name, said, toy):
    path = scored("-m", "toy", "-b", toy)
    Path("torn.nc").write_bytes(path.read_bytes()[:-1])
    Path("text.nc").write_text("not a score")
    done = run("diff", path, name)
    assert done.exit_code == 1
    assert said in done.stderr
