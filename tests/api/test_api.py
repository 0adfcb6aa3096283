"""The Python API: names and objects give the same scores, and what cannot be known is refused."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.metrics import explained_variance_score
from sklearn.model_selection import KFold

import itbench
from itbench import BadOption, ItbenchError
from itbench.errors import BadRecordings
from itbench.metrics.ridge import ALPHA_GRID
from itbench.statistics.reliability import split_half
from tests.kit.commands import ROOT, run
from tests.kit.toy import toy_recordings

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 12, 16, 3), dtype=np.uint8)
SIGNAL = (IMAGES.reshape(60, -1)[:, :30] / 255 - 0.5) @ RNG.standard_normal((30, 4))
RATES = SIGNAL + 0.3 * RNG.standard_normal((3, 60, 4))


def features(images):
    rows = images.reshape(len(images), -1) / 255
    return {"some": rows[:, :30], "all": rows}


def value(score):
    return itbench.summary(score)["value"]


def network():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.MaxPool2d(2))


def test_a_function_and_arrays_score_as_scikit_learn_does_on_the_raw_features():
    score = itbench.score(features, images=IMAGES, responses=RATES, layers=["some"])
    x, y = features(IMAGES)["some"], RATES.mean(axis=0)
    expected = []
    for train, test in KFold(5, shuffle=True, random_state=0).split(x):
        parts = PCA(svd_solver="full").fit(x[train])
        alphas = np.array(ALPHA_GRID) * x[train].var(axis=0).sum()
        fits = RidgeCV(alphas, alpha_per_target=True).fit(parts.transform(x[train]), y[train])
        predicted = fits.predict(parts.transform(x[test]))
        expected.append(explained_variance_score(y[test], predicted, multioutput="raw_values"))
    found = score.explained_variance.sel(layer="some").values
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    "images",
    [IMAGES.transpose(0, 3, 1, 2), IMAGES / 255, (IMAGES / np.float32(255)).transpose(0, 3, 1, 2), IMAGES.astype(int)],
    ids=["channels first", "floats", "floats, channels first", "whole numbers"],
)
def test_images_of_every_form_are_the_same_images(images):
    expected = itbench.score("pixels", images=IMAGES, responses=RATES)
    xr.testing.assert_identical(
        itbench.score("pixels", images=images, responses=RATES).drop_attrs(), expected.drop_attrs()
    )


def test_responses_are_means_repetitions_or_labelled_in_any_order():
    arrays = itbench.score("pixels", images=IMAGES, responses=RATES)
    labelled = xr.DataArray(RATES.transpose(2, 0, 1), dims=("site", "repetition", "stimulus"))
    assert value(itbench.score("pixels", images=IMAGES, responses=labelled)) == value(arrays)
    means = itbench.score("pixels", images=IMAGES, responses=RATES.mean(axis=0))
    np.testing.assert_allclose(means.explained_variance, arrays.explained_variance)
    assert np.isnan(means.ceiling).all()
    assert np.isfinite(arrays.ceiling).all()


def test_labelled_responses_are_joined_with_files_by_name(tmp_path):
    from PIL import Image

    names = [f"shown{number:02d}" for number in range(60)]
    for name, pixels in zip(names, IMAGES, strict=True):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    order = RNG.permutation(60)
    shuffled = xr.DataArray(
        RATES[:, order], dims=("repetition", "stimulus", "site"), coords={"stimulus": [names[row] for row in order]}
    )
    expected = itbench.score("pixels", images=IMAGES, responses=RATES)
    assert value(itbench.score("pixels", images=tmp_path, responses=shuffled)) == value(expected)
    score = itbench.score("pixels", images=tmp_path, responses=shuffled)
    with pytest.raises(ItbenchError, match="stand in another order"):
        itbench.compare(score, score, responses=shuffled)
    ordered = shuffled.isel(stimulus=np.argsort(order))
    assert itbench.compare(score, score, responses=ordered).difference == 0
    other = shuffled.assign_coords(stimulus=[f"other{number}" for number in range(60)])
    with pytest.raises(BadRecordings, match="do not match one-to-one"):
        itbench.score("pixels", images=tmp_path, responses=other)


@pytest.mark.slow
def test_names_and_objects_give_the_score_that_the_command_writes(toy):
    assert run("score", "-m", "pixels", "-b", toy, "--results", "r").exit_code == 0
    (written,) = itbench.load_scores("r")
    for benchmark in (toy, str(toy)):
        by_name = itbench.score("pixels", benchmark)
        np.testing.assert_array_equal(by_name.explained_variance, written.explained_variance)
    recordings = toy_recordings()
    splits = {"kind": "kfold", "folds": 4, "stratify": "category"}
    in_memory = itbench.score("pixels", recordings, splits=splits)
    np.testing.assert_allclose(in_memory.explained_variance, written.explained_variance)
    np.testing.assert_allclose(in_memory.ceiling, written.ceiling)
    of_all_images = split_half(recordings.responses)
    np.testing.assert_allclose(itbench.ceiling(recordings)["mean"].iloc[0], of_all_images.mean())


@pytest.mark.slow
def test_a_module_in_memory_needs_its_preprocessing():
    with pytest.raises(BadOption, match="Nobody knows how images are preprocessed"):
        itbench.score(network(), images=IMAGES, responses=RATES)
    with pytest.raises(BadOption, match="no repr"):
        itbench.score(network(), images=IMAGES, responses=RATES, preprocess=lambda image: image)
    how = {"preprocess": itbench.resized(16), "layers": ["0", "2"]}
    score = itbench.score(network(), images=IMAGES, responses=RATES, name="mine", **how)
    assert score.attrs["model"] == "mine"
    assert list(itbench.to_dataframe(score).index) == ["0", "2"]
    again = itbench.score(network(), images=IMAGES, responses=RATES, **how)  # from cached Grams
    assert value(again) == value(score)


@pytest.mark.slow
def test_a_timm_network_knows_its_preprocessing():
    timm = pytest.importorskip("timm")
    score = itbench.score(timm.create_model("resnet10t"), images=IMAGES, responses=RATES, layers=["layer1"])
    assert score.attrs["model"] == "resnet10t"
    assert "Resize(size=" in itbench.explain(score)


def test_a_plain_function_is_never_found_in_a_cache():
    first = itbench.score(lambda images: features(images)["some"], images=IMAGES, responses=RATES)
    second = itbench.score(lambda images: features(images)["some"][:, :1], images=IMAGES, responses=RATES)
    assert list(first.layer.values) == list(second.layer.values) == ["output"]
    assert value(first) > value(second)


@pytest.mark.slow
def test_scores_are_compared_explained_and_told_apart():
    good, bad = (
        itbench.score(function, images=IMAGES, responses=RATES, name=name)
        for name, function in (("good", features), ("bad", lambda images: images[:, :1, :1].mean(axis=3)))
    )
    compared = itbench.compare(good, bad, responses=RATES)
    assert compared.difference == pytest.approx(value(good) - value(bad))
    assert compared.p < 0.01
    assert itbench.compare(good, good, responses=RATES).p == 1
    assert compared.verdict == "A is better than B."
    assert (
        itbench.compare(good, good, margin=0.01, responses=RATES).verdict
        == "Not told apart, and they are no more than 0.01 apart."
    )
    text = itbench.explain(good)
    assert f"{value(good):.3f}" in text
    assert repr(text) == str(text)  # a notebook shows it as it is printed
    assert "The models differ." in str(itbench.diff(good, bad))


@pytest.mark.slow
def test_scores_are_saved_loaded_compiled_and_measured_again(tmp_path, toy):
    score = itbench.score("pixels", str(toy))
    path = itbench.save_score(score, tmp_path)
    xr.testing.assert_identical(itbench.load_score(path).drop_attrs(), score.drop_attrs())
    board = itbench.leaderboard(tmp_path)
    assert board["value"].tolist() == [value(score)]
    again = itbench.rescore(score, "cka", benchmark=toy)
    assert value(again) == value(itbench.score("pixels", str(toy), metric="cka"))


def test_tables_name_what_there_is():
    assert "pixels" in itbench.models().index
    assert "resnet50" in itbench.models("resnet*").index
    assert {"ridge", "cka"} <= set(itbench.metrics().index)
    assert "synthetic-it" in itbench.benchmarks().index
    assert "synthetic-it" in itbench.datasets().index
    assert callable(itbench.metrics.stack)  # a package with public names, too
    assert callable(itbench.models.from_timm)


def test_grams_and_recordings_of_arrays():
    gram = itbench.grams("pixels", IMAGES)["pixels"]
    flat = IMAGES.reshape(60, -1) / 255
    np.testing.assert_allclose(gram.matrix, flat @ flat.T, rtol=1e-5)
    path = itbench.pack("mine", IMAGES, RATES, region="V4", window=(70, 170), stimuli={"kind": ["a", "b"] * 30})
    assert path.exists()
    with pytest.raises(BadRecordings, match="already"):
        itbench.pack("mine", IMAGES, RATES)
    assert "mine" in itbench.datasets().index
    with pytest.raises(BadOption, match="must start before it ends"):
        itbench.pack("other", IMAGES, RATES, window=(70, 70))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"images": IMAGES}, "images and responses"),
        ({"benchmark": "synthetic-it", "images": IMAGES, "responses": RATES}, "images and responses"),
        ({"benchmark": "synthetic-it", "splits": {"kind": "kfold"}}, "benchmark has its own"),
        ({"images": IMAGES[:, :, :, :2], "responses": RATES}, "Images of shape"),
        ({"images": IMAGES - 300.0, "responses": RATES}, "not normalised ones"),
        ({"images": IMAGES, "responses": RATES[:, :50]}, "Responses of shape"),
        ({"images": IMAGES, "responses": RATES[0, 0]}, "Responses of shape"),
        ({"images": IMAGES, "responses": xr.DataArray(RATES[0], dims=("image", "site"))}, "unknown dimension"),
        ({"images": IMAGES[:, :3, :, :], "responses": RATES}, "either axis of 3"),
        ({"images": IMAGES, "responses": RATES, "layers": ["nowhere"]}, "unknown layer"),
    ],
)
def test_what_does_not_fit_is_refused(how, said):
    with pytest.raises(ItbenchError, match=said):
        itbench.score("pixels", **how)


def test_an_object_that_is_no_model_is_refused():
    with pytest.raises(BadOption, match="is no model"):
        itbench.score(3, images=IMAGES, responses=RATES)
    with pytest.raises(ItbenchError, match="must be"):
        itbench.score(lambda images: images.ravel(), images=IMAGES, responses=RATES)


@pytest.mark.parametrize("name", sorted(itbench._FORMER))
def test_former_public_names_work_and_say_what_they_are_called_now(name):
    with pytest.warns(DeprecationWarning, match=f"itbench.{name} is now itbench."):
        assert getattr(itbench, name) is not None


def test_every_public_name_is_there_and_documented():
    for name in itbench.__all__:
        assert getattr(itbench, name).__doc__, name


def test_importing_takes_no_torch_and_no_numpy():
    code = "import itbench, sys; print({'torch', 'numpy', 'xarray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"
