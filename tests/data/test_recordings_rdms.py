"""Recordings that hold dissimilarities and no responses: the file, what it refuses, and what can be done with it."""

import h5py
import numpy as np
import pytest
import xarray as xr

from itbench.api.score import score_model
from itbench.data.catalog import verify_datasets
from itbench.data.recordings import RDM_DIMS, Recordings, describe_recordings
from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.data.responses import make_responses
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadBenchmark, BadOption, BadRecordings, DamagedFile
from tests.kit.commands import run
from tests.kit.toy import toy_recordings

N = 16


def rdms(n=N, change=None):
    rng = np.random.default_rng(0)
    values = np.stack([1 - np.corrcoef(rng.standard_normal((n, 20))) for _ in range(3)])
    if change:
        change(values)
    return xr.DataArray(values, dims=RDM_DIMS, coords={"subject": ["a", "b", "c"]})


def recordings(given=None, n=N, metadata=None):
    images = np.random.default_rng(1).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    stimuli = StimulusSet(tuple(f"p{number}" for number in range(n)), images, metadata or {})
    given = rdms(n) if given is None else given
    return Recordings("mine", stimuli, None, {"region": "IT", "distance": "correlation"}, rdms=given)


@pytest.fixture
def path(home):
    return home / "data" / "mine.h5"


@pytest.fixture
def benchmark(path, toy):
    """A benchmark on RDMs that does not divide its images."""
    write_recordings(recordings(), path)
    file = toy.with_name("mine.yaml")
    file.write_text("data: mine\nmetric: rsa\n")
    return file


def test_everything_that_is_written_is_read(path):
    written = recordings(metadata={"category": np.array(["cat", "dog"] * 8, dtype=object)})
    write_recordings(written, path)
    read = read_recordings(path)
    xr.testing.assert_identical(read.rdms, written.rdms.rename("rdms"))
    assert read.responses is None
    assert read.about == written.about
    assert read.stimuli.metadata["category"].tolist() == ["cat", "dog"] * 8
    assert read.site_coordinates() == {}
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        assert dataset["rdms"].dims == RDM_DIMS
        assert "responses" not in dataset


@pytest.mark.parametrize("variable", ["rdms", "pictures", "subject", "stimulus"])
def test_a_change_anywhere_in_the_file_is_noticed(path, variable):
    write_recordings(recordings(), path)
    with h5py.File(path, "r+") as file:
        if variable in ("subject", "stimulus"):
            file[variable][1] = "z"
        else:
            file[variable][0, 1] += 1
    with pytest.raises(DamagedFile, match="Its content is not what its digest says"):
        read_recordings(path)


def one_is_missing(values):
    values[1, 2, 3] = np.nan


def askew(values):
    values[2, 0, 1] += 0.01


def not_zero(values):
    values[0, 4, 4] = 0.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (one_is_missing, "subject b holds 1 values that are no numbers"),
        (askew, "subject c is not symmetric"),
        (not_zero, "subject a is not 0 on the diagonal"),
    ],
)
def test_what_is_no_rdm_is_refused_by_subject(change, said):
    with pytest.raises(BadRecordings, match=said):
        recordings(rdms(change=change))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: recordings(rdms(12)), "12 stimuli in the RDMs, but 16 images"),
        (lambda: recordings(rdms().rename(other_stimulus="stimulus2")), "not subject, stimulus, other_stimulus"),
        (lambda: recordings(metadata={"subject": np.arange(N)}), "cannot be called 'subject'"),
        (lambda: Recordings("mine", recordings().stimuli, None), "must have either responses or RDMs"),
        (
            lambda: Recordings(
                "mine", recordings().stimuli, make_responses(np.ones((N, 2)), recordings().stimuli.ids), rdms=rdms()
            ),
            "must have either responses or RDMs",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, said):
    with pytest.raises(BadRecordings, match=said):
        make()


def test_responses_are_refused_by_name_where_there_are_none():
    with pytest.raises(BadRecordings, match="mine hold dissimilarities of images, no responses"):
        recordings().require_responses()
    assert toy_recordings().require_responses().sizes["site"] == 5


def test_they_are_shown_and_verified(path):
    write_recordings(recordings(), path)
    about = describe_recordings(read_recordings(path))
    assert about["subjects"] == ["a", "b", "c"]
    assert len(about["mean_dissimilarity"]) == 3
    assert 0.8 < about["mean_dissimilarity"][0] < 1.2
    assert "sites" not in about
    done = run("data", "show", "mine")
    assert done.exit_code == 0
    assert '"mean_dissimilarity"' in done.output
    assert verify_datasets(["mine"], {})[0]["state"] == "whole"


@pytest.mark.parametrize("metric", ["rsa", "cka", "procrustes", "reverse", "mutual-knn", "svcca"])
def test_comparisons_need_neither_responses_nor_splits(benchmark, metric):
    options = {"distance": "correlation"} if metric == "mutual-knn" else {"penalty": 1.0} if metric == "svcca" else {}
    score = score_model("toy", str(benchmark), metric=metric, metric_options=options)
    assert score.sizes["layer"] == 2
    assert np.isfinite(score["headline"])
    assert score.attrs["n_sites"] == 0


def test_a_readout_is_refused_with_what_can_be_done(benchmark):
    with pytest.raises(BadOption, match="ridge needs responses") as refused:
        score_model("toy", str(benchmark), metric="ridge")
    assert "--metric rsa" in str(refused.value)
    with pytest.raises(BadRecordings, match="no responses of sites"):
        score_model("toy", str(benchmark), metric="soft-matching")


def test_another_distance_than_that_recorded_is_refused(benchmark):
    with pytest.raises(BadOption, match="Use -o distance=correlation"):
        score_model("toy", str(benchmark), metric_options={"distance": "cosine"})


def test_a_readout_needs_a_benchmark_that_divides_its_images(toy):
    toy.write_text("data: toy\n")
    with pytest.raises(BadBenchmark, match="does not say how to divide"):
        score_model("toy", str(toy))
    for metric in ("cka", "soft-matching"):
        assert np.isfinite(score_model("toy", str(toy), metric=metric)["headline"])
