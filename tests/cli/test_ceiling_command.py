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
from itbench.gram import Gram
from itbench.metrics.cka import centred_alignment
from itbench.metrics.rdm import rdm_of_gram
from itbench.metrics.rsa import compare_rdms
from itbench.statistics.bootstrap import bootstrap_draws
from itbench.statistics.jackknife import jackknife_draws, jackknife_groups
from itbench.statistics.noise_ceiling import rdm_ceiling, site_reliability
from itbench.statistics.noise_power import moments, noise_of_means
from itbench.util.progress import SilentReporter
from plugins.datasets.majaj_course.course_file import read_course_file
from plugins.datasets.majajhong2015.assembly import read_assembly
from tests.kit.commands import run
from tests.kit.subjects import subjects
from tests.kit.toy import toy_recordings, toy_with
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
    means, noise = responses.mean("repetition").values, noise_of_means(moments(responses))
    expected = []
    for method in ("split-half", "variance"):
        reliability = site_reliability(responses, method)
        rows = np.arange(80), np.zeros(80, int)  # one image by itself, all in one split
        draws = bootstrap_draws(means, means, *rows, ceiling=reliability, noise=noise)["ceiling"]
        low, high = np.quantile(draws, [0.025, 0.975])
        expected.append(
            {
                "benchmark": "toy",
                "method": method,
                "median": pytest.approx(np.median(reliability)),
                "low": pytest.approx(low, abs=1e-5),
                "high": pytest.approx(high, abs=1e-5),
                "mean": pytest.approx(np.mean(reliability)),
                "sites": 5,
                "above 0": 5,
                "repetitions": [4],
            }
        )
        assert low < np.median(reliability) < high
    assert rows_of("-b", toy, "--method", "split-half", "--method", "variance") == expected
    assert rows_of("-b", toy)[:2] == expected
    assert [row["method"] for row in rows_of("-b", toy)] == ["split-half", "variance", "cka", "rsa"]


def test_the_ceiling_of_a_comparison_is_what_the_signal_without_noise_scores(home):
    noisy, signal = (toy_recordings(sites=30, noise=noise) for noise in (0.5, 0.0))
    recordings = Recordings("mine", noisy.stimuli, noisy.responses)
    sides = signal.responses.values[0].astype(float), noisy.responses.mean("repetition").values.astype(float)
    rdms = [rdm_of_gram(Gram.from_features(side), "correlation") for side in sides]
    truth = {
        "cka": centred_alignment(*(side @ side.T for side in sides))[0],
        "rsa": compare_rdms(*rdms, "pearson")[0],
    }
    for row in rows_of("-b", benchmark_of(home, recordings), "--method", "cka", "--method", "rsa"):
        assert row["mean"] == pytest.approx(truth[row["method"]], abs=0.005)
        assert row["low"] < truth[row["method"]] < row["high"] < 1
        assert row["low"] < row["mean"] < row["high"]
        assert (row["median"], row["above 0"], row["sites"], row["repetitions"]) == (None, None, 30, [4])


def test_intervals_are_over_the_clusters_of_the_benchmark(home):
    recordings = toy_with(object=[f"object{number // 5:02d}" for number in range(80)])
    path = benchmark_of(home, recordings)
    objects = rows_of("-b", path)
    path.write_text(path.read_text() + "cluster: none\n")
    images = rows_of("-b", path)
    for one, other in zip(objects, images, strict=True):
        assert (one["median"], one["mean"]) == (other["median"], other["mean"])
        assert (one["low"], one["high"]) != (other["low"], other["high"])


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
    means, noise = (
        np.nanmean(values, axis=0),
        noise_of_means(moments(make_responses(values, [str(i) for i in range(80)]))),
    )
    rows = np.arange(80), np.zeros(80, int)
    draws = bootstrap_draws(means[:, 1:], means[:, 1:], *rows, ceiling=reliability[1:], noise=noise[:, 1:])["ceiling"]
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=1e-5)
    lines = run("ceiling", "-b", path).stdout.split("\n\n")[0].splitlines()
    header = [cell.strip() for cell in lines[0].strip("| ").split("|")]
    assert header == [{"low": "95 %"}.get(name, name) for name in row if name != "high"]
    assert len(lines) == 6


def test_dissimilarities_have_a_lower_and_an_upper_bound(home):
    """With intervals by a jackknife over images and subjects, in plain sight."""
    recordings = dissimilarities(4)
    rdms = recordings.rdms.values
    rows = rows_of("-b", benchmark_of(home, recordings))
    assert [row["method"] for row in rows] == ["pearson", "spearman", "cosine"]

    def bounds(kept_images, kept_subjects, method):
        rest = rdms[np.ix_(kept_subjects, kept_images, kept_images)]
        return np.array(rdm_ceiling(rest[:, *np.triu_indices(len(kept_images), 1)], method))

    for row in rows:
        whole = rdm_ceiling(subjects(4), row["method"])
        images = np.array([bounds(np.delete(np.arange(14), left), np.arange(4), row["method"]) for left in range(14)])
        persons = np.array([bounds(np.arange(14), np.delete(np.arange(4), left), row["method"]) for left in range(4)])
        expected = {"benchmark": "rdms", "method": row["method"], "subjects": 4}
        for number, name in enumerate(("lower", "upper")):
            draws = jackknife_draws(whole[number], images[:, number], persons[:, number])
            low, high = np.quantile(draws, [0.025, 0.975])
            expected |= {name: whole[number], f"{name} low": low, f"{name} high": high}
        assert row == pytest.approx(expected, abs=1e-6)


def halves_of(values):
    """Return means of five random halvings of complete repetitions (repetition, stimulus, site), by a plain loop."""
    n, order = len(values), np.random.default_rng(0).random((5, len(values)))
    ranks = [key.argsort().argsort() for key in order]
    halves = [(values[rank < n // 2], values[(rank >= n // 2) & (rank < 2 * (n // 2))]) for rank in ranks]
    return [tuple(half.mean(axis=0) for half in pair) for pair in halves]


def geometry_ceiling(compare, values, rows=slice(None), sites=slice(None)):
    """Return the ceiling of a comparison, of some rows and sites: the root of the reliability of the geometry."""
    r = np.mean([compare(one[rows][:, sites], other[rows][:, sites]) for one, other in halves_of(values)])
    ratio = len(values) / (len(values) // 2)
    return np.sqrt(ratio * r / (1 + (ratio - 1) * r)) if r > 0 else -np.sqrt(-ratio * r)


def rsa_of(one, other):
    above = np.triu_indices(len(one), 1)
    return np.corrcoef(*(1 - np.corrcoef(side)[above] for side in (one, other)))[0, 1]


def cka_of(one, other):
    return centred_alignment(one @ one.T, other @ other.T, "debiased")[0]


@pytest.mark.parametrize(("method", "compare"), [("rsa", rsa_of), ("cka", cka_of)])
@pytest.mark.parametrize(
    ("repetitions", "sites", "of_object", "noise"), [(4, 6, 1, 0.5), (5, 4, 5, 0.5), (2, 41, 5, 2.0), (2, 4, 5, 1e6)]
)
def test_the_ceiling_of_a_comparison_is_the_root_of_the_reliability_of_the_geometry(
    home, method, compare, repetitions, sites, of_object, noise
):
    toy = toy_with(object=[f"object{number // of_object:02d}" for number in range(80)])
    values = toy_recordings(sites=sites, repetitions=repetitions, noise=noise).responses.values.astype(float)
    recordings = Recordings("mine", toy.stimuli, make_responses(values, toy.stimuli.ids))
    (row,) = rows_of("-b", benchmark_of(home, recordings), "--method", method)
    groups, site_groups = jackknife_groups(np.arange(80) // of_object), jackknife_groups(sites, 0, 20)
    images = [geometry_ceiling(compare, values, rows=groups != group) for group in range(groups.max() + 1)]
    places = [geometry_ceiling(compare, values, sites=site_groups != group) for group in range(site_groups.max() + 1)]
    whole = geometry_ceiling(compare, values)
    low, high = np.quantile(jackknife_draws(whole, np.array(images), np.array(places)), [0.025, 0.975])
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((whole, low, high), rel=1e-4, abs=1e-5)
    assert low < whole < high
    assert (row["sites"], row["repetitions"]) == (sites, [repetitions])


def test_three_sites_have_no_ceiling_of_a_comparison(home):
    values = toy_recordings(sites=3, repetitions=2).responses.values
    for row in rows_of("-b", benchmark_of(home, with_responses(values)), "--method", "cka", "--method", "rsa"):
        assert [row[name] for name in ("mean", "low", "high", "sites", "repetitions")] == [None, None, None, 3, [2]]


def test_sites_that_lack_an_image_have_a_ceiling_but_no_part_in_the_interval(home):
    values = toy_recordings(sites=6, repetitions=5).responses.values
    values[:, 7, 0] = np.nan
    (row,) = rows_of("-b", benchmark_of(home, with_responses(values)), "--method", "variance")
    responses = make_responses(values, [str(number) for number in range(80)])
    reliability, mean, noise = site_reliability(responses, "variance"), values.mean(axis=0), moments(responses)
    rows = np.arange(80), np.zeros(80, int)
    draws = bootstrap_draws(
        mean[:, 1:], mean[:, 1:], *rows, ceiling=reliability[1:], noise=noise_of_means(noise)[:, 1:]
    )["ceiling"]
    assert (row["median"], row["sites"], row["above 0"]) == (pytest.approx(np.median(reliability)), 6, 6)
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=1e-5)
    assert row["repetitions"] == [5]


def test_too_few_images_repeated_have_no_ceiling(home):
    values = toy_recordings(sites=5, repetitions=3).responses.values
    values[1:, 2:] = np.nan  # two images of 80 have more than one repetition
    for row in rows_of("-b", benchmark_of(home, with_responses(values)), "--method", "split-half", "--method", "cka"):
        assert [row[name] for name in ("median", "low", "high", "mean")] == [None] * 4
        assert (row["above 0"], row["repetitions"]) == (0 if row["method"] == "split-half" else None, [1, 3])


@pytest.mark.parametrize("n", [2, 3])
def test_of_three_subjects_each_is_left_out_and_of_two_none(home, n):
    (row,) = rows_of("-b", benchmark_of(home, dissimilarities(n)), "--method", "pearson")
    rdms, above = dissimilarities(n).rdms.values, np.triu_indices(14, 1)

    def upper(images, persons):
        rest = rdms[np.ix_(persons, images, images)]
        return rdm_ceiling(rest[:, *np.triu_indices(len(images), 1)], "pearson")[1]

    images = [upper(np.delete(np.arange(14), left), np.arange(n)) for left in range(14)]
    persons = [upper(np.arange(14), np.delete(np.arange(n), left)) for left in range(n)] if n == 3 else []
    whole = rdm_ceiling(rdms[:, *above], "pearson")[1]
    low, high = np.quantile(jackknife_draws(whole, np.array(images), np.array(persons)), [0.025, 0.975])
    assert (row["upper"], row["upper low"], row["upper high"]) == pytest.approx((whole, low, high), abs=1e-6)


def test_sites_and_dissimilarities_stand_in_one_table(toy, home):
    rows = rows_of("-b", toy, "-b", benchmark_of(home, dissimilarities(2)))
    assert [row["benchmark"] for row in rows] == ["toy"] * 4 + ["rdms"] * 3
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
        (("-b", toy, "--method", "pearson"), "Known: cka, rsa, split-half, variance."),
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
