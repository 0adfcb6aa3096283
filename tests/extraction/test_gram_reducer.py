"""Activations to Grams: the same numbers in memory and on scratch, and nothing left behind."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from itbench.errors import BadActivations, NoSpace
from itbench.extraction import gram_reducer
from itbench.extraction.gram_reducer import GramReducer
from itbench.metrics.rdm import rdm_of_gram

IDS = [f"image{number}" for number in range(50)]


def activations(shape=(6, 5, 4), seed=0, offset=10.0):
    return np.random.default_rng(seed).standard_normal((len(IDS), *shape)).astype(np.float32) + np.float32(offset)


def reduced(values, tmp_path, *, memory=10**9, batch=16, name="layer"):
    """Stream activations in batches and return their Gram and the scratch space taken."""
    width = int(np.prod(values.shape[1:]))
    with GramReducer({name: width}, IDS, memory=memory, scratch=tmp_path / "scratch") as reducer:
        for start in range(0, len(values), batch):
            rows = slice(start, min(start + batch, len(values)))
            reducer.put(name, rows, values[rows])
        return reducer.gram(name), reducer.scratch_bytes


@pytest.fixture
def narrow_panels(monkeypatch):
    """Panels of 512 features, so that small layers have several."""
    monkeypatch.setattr(gram_reducer, "PANEL_BYTES", 1)


@pytest.mark.parametrize("batch", [1, 7, 16, 50, 64])
@pytest.mark.parametrize("width", [1, 100, 2000, 20_000])
def test_gram_is_what_float64_gives(width, batch, tmp_path):
    values = activations((width,))
    wide = values.astype(np.float64)
    gram, _ = reduced(values, tmp_path, batch=batch)
    np.testing.assert_allclose(gram.matrix, wide @ wide.T, rtol=2e-6)
    np.testing.assert_allclose(gram.row_sums, wide.sum(axis=1), rtol=1e-6)
    assert gram.n_features == width
    assert gram.stimulus_ids == tuple(IDS)


def test_gram_is_the_same_on_both_sides_of_the_width_at_which_the_product_changes(tmp_path, monkeypatch):
    values = activations((100,), offset=3.0)
    wide = values.astype(np.float64)
    for limit in (99, 100, 101):
        monkeypatch.setattr(gram_reducer, "EXACT_FEATURES", limit)
        gram, _ = reduced(values, tmp_path)
        np.testing.assert_allclose(gram.matrix, wide @ wide.T, rtol=2e-6)


def test_centred_gram_of_a_wide_layer_keeps_its_digits(tmp_path):
    values = activations((40_000,), offset=100.0)  # the mean is 10,000 times the variance
    wide = values.astype(np.float64)
    centred = wide - wide.mean(axis=0)
    gram, _ = reduced(values, tmp_path)
    centring = np.eye(len(IDS)) - 1 / len(IDS)
    np.testing.assert_allclose(centring @ gram.matrix @ centring, centred @ centred.T, atol=2e-6 * 40_000)


@pytest.mark.parametrize("each", [False, True], ids=["one offset", "an offset for each image"])
@pytest.mark.parametrize("offset", [1e3, 1e4])
@pytest.mark.parametrize("width", [500, 40_000])
def test_correlation_distances_keep_their_digits_beside_an_offset(width, offset, each, tmp_path):
    values = activations((width,), offset=0.0)
    values += np.float32(offset) * (np.linspace(0.5, 2, len(IDS), dtype=np.float32)[:, None] if each else 1)
    gram, _ = reduced(values, tmp_path)
    np.testing.assert_allclose(rdm_of_gram(gram, "correlation"), 1 - np.corrcoef(values.astype(np.float64)), atol=1e-4)


@pytest.mark.parametrize(("kind", "value"), [(np.float16, 6e4), (np.float32, 3e38), (np.float64, 1e30)])
def test_large_values_whose_sum_would_overflow_are_taken(kind, value, tmp_path):
    values = np.full((len(IDS), 200), value, kind)
    values[::2, ::3] *= kind(0.5)
    wide = values.astype(np.float64)
    gram, _ = reduced(values, tmp_path)
    np.testing.assert_allclose(gram.row_sums, wide.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(gram.matrix, wide @ wide.T, rtol=1e-6)


def test_activations_in_float64_keep_their_digits(tmp_path):
    values = np.random.default_rng(0).standard_normal((len(IDS), 300)) + 1e9
    centred = values - values.mean(axis=0)
    centring = np.eye(len(IDS)) - 1 / len(IDS)
    gram, _ = reduced(values - 1e9 + 1e5, tmp_path)  # in float32 the fourth digit would be lost
    np.testing.assert_allclose(centring @ gram.matrix @ centring, centred @ centred.T, atol=2e-4 * 300)


@pytest.mark.parametrize("rows", [slice(None), slice(40, 41)], ids=["all images", "one image"])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_products_that_overflow_are_refused(rows, tmp_path):
    values = np.ones((len(IDS), 20))
    values[rows] = 1e200
    with pytest.raises(BadActivations, match="Layer 'layer' gives values so large"):
        reduced(values, tmp_path)


@pytest.mark.parametrize("memory", [0, 300_000, 10**9])
def test_scratch_and_memory_give_the_same_gram(memory, tmp_path, narrow_panels):
    values = activations((3_000,))
    expected, _ = reduced(values, tmp_path)
    gram, scratch = reduced(values, tmp_path, memory=memory)
    np.testing.assert_allclose(gram.matrix, expected.matrix, rtol=1e-12)
    assert scratch == {0: 600_000, 300_000: 307_200, 10**9: 0}[memory]
    assert list((tmp_path / "scratch").glob("*")) == []


def test_channels_last_and_contiguous_batches_give_one_gram(tmp_path):
    values = activations((8, 6, 6))
    expected, _ = reduced(values, tmp_path)
    last = values.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)  # the same numbers in another memory order
    with GramReducer({"layer": 288}, IDS, memory=10**9, scratch=tmp_path) as reducer:
        reducer.put("layer", slice(0, 20), last[:20])
        reducer.put("layer", slice(20, 50), values[20:])
        gram = reducer.gram("layer")
    np.testing.assert_allclose(gram.matrix, expected.matrix, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_names_layer_and_image(bad, tmp_path):
    values = activations()
    values[23, 2, 1, 3] = bad
    with pytest.raises(BadActivations, match=r"Layer 'deep\.conv' gave NaN or infinity for the image image23"):
        reduced(values, tmp_path, name="deep.conv")


def test_too_little_scratch_is_refused_before_work(tmp_path):
    millions = [str(number) for number in range(2 * 10**6)]
    with pytest.raises(NoSpace, match=r"8000\.0 GB of scratch space needed, .* GB free"):
        GramReducer({"layer": 10**6}, millions, memory=0, scratch=tmp_path)


@pytest.mark.slow
def test_a_killed_process_leaves_no_scratch(tmp_path):
    code = (
        "import numpy as np, time\nfrom pathlib import Path\nfrom itbench.extraction.gram_reducer import GramReducer\n"
        f"reducer = GramReducer({{'a': 10**6}}, ['x'] * 50, memory=0, scratch=Path({str(tmp_path / 'scratch')!r}))\n"
        "reducer.put('a', slice(0, 25), np.ones((25, 10**6), 'f4'))\nprint('written', flush=True)\ntime.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.1)
    assert list((tmp_path / "scratch").iterdir()) == []
