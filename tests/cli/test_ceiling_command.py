"""itbench ceiling: a table of what can be reached, or what to do where nobody can tell."""

import json

import numpy as np
import pytest
import xarray as xr

from itbench.data.matching import match_recordings
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.data.responses import make_responses
from itbench.data.stimuli import StimulusSet
from itbench.statistics.noise_ceiling import rdm_ceiling, site_reliability
from itbench.util.progress import SilentReporter
from plugins.datasets.majaj_course.course_file import read_course_file
from plugins.datasets.majajhong2015.assembly import read_assembly
from tests.kit.commands import run
from tests.kit.subjects import subjects
from tests.kit.toy import toy_recordings
from tools.majaj_files import Experiment, write_course_file, write_public


def benchmark_of(home, recordings):
    """Pack recordings and return the path of a benchmark on them."""
    write_recordings(recordings, home / "data" / f"{recordings.name}.h5")
    path = home / f"{recordings.name}.yaml"
    path.write_text(f"name: {recordings.name}\ndata: {recordings.name}\nsplits: {{kind: kfold}}\n")
    return path


def with_responses(values, name="mine"):
    toy = toy_recordings()
    return Recordings(name, toy.stimuli, make_responses(values, toy.stimuli.ids))


def dissimilarities(n):
    """Recordings of the dissimilarities of 14 images, of `n` subjects."""
    rdms = np.zeros((n, 14, 14))
    rdms[:, *np.triu_indices(14, 1)] = subjects(n)
    rdms += rdms.transpose(0, 2, 1)
    images = np.random.default_rng(0).integers(0, 256, (14, 8, 8, 3), dtype=np.uint8)
    ids = tuple(f"image{number:02d}" for number in range(14))
    coords = {"subject": [f"s{number}" for number in range(n)]}
    dims = ("subject", "stimulus", "other_stimulus")
    return Recordings("rdms", StimulusSet(ids, images), None, rdms=xr.DataArray(rdms, dims=dims, coords=coords))


def rows_of(*arguments):
    done = run("ceiling", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_the_ceiling_of_sites_is_their_reliability_by_every_method(toy, home):
    responses = read_recordings(home / "data" / "toy.h5").responses
    expected = [
        {
            "benchmark": "toy",
            "method": method,
            "median": pytest.approx(np.median(site_reliability(responses, method))),
            "mean": pytest.approx(np.mean(site_reliability(responses, method))),
            "sites": 5,
            "above 0": 5,
            "repetitions": [4],
        }
        for method in ("split-half", "variance")
    ]
    assert rows_of("-b", toy) == expected
    assert rows_of("-b", toy, "--method", "variance") == expected[1:]


def test_sites_without_a_ceiling_are_counted_and_not_averaged(home):
    values = toy_recordings(sites=6, repetitions=5).responses.values
    values[1:, :, 0] = np.nan  # one repetition
    values[3:, ::2, 1:] = np.nan
    values[1::2, :, 2] = -values[::2, :, 2][:2]  # noise that opposes the signal
    path = benchmark_of(home, with_responses(values))
    row = rows_of("-b", path, "--method", "split-half")[0]
    assert (row["sites"], row["above 0"], row["repetitions"]) == (6, 4, [1, 5])
    reliability = site_reliability(make_responses(values, [str(i) for i in range(80)]))
    assert row["mean"] == pytest.approx(reliability[1:].mean())
    lines = run("ceiling", "-b", path).stdout.splitlines()
    assert [cell.strip() for cell in lines[0].strip("| ").split("|")] == list(row)
    assert len(lines) == 4


def test_dissimilarities_have_a_lower_and_an_upper_bound(home):
    path = benchmark_of(home, dissimilarities(4))
    rows = rows_of("-b", path)
    assert [row["method"] for row in rows] == ["pearson", "spearman", "cosine"]
    for row in rows:
        lower, upper = rdm_ceiling(subjects(4), row["method"])
        expected = {"benchmark": "rdms", "method": row["method"], "lower": lower, "upper": upper, "subjects": 4}
        assert row == pytest.approx(expected)


def test_sites_and_dissimilarities_stand_in_one_table(toy, home):
    rows = rows_of("-b", toy, "-b", benchmark_of(home, dissimilarities(2)))
    assert [row["benchmark"] for row in rows] == ["toy"] * 2 + ["rdms"] * 3
    assert rows[0]["upper"] is None
    assert rows[-1]["median"] is None


@pytest.mark.parametrize(
    ("name", "todo"),
    [("mine", "itbench data pack … --dims site,stimulus,repetition"), ("majaj-it", "itbench data link majaj-it")],
)
def test_means_over_repetitions_have_none_and_the_error_says_how_to_get_one(home, name, todo):
    path = benchmark_of(home, with_responses(toy_recordings().responses.values[:1], name))
    if name == "majaj-it":
        path = name
    done = run("ceiling", "-b", path)
    assert done.exit_code == 1
    assert f"{name} holds means over repetitions" in done.stderr
    assert done.stderr.endswith(f"{todo}\n")
    assert done.stdout == ""


def test_one_subject_and_an_unknown_method_are_refused(toy, home):
    for arguments, message in [
        (("-b", benchmark_of(home, dissimilarities(1))), "Dissimilarities of 1 subject have no ceiling."),
        (("-b", toy, "--method", "pearson"), "Known: split-half, variance."),
    ]:
        done = run("ceiling", *arguments)
        assert done.exit_code == 1
        assert message in done.stderr
        assert "Traceback" not in done.output


@pytest.mark.slow
def test_linked_recordings_gain_a_ceiling(home, tmp_path):
    made = Experiment()
    write_course_file(tmp_path / "IT_data.h5", made)
    course = read_course_file(tmp_path / "IT_data.h5", SilentReporter())
    write_recordings(course, home / "data" / "majaj-it.h5")
    assert "itbench data link" in run("ceiling", "-b", "majaj-it").stderr
    linked, _ = match_recordings(course, read_assembly(*write_public(tmp_path, made), "IT", SilentReporter()))
    write_recordings(linked, home / "data" / "majaj-it.h5")
    row = rows_of("-b", "majaj-it", "--method", "split-half")[0]
    assert row["sites"] == len(made.course_sites)
    assert row["repetitions"] == sorted(made.repetitions.values())  # the images without responses do not count
    assert np.isfinite(row["median"])
