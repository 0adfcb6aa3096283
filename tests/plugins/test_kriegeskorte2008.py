"""The supplement of Kriegeskorte et al. (2008): files of its form, and published numbers of the real ones."""

import numpy as np
import pytest
from scipy.io import savemat
from scipy.stats import pearsonr, spearmanr

from itbench.data.fetch import import_dataset
from itbench.data.recordings_file import read_recordings
from itbench.errors import BadRecordings, DamagedFile
from itbench.metrics.neural_data import NeuralData
from itbench.metrics.rdm import rdm_of_neural_data
from itbench.plugins import load_plugins
from itbench.util.progress import SilentReporter
from plugins.datasets.kriegeskorte2008 import FILES
from plugins.datasets.kriegeskorte2008.rdms import read_kriegeskorte
from tests.kit.commands import SHARED, run

DATASETS = load_plugins().datasets

N = 12
REAL = SHARED / "kriegeskorte2008-it92"
SUPPLEMENT, BRAINS = (file.name for file in FILES)


def correlation_distance(rng, n=N):
    return 1 - np.corrcoef(rng.standard_normal((n, 40)) + rng.standard_normal(40))


def write_files(folder, *, change=None, subjects=("AA", "BB", "CC")):
    """Write small files of the published form; `change` alters what they hold."""
    rng = np.random.default_rng(0)
    upper = np.triu_indices(N, 1)
    sessions = np.array([[correlation_distance(rng) for _ in range(2)] for _ in subjects]).astype(np.float32)
    monkey, human = correlation_distance(rng), sessions.mean(axis=(0, 1))
    content = {
        "stimuli": [
            {
                "category": ["human face", "natural inanimate"][number % 2],
                **{flag: np.uint8(number % 2) for flag in ("human", "face", "animal", "natural")},
                "image": rng.integers(0, 256, (9, 9, 3), dtype=np.uint8),
            }
            for number in range(N)
        ],
        "figure": [
            {"name": name, "color": [0, 0, 0], "RDM": rdm[upper][None]}
            for name, rdm in (("mIT_674neurons", monkey), ("hITvisStim_316vx", human))
        ],
        "brains": [
            [{"RDM": sessions[i, j], "name": f"hIT | {who} | Session: {j + 1}", "color": [0, 0, 0]} for j in range(2)]
            for i, who in enumerate(subjects)
        ],
    }
    if change:
        change(content)
    savemat(
        folder / SUPPLEMENT,
        {
            "stimuli_92objs": structs([content["stimuli"]]),
            "RDMs_mIT_hIT_fig1": structs([content["figure"]]),
            "categoryVectors": np.ones((N, 3), np.uint8),
        },
        do_compression=True,
    )
    savemat(folder / BRAINS, {"RDMs": structs(content["brains"])[None]}, do_compression=True)
    return folder / SUPPLEMENT, folder / BRAINS, monkey, sessions


def structs(rows):
    """Return dicts (row, column) as MATLAB's struct array."""
    fields = list(rows[0][0])
    array = np.empty((len(rows), len(rows[0])), dtype=[(field, object) for field in fields])
    for i, row in enumerate(rows):
        for j, one in enumerate(row):
            for field in one:
                array[i, j][field] = one[field]
    return array


def test_every_subject_is_the_mean_of_its_sessions(tmp_path):
    supplement, brains, monkey, sessions = write_files(tmp_path)
    human = read_kriegeskorte(supplement, brains, "human")
    assert human.rdms["subject"].values.tolist() == ["AA", "BB", "CC"]
    np.testing.assert_allclose(human.rdms, sessions.mean(axis=1), atol=1e-7)
    one = read_kriegeskorte(supplement, brains, "monkey")
    np.testing.assert_allclose(one.rdms[0], monkey, atol=1e-12)
    assert (one.name, human.name) == ("kriegeskorte2008-it", "kriegeskorte2008-human-it")
    assert one.about["distance"] == "correlation"
    assert one.stimuli.ids[:2] == ("object01", "object02")
    assert one.stimuli.metadata["category"].tolist()[:2] == ["human face", "natural inanimate"]
    assert one.stimuli.metadata["animal"].tolist()[:3] == [0, 1, 0]
    assert one.stimuli.images.shape == (N, 9, 9, 3)


def lose_an_entry(content):
    for one in content["figure"]:
        one["RDM"] = one["RDM"][:, :-1]


def rename(content):
    content["figure"][0]["name"] = "V4_100neurons"


def other_brains(content):
    content["brains"][0][0]["RDM"] = content["brains"][0][1]["RDM"]


def no_image(content):
    for one in content["stimuli"]:
        one["picture"] = one.pop("image")


def grey_levels(content):
    for one in content["stimuli"]:
        one["image"] = one["image"] / 255


def one_smaller(content):
    content["brains"][1][0]["RDM"] = content["brains"][1][0]["RDM"][1:, 1:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lose_an_entry, "holds an RDM of 65 values, not the 66 of 12 objects"),
        (rename, "lacks the RDMs mIT and hIT"),
        (other_brains, "does not belong to"),
        (no_image, "an entry without the field 'image'"),
        (grey_levels, "are float64, not uint8"),
        (one_smaller, "RDMs of several sizes"),
    ],
)
def test_files_of_another_form_are_refused_with_what_is_wrong(tmp_path, change, said):
    supplement, brains, *_ = write_files(tmp_path, change=change)
    with pytest.raises(BadRecordings, match=said):
        read_kriegeskorte(supplement, brains, "human")


def test_a_file_without_its_variables_is_refused(tmp_path):
    supplement, brains, *_ = write_files(tmp_path)
    with pytest.raises(BadRecordings, match="lacks the variables stimuli_92objs, RDMs_mIT_hIT_fig1"):
        read_kriegeskorte(brains, supplement, "human")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused_by_name(tmp_path, share):
    supplement, brains, *_ = write_files(tmp_path)
    whole = supplement.read_bytes()
    supplement.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises((DamagedFile, BadRecordings), match=str(supplement)):
        read_kriegeskorte(supplement, brains, "monkey")


def test_noise_in_the_place_of_a_file_is_refused_by_name(tmp_path):
    supplement, brains, *_ = write_files(tmp_path)
    rng = np.random.default_rng(0)
    for path in (supplement, brains):
        whole = bytearray(path.read_bytes())
        for _ in range(25):
            altered = whole.copy()
            at = rng.integers(0, len(whole) - 40)
            altered[at : at + 40] = rng.bytes(40)
            path.write_bytes(altered)
            try:
                read_kriegeskorte(supplement, brains, "monkey")
            except (DamagedFile, BadRecordings) as error:
                assert str(path) in str(error)  # noqa: PT017  a change may also hit what is not read
        path.write_bytes(whole)


def test_both_data_sets_say_where_their_files_are_and_how_they_are_known():
    for name in ("kriegeskorte2008-it", "kriegeskorte2008-human-it"):
        assert DATASETS[name].files == FILES
    for file in FILES:
        assert file.url.startswith("https://raw.githubusercontent.com/rsagroup/rsatoolbox/")
        assert len(file.sha1) == 40


def test_other_files_than_the_published_are_not_imported(tmp_path):
    supplement, brains, *_ = write_files(tmp_path)
    done = run("data", "import", "kriegeskorte2008-it", supplement, brains)
    assert done.exit_code == 1
    assert "is not the file Kriegeskorte_Neuron2008_supplementalData.mat that was published" in done.output


# ---- the real files


@pytest.fixture
def imported(home):
    """Both data sets, imported from the real files."""
    if not REAL.is_dir():
        pytest.skip(f"the published files are not in {REAL}")
    return {
        name: read_recordings(import_dataset(name, DATASETS, [REAL / SUPPLEMENT, REAL / BRAINS], SilentReporter()))
        for name in ("kriegeskorte2008-it", "kriegeskorte2008-human-it")
    }


def test_monkey_and_human_it_are_as_alike_as_published(imported):
    upper = np.triu_indices(92, 1)
    means = []
    for recordings in imported.values():
        side = NeuralData(recordings.stimuli.ids, rdms=recordings.rdms, distance=recordings.about["distance"])
        means.append(rdm_of_neural_data(side, "correlation")[upper])
    assert pearsonr(*means)[0] == pytest.approx(0.491, abs=5e-4)
    assert spearmanr(*means)[0] == pytest.approx(0.439, abs=5e-4)
    assert imported["kriegeskorte2008-human-it"].rdms.shape == (4, 92, 92)
    assert imported["kriegeskorte2008-it"].stimuli.images.shape == (92, 175, 175, 3)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["rsa", "cka", "procrustes", "reverse"])
def test_a_model_is_scored_on_them(imported, metric):
    for name in imported:
        done = run("score", "-m", "pixels", "-b", name, "--metric", metric, "--json", "--offline")
        assert done.exit_code == 0, done.output
