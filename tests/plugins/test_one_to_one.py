"""The best single feature of each site, streamed, is the one that plain NumPy finds with all activations in memory."""

import numpy as np
import pytest
from scipy.stats import linregress

from itbench import FunctionModel, ItbenchError
from itbench.data.splits import Split, SplitPlan
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadActivations
from itbench.extraction import gram_reducer
from itbench.extraction.forward import ExtractionSettings
from itbench.metrics.options import build
from itbench.metrics.single_feature import best_features
from itbench.models.weights import Weights
from itbench.plugins import load_plugins
from tests.kit.commands import run_python
from tests.kit.streaming import StreamedModel

N = 60
CLOSE = 1e-5  # of responses about 1: panels hold float32 less a reference
FOLDS = SplitPlan("kfold", 4).divide(N, {})
HALF = [Split("half", np.arange(0, 40), np.arange(40, 52))]  # the last 8 stimuli are in neither part
LEFT = [Split("left", np.arange(5, 60), np.arange(5)), Split("right", np.arange(30), np.arange(50, 60))]


def stimuli(seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (N, 6, 6, 3), dtype=np.uint8)
    return StimulusSet(tuple(f"image{number}" for number in range(N)), images)


def mixed(shape, seed=1):
    """Return a function of images: rectified random mixtures of pixels, of the shape (batch, *shape)."""
    weights = np.random.default_rng(seed).standard_normal((108, int(np.prod(shape))))

    def features(images):
        flat = images.reshape(len(images), -1) / 255 - 0.5
        return np.maximum(flat @ weights, -1).reshape(len(images), *shape)

    return features


def model_of(**layers):
    def all_layers(images):
        return {name: function(images) for name, function in layers.items()}

    return FunctionModel(all_layers, layers=tuple(layers), identity="test")


def responses(features, sites, seed=2, noise=1.0):
    """Return sites that follow one feature each, some of them downwards, with noise."""
    rng = np.random.default_rng(seed)
    own = features[:, rng.integers(0, features.shape[1], sites)].astype(float)
    spread = own.std(axis=0)
    return 3 + rng.choice([-1, 1], sites) * own / spread + noise * rng.standard_normal(own.shape)


def activations(model, layer):
    found = model.activations(model.prepare(stimuli().images), [layer])[layer]
    return found.reshape(N, -1).astype(np.float64)


def read(model, layers, recorded, splits, *, memory=4 * 10**9, batch_size=16, scratch=None, **options):
    settings = ExtractionSettings(memory=memory, batch_size=batch_size, **({"scratch": scratch} if scratch else {}))
    readout = build(load_plugins().metric("one-to-one").readout, options)
    found = best_features(StreamedModel(model, stimuli(), layers, settings), layers, recorded, splits, readout)
    return {layer: (n_features, readings) for layer, n_features, readings in found}


def expected(features, recorded, learn, rows, positive=False):
    """Choose by NumPy's correlations and regress with SciPy, site by site."""
    predicted = np.empty((len(rows), recorded.shape[1]))
    varying = np.ptp(features[learn], axis=0) > 0
    for site, y in enumerate(recorded[learn].T):
        r = np.zeros(features.shape[1])
        r[varying] = np.corrcoef(features[learn][:, varying], y, rowvar=False)[-1, :-1]
        best = np.argmax(r if positive else np.abs(r))
        line = linregress(features[learn, best], y)
        predicted[:, site] = line.intercept + line.slope * features[rows, best]
    return predicted


def assert_as_expected(readings, features, recorded, splits, **options):
    used = np.unique(np.concatenate([split.train for split in splits]))
    order = np.random.default_rng(0).permutation(used)
    halves = set(order[::2]), set(order[1::2])
    for split, reading in zip(splits, readings, strict=True):
        whole = expected(features, recorded, split.train, split.test, **options)
        np.testing.assert_allclose(reading.predictions, whole, rtol=0, atol=CLOSE)
        first, second = ([index for index, row in enumerate(split.train) if row in half] for half in halves)
        for rows, learn in ((first, second), (second, first)):
            inner = expected(features, recorded, split.train[learn], split.train[rows], **options)
            np.testing.assert_allclose(reading.inner_predictions[rows], inner, rtol=0, atol=CLOSE)
        assert np.isnan(reading.alpha).all()
        assert reading.alpha.shape == (recorded.shape[1],)


@pytest.mark.parametrize("splits", [FOLDS, HALF, LEFT], ids=["folds", "half", "uneven"])
@pytest.mark.parametrize(
    ("shape", "sites"), [((1,), 3), ((7,), 1), ((300,), 4), ((3, 5, 4), 2)], ids=lambda value: str(value)
)
def test_predictions_are_those_of_scipy_on_all_features(shape, sites, splits):
    model = model_of(layer=mixed(shape))
    features = activations(model, "layer")
    recorded = responses(features, sites)
    recorded[52:] = np.where(splits is HALF, np.nan, recorded[52:])  # what no split uses may be missing
    found = read(model, ["layer"], recorded, splits)
    assert found["layer"][0] == features.shape[1]
    assert_as_expected(found["layer"][1], features, recorded, splits)


def test_a_network_gives_what_its_raw_activations_give(toy):
    network = load_plugins().model("toy-net").factory(Weights("random"))
    for layer in ("first", "second"):
        features = activations(network, layer)
        recorded = responses(features, 3)
        assert_as_expected(read(network, [layer], recorded, FOLDS)[layer][1], features, recorded, FOLDS)


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "scratched"), [(4 * 10**9, False), (0, True)], ids=["memory", "scratch"])
@pytest.mark.parametrize("block", [1, 60_000, 10**8], ids=["one by one", "some", "all"])
@pytest.mark.parametrize("batch_size", [7, 60])
def test_panels_blocks_and_batches_do_not_matter(monkeypatch, tmp_path, memory, scratched, block, batch_size):
    model = model_of(layer=mixed((1100,)))
    features = activations(model, "layer")
    recorded = responses(features, 3)
    whole = read(model, ["layer"], recorded, FOLDS)["layer"][1]
    monkeypatch.setattr(gram_reducer, "PANEL_BYTES", 1)  # panels of 512 features
    monkeypatch.setattr("itbench.metrics.single_feature.BLOCK_BYTES", block)
    if scratched:
        monkeypatch.setattr("itbench.extraction.forward._memory_left", lambda *_: memory)
    found = read(model, ["layer"], recorded, FOLDS, batch_size=batch_size, scratch=tmp_path / "scratch")["layer"][1]
    assert (tmp_path / "scratch").exists() == scratched
    for one, other in zip(whole, found, strict=True):
        np.testing.assert_allclose(one.predictions, other.predictions, rtol=0, atol=CLOSE)
        np.testing.assert_allclose(one.inner_predictions, other.inner_predictions, rtol=0, atol=CLOSE)


def test_only_rising_features_are_taken_if_so_asked():
    model = model_of(layer=mixed((40,)))
    features = activations(model, "layer")
    recorded = responses(features, 6, noise=0.3)
    rising = read(model, ["layer"], recorded, FOLDS, positive=True)["layer"][1]
    assert_as_expected(rising, features, recorded, FOLDS, positive=True)
    assert not np.allclose(rising[0].predictions, read(model, ["layer"], recorded, FOLDS)["layer"][1][0].predictions)


def test_a_sum_of_layers_is_searched_as_one():
    one, two = mixed((30,), seed=3), mixed((4, 5), seed=4)
    both = model_of(a=one, b=two)
    features = np.concatenate([activations(both, "a"), activations(both, "b")], axis=1)
    recorded = responses(features, 5)
    found = read(both, ["b", "a+b", "b+a", "a"], recorded, FOLDS)
    assert {layer: n_features for layer, (n_features, _) in found.items()} == {"b": 20, "a+b": 50, "b+a": 50, "a": 30}
    for layer in ("a+b", "b+a"):
        assert_as_expected(found[layer][1], features, recorded, FOLDS)
    assert_as_expected(found["a"][1], features[:, :30], recorded, FOLDS)
    assert_as_expected(found["b"][1], features[:, 30:], recorded, FOLDS)


def beside(features, *columns):
    """Return a layer whose features are those given and more columns (stimulus,) beside them."""
    table = np.column_stack([features, *columns]).astype(np.float32)
    known = {image.tobytes(): row for image, row in zip(stimuli().images, table, strict=True)}
    return lambda images: np.stack([known[image.tobytes()] for image in images])


def test_features_that_are_constant_but_for_rounding_are_never_chosen():
    features = activations(model_of(layer=mixed((10,))), "layer")
    recorded = responses(features, 3)
    jitter = np.float32(1000) + np.where(recorded[:, 0] > 3, np.spacing(np.float32(1000)), 0)
    only_in_test = np.where(np.arange(N) >= 40, 1e6, 0.0)
    layer = beside(features, np.full(N, 0.1), jitter, only_in_test)
    found = read(model_of(layer=layer), ["layer"], recorded, HALF)["layer"]
    assert found[0] == 13
    assert_as_expected(found[1], features, recorded, HALF)


def test_a_feature_that_lives_only_in_rows_left_out_is_constant():
    features = activations(model_of(layer=mixed((10,))), "layer")
    recorded = responses(features, 3)
    rare = np.zeros(N)
    rare[FOLDS[0].test] = np.random.default_rng(5).normal(1e3, 1e2, len(FOLDS[0].test))
    found = read(model_of(layer=beside(features, rare)), ["layer"], recorded, FOLDS)["layer"][1]
    np.testing.assert_allclose(
        found[0].predictions, expected(features, recorded, FOLDS[0].train, FOLDS[0].test), rtol=0, atol=CLOSE
    )


@pytest.mark.parametrize("positive", [False, True])
def test_without_any_usable_feature_the_mean_is_predicted(positive):
    recorded = np.arange(2.0 * N).reshape(N, 2)
    layer = beside(np.ones((N, 2)), *([-recorded[:, 0]] if positive else []))
    for split, reading in zip(
        FOLDS, read(model_of(layer=layer), ["layer"], recorded, FOLDS, positive=positive)["layer"][1], strict=True
    ):
        assert np.isfinite(reading.inner_predictions).all()
        mean = np.broadcast_to(recorded[split.train].mean(axis=0), reading.predictions.shape)
        np.testing.assert_allclose(reading.predictions, mean)


def test_inner_predictions_do_not_follow_their_own_response_nor_test_rows():
    model = model_of(layer=mixed((50,)))
    recorded = responses(activations(model, "layer"), 4)
    (before,) = read(model, ["layer"], recorded, HALF)["layer"][1]
    changed = recorded.copy()
    changed[40:] = np.random.default_rng(6).standard_normal((20, 4))
    changed[[3, 9, 17, 25], [0, 1, 2, 3]] += 1e6
    (after,) = read(model, ["layer"], changed, HALF)["layer"][1]
    rows, sites = [3, 9, 17, 25], [0, 1, 2, 3]
    np.testing.assert_array_equal(before.inner_predictions[rows, sites], after.inner_predictions[rows, sites])
    assert not np.allclose(before.predictions, after.predictions)  # learnt from all training rows, outliers too


def test_too_few_training_rows_are_refused():
    few = [Split("few", np.arange(5), np.arange(10, 60))]
    with pytest.raises(ItbenchError, match=r"Split 'few' has 5 stimuli to train on: too few"):
        read(model_of(layer=mixed((5,))), ["layer"], np.zeros((N, 1)), few)


def test_a_value_that_is_no_number_names_layer_and_image():
    broken = np.ones(N)
    broken[23] = np.nan
    with pytest.raises(BadActivations, match=r"Layer 'layer' gave NaN or infinity for the image image23"):
        read(model_of(layer=beside(broken)), ["layer"], np.zeros((N, 1)), HALF)


WIDE = """
from pathlib import Path
import numpy as np
from itbench import FunctionModel, plugins
from itbench.metrics.single_feature import best_features
from itbench.extraction.forward import ExtractionSettings
from tests.kit.streaming import StreamedModel
from itbench.data.splits import SplitPlan
from itbench.data.stimuli import StimulusSet

rng = np.random.default_rng(0)
stimuli = StimulusSet(tuple(map(str, range(400))), rng.integers(0, 256, (400, 2, 2, 3), dtype=np.uint8))
weights = rng.standard_normal(600_000).astype(np.float32)
model = FunctionModel(lambda p: {"wide": np.sin(p[:, 0, 0, :1] * weights)}, layers=("wide",), identity="wide")
settings = ExtractionSettings(memory=1_200_000_000, batch_size=4, scratch=Path("scratch"))
readout, splits = plugins.load_plugins().metric("one-to-one").readout(), SplitPlan("kfold", 5).divide(400, {})
recorded = rng.standard_normal((400, 100))
list(best_features(StreamedModel(model, stimuli, ["wide"], settings), ["wide"], recorded, splits, readout))
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0], *Path("scratch").iterdir())
"""


@pytest.mark.slow
def test_a_layer_as_large_as_the_memory_is_searched_within_it():
    done = run_python(WIDE)  # 0.96 GB of activations
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 1_200_000_000
