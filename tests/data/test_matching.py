"""The course's means are found among the public repetitions where they are equal to one alone, and nowhere else."""

import json

import numpy as np
import pytest
import xarray as xr

from itbench.data.matching import match_recordings
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.data.responses import make_responses, mean_over_repetitions
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadRecordings
from itbench.util.progress import SilentReporter
from plugins.datasets.majaj_course.course_file import read_course_file
from plugins.datasets.majajhong2015.assembly import read_assembly
from tests.kit.commands import run
from tools.majaj_files import POSE, Experiment, write_course_file, write_public

MADE = Experiment()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("majaj")
    write_course_file(folder / "IT_data.h5", MADE)
    return folder / "IT_data.h5", write_public(folder, MADE)


@pytest.fixture
def course(files):
    return read_course_file(files[0], SilentReporter())


@pytest.fixture
def public(files):
    return read_assembly(*files[1], "IT", SilentReporter())


def with_responses(recordings, change):
    """Return recordings with other responses."""
    values = recordings.responses.values.copy()
    values = change(values) if change(values) is not None else values
    sites = {key: column for key, (_, column) in recordings.site_coordinates().items()}
    return Recordings(
        recordings.name, recordings.stimuli, make_responses(values, recordings.stimuli.ids, sites=sites), {}
    )


def moved(row, site, by):
    def change(values):
        values[:, row, site] += by

    return change


# ---- all is matched


def test_every_recorded_image_gets_its_id_and_metadata(course, public):
    linked, report = match_recordings(course, public)
    metadata, rows = linked.stimuli.metadata, MADE.shuffled[:16]
    assert (report.images, report.images_matched, report.images_ambiguous) == (16, 16, 0)
    assert metadata["image_id"].tolist() == [*(MADE.ids[row] for row in rows), "", "", "", ""]
    assert metadata["background_id"].tolist() == [*(f"{row:08x}z" for row in rows), "", "", "", ""]
    np.testing.assert_array_equal(metadata["variation"], [*(MADE.variation[row] for row in rows), *[np.nan] * 4])
    for name, column in zip(POSE, MADE.pose.T, strict=True):
        np.testing.assert_allclose(metadata[name][:16], column[rows], atol=1e-6)
    for name in ("split", "part", "object", "category"):
        np.testing.assert_array_equal(metadata[name], course.stimuli.metadata[name])


def test_the_courses_own_names_of_objects_are_kept(course, public):
    renamed = {**public.stimuli.metadata, "object": np.array(["other"] * 20, dtype=object)}
    stimuli = StimulusSet(public.stimuli.ids, public.stimuli.images, renamed)
    linked, _ = match_recordings(course, Recordings(public.name, stimuli, public.responses))
    np.testing.assert_array_equal(linked.stimuli.metadata["object"], course.stimuli.metadata["object"])


def test_every_repetition_of_every_site_comes_along(course, public):
    linked, report = match_recordings(course, public)
    assert report.repetitions
    assert (report.sites, report.sites_matched) == (6, 6)
    assert linked.responses.dtype == np.float32
    for place, row in enumerate(MADE.shuffled[:16]):
        every = MADE.responses(row)[:, MADE.course_sites]
        np.testing.assert_array_equal(linked.responses.values[: len(every), place], every)
        assert np.isnan(linked.responses.values[len(every) :, place]).all()
    assert np.isnan(linked.responses.values[:, 16:]).all()
    assert linked.responses["col"].values.tolist() == (MADE.course_sites % 10).tolist()
    means = mean_over_repetitions(linked.responses)[:16]
    assert np.abs(means - course.responses.values[0, :16]).max() == report.largest_difference < 1e-6


def test_the_images_stay_as_they_are(course, public):
    linked, _ = match_recordings(course, public)
    assert linked.stimuli.ids == course.stimuli.ids
    assert linked.stimuli.content_digest() == course.stimuli.content_digest()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_images_and_sites_are_matched_in_any_order(tmp_path, seed):
    made = Experiment(n=40, neuroids={"IT": 11, "V4": 3}, seed=seed)
    write_course_file(tmp_path / "IT_data.h5", made, {"train": 20, "val": 10, "test": 10})
    public = read_assembly(*write_public(tmp_path, made), "IT", SilentReporter())
    linked, report = match_recordings(read_course_file(tmp_path / "IT_data.h5", SilentReporter()), public)
    assert report.repetitions
    assert linked.stimuli.metadata["image_id"][:30].tolist() == [made.ids[row] for row in made.shuffled[:30]]


def test_means_in_double_precision_are_equal_too(course, public):
    exact = mean_over_repetitions(public.responses)[MADE.shuffled]
    order = np.searchsorted(np.flatnonzero(MADE.regions == "IT"), MADE.course_sites)
    exact = exact[:, order]
    exact[16:] = np.nan
    assert match_recordings(with_responses(course, lambda values: exact[None]), public)[1].images_matched == 16


def test_rounding_follows_the_largest_response_of_either_sign(tmp_path):
    ids, rng = [f"image{number}" for number in range(30)], np.random.default_rng(0)
    values = rng.uniform(-1000, 1, (3, 30, 4))
    images = rng.integers(0, 256, (30, 4, 4, 3), dtype=np.uint8)
    repeated = Recordings("repeated", StimulusSet(tuple(ids), images), make_responses(values, ids))
    means = values.mean(axis=0)[None] + 2e-4  # 3 × 2^-23 × 1000 is 3.6e-4
    averaged = Recordings("averaged", StimulusSet(tuple(ids), images), make_responses(means, ids))
    _, report = match_recordings(averaged, repeated)
    assert (report.images_matched, report.sites_matched) == (30, 4)


def test_linking_twice_changes_nothing(course, public):
    once, _ = match_recordings(course, public)
    twice, report = match_recordings(once, public)
    assert report.largest_difference == 0
    xr.testing.assert_identical(twice.responses, once.responses)
    assert twice.stimuli.metadata.keys() == once.stimuli.metadata.keys()
    for name, column in once.stimuli.metadata.items():
        np.testing.assert_array_equal(twice.stimuli.metadata[name], column)


# ---- not all is matched: nothing by guess


def test_a_image_beyond_rounding_is_left_out_and_the_means_are_kept(course, public):
    changed = with_responses(course, moved(5, 2, 1e-4))
    linked, report = match_recordings(changed, public)
    assert (report.images_matched, report.sites_matched, report.repetitions) == (15, 6, False)
    assert linked.stimuli.metadata["image_id"][5] == ""
    assert np.isnan(linked.stimuli.metadata["s"][5])
    xr.testing.assert_identical(linked.responses, changed.responses)


def test_a_difference_within_rounding_is_none(course, public):
    assert match_recordings(with_responses(course, moved(5, 2, 1e-7)), public)[1].images_matched == 16


def test_a_site_that_is_none_of_theirs_is_left_out_and_the_means_are_kept(course, public):
    def noise(values):
        values[0, :16, 3] = np.random.default_rng(0).random(16)

    changed = with_responses(course, noise)
    linked, report = match_recordings(changed, public)
    assert (report.images_matched, report.sites_matched, report.repetitions) == (16, 5, False)
    xr.testing.assert_identical(linked.responses, changed.responses)


def test_a_site_that_lacks_an_image_is_left_out(course, public):
    def lacking(values):
        values[:, MADE.shuffled[18], 3] = np.nan

    assert match_recordings(course, with_responses(public, lacking))[1].sites_matched == 5


def test_a_image_equal_to_two_is_matched_with_neither(course, public):
    first, second = MADE.shuffled[2], MADE.shuffled[18]

    def same(values):
        values[:, second] = values[:, first]

    linked, report = match_recordings(course, with_responses(public, same))
    assert (report.images_matched, report.images_ambiguous, report.repetitions) == (15, 1, False)
    assert linked.stimuli.metadata["image_id"][2] == ""


def test_two_images_equal_to_one_are_matched_with_none(course, public):
    def same(values):
        values[:, 3] = values[:, 2]

    linked, report = match_recordings(with_responses(course, same), public)
    assert (report.images_matched, report.images_ambiguous) == (14, 2)
    assert linked.stimuli.metadata["image_id"][2:4].tolist() == ["", ""]


def test_two_equal_sites_are_not_told_apart(course, public):
    def same(values):
        values[:, :, 1] = values[:, :, 0]

    assert match_recordings(course, with_responses(public, same))[1].sites_matched == 4


def test_without_a_site_equal_to_one_alone_those_equal_to_several_are_counted():
    """Two of ours are equal to one of theirs, and two of ours to two of theirs each."""
    ids, rng = [f"image{number}" for number in range(30)], np.random.default_rng(0)
    values, images = rng.random((3, 30, 3)), rng.integers(0, 256, (30, 4, 4, 3), dtype=np.uint8)
    stimuli, means = StimulusSet(tuple(ids), images), values.mean(axis=0)[None]
    repeated = Recordings("repeated", stimuli, make_responses(values[:, :, [0, 1, 1, 2, 2]], ids))
    averaged = Recordings("averaged", stimuli, make_responses(means[:, :, [0, 0, 1, 2]], ids))
    with pytest.raises(BadRecordings, match=r"\n2 of 4 are equal to several\."):
        match_recordings(averaged, repeated)


def test_columns_of_the_course_are_filled_and_the_public_objects_only_where_it_has_none(course, public):
    def with_metadata(**columns):
        stimuli = StimulusSet(course.stimuli.ids, course.stimuli.images, columns)
        return Recordings(course.name, stimuli, course.responses, {})

    n, rows = len(course.stimuli), MADE.shuffled[:16]
    given = with_metadata(variation=np.full(n, -1.0), object=np.array(["own"] * n, dtype=object))
    metadata = match_recordings(given, public)[0].stimuli.metadata
    np.testing.assert_array_equal(metadata["variation"], [*(MADE.variation[row] for row in rows), *[-1.0] * 4])
    assert set(metadata["object"]) == {"own"}
    metadata = match_recordings(with_metadata(), public)[0].stimuli.metadata
    found = dict(zip(public.stimuli.ids, public.stimuli.metadata["object"], strict=True))
    assert metadata["object"].tolist() == [*(found[name] for name in metadata["image_id"][:16]), *[""] * 4]


NONE = {
    "other values": (
        lambda values: values * 1.01,
        r"No site of majaj-it can be matched with one of majajhong2015-it\.\n"
        r"0 of 6 are equal to several\. The nearest two share \d\.\d% of their mean responses; at least 50% are needed",
    ),
    "values in another order at every site": (
        lambda values: np.stack([np.roll(values[0, :, site], site) for site in range(6)], 1)[None],
        r"No image of majaj-it can .*\n6 sites are matched; 0 of \d+ images .* nearest two differ by .* times what",
    ),
    "no responses": (lambda values: values * np.nan, "No image of majaj-it has a response at every site"),
}


@pytest.mark.parametrize("case", NONE)
def test_where_nothing_matches_the_nearest_is_said(course, public, case):
    change, message = NONE[case]
    with pytest.raises(BadRecordings, match=message):
        match_recordings(with_responses(course, change), public)


# ---- the command


@pytest.fixture
def packed(course, public, home):
    write_recordings(course, home / "data" / "majaj-it.h5")
    write_recordings(public, home / "data" / "majajhong2015-it.h5")
    return home / "data" / "majaj-it.h5"


@pytest.mark.slow
def test_the_command_writes_what_was_linked_and_keeps_the_images(packed):
    before = read_recordings(packed)
    done = run("data", "link")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["images_matched"] == 16
    after = read_recordings(packed)
    assert after.responses.shape == (5, 20, 6)
    assert after.about["linked"] == "16 images with majajhong2015-it, by equality of their mean responses"
    assert after.digests["stimuli"] == before.digests["stimuli"]
    assert after.digests["responses"] != before.digests["responses"]


def test_a_dry_run_writes_nothing(packed):
    before = packed.read_bytes()
    done = run("data", "link", "majaj-it", "majajhong2015-it", "--dry-run")
    assert json.loads(done.stdout)["repetitions"] is True
    assert packed.read_bytes() == before


@pytest.mark.slow
def test_nothing_to_link_exits_with_1_and_leaves_the_file(packed, course):
    write_recordings(with_responses(course, lambda values: values * 2), packed)
    before = packed.read_bytes()
    done = run("data", "link")
    assert done.exit_code == 1
    assert "No site of majaj-it can be matched with one of majajhong2015-it." in done.stderr
    assert packed.read_bytes() == before
