"""Real recordings and networks: scores recomputed with NumPy and scikit-learn from exported files."""

import json
import zipfile

import h5py
import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from itbench.metrics.ridge import ALPHA_GRID
from tests.kit.commands import SHARED, run

V4 = [SHARED / "cowley2023-v4-210325" / name for name in ("images_210325.zip", "responses_raw.npy")]
NETWORKS = {  # by model: folder of its weights, and two layers
    "mobilenetv2_100_same": ("mobilenetv2_100_imagenet", ("blocks.3", "blocks.5")),
    "torchvision/squeezenet1_1": ("squeezenet1_1_imagenet", ("features.9", "features.12")),
    "timm/vit_tiny_patch16_224": ("vit_tiny_patch16_224_imagenet", ("blocks.5", "blocks.10")),
}
WEIGHTS = {model: SHARED / folder / "model.safetensors" for model, (folder, _) in NETWORKS.items()}
FOLDS, SEED = 5, 0
STEP = 3  # every third image is recomputed
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(path.exists() for path in (*V4, *WEIGHTS.values())),
        reason="recordings or weights are not beside this checkout",
    ),
]


def benchmark(home, images, responses):
    """Pack images and responses, and return the path of a benchmark with shuffled folds on them."""
    packed = run(
        "data", "pack", "v4", "--images", images, "--responses", responses, "--dims", "site,stimulus,repetition"
    )
    assert packed.exit_code == 0, packed.stderr
    path = home / "v4.yaml"
    path.write_text(f"name: v4\ndata: v4\nsplits: {{kind: kfold, folds: {FOLDS}, seed: {SEED}}}\n")
    return path


def score(model, path, *words):
    done = run("score", "-m", model, "-b", path, *words, "--json")
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)
    with xr.open_dataset(row["file"]) as written:
        return row, written.load()


def explained(recorded, predicted):
    return 1 - (recorded - predicted).var(axis=0) / recorded.var(axis=0)


def correlated(recorded, predicted):
    a, b = recorded - recorded.mean(axis=0), predicted - predicted.mean(axis=0)
    return (a * b).sum(axis=0) / np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))


def ridge(x, y, train, test):
    """Return test predictions, and inner EV, of ridge with a penalty a site, chosen by leave-one-out."""
    centred = x[train] - x[train].mean(axis=0)
    u, s, _ = np.linalg.svd(centred @ centred.T)  # the features in as many columns as rows: quicker, the same fits
    basis = u[:, s > 1e-9 * s[0]] * np.sqrt(s[s > 1e-9 * s[0]])
    outer = (x[test] - x[train].mean(axis=0)) @ centred.T @ u[:, : basis.shape[1]] / np.sqrt(s[: basis.shape[1]])
    alphas = np.array(ALPHA_GRID) * np.square(centred).sum() / len(train)
    fit = RidgeCV(alphas, alpha_per_target=True, store_cv_results=True).fit(basis, y[train])
    chosen = np.argmin(np.abs(alphas[None] - np.asarray(fit.alpha_)[:, None]), axis=1)
    errors = fit.cv_results_[:, np.arange(y.shape[1]), chosen]  # squared, of every row
    return fit.predict(outer), errors


def debiased_cka(x, y):
    n = len(x)

    def hsic(k, m):
        ones = np.ones(n)
        rows = ones @ k @ m @ ones
        return np.trace(k @ m) + (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)

    k, m = ((z - z.mean(axis=0)) @ (z - z.mean(axis=0)).T for z in (x, y))
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def rsa(x, y):
    pairs = np.triu_indices(len(x), 1)
    return np.corrcoef((1 - np.corrcoef(x))[pairs], (1 - np.corrcoef(y))[pairs])[0, 1]


@pytest.mark.parametrize("model", NETWORKS)
def test_scores_are_those_recomputed_from_exported_activations(model, home):
    _, layers = NETWORKS[model]
    every = slice(None, None, STEP)
    with zipfile.ZipFile(V4[0]) as archive:
        for name in sorted(archive.namelist())[every]:
            archive.extract(name, "some")
    responses = np.load(V4[1])[:, every]
    np.save("some.npy", responses)
    v4 = benchmark(home, "some", "some.npy")
    words = [*("--weights", WEIGHTS[model]), *(word for layer in layers for word in ("-l", layer))]
    exported = run("extract", model, *words, "--images", "v4", "--output", "activations.h5")
    assert exported.exit_code == 0, exported.stderr
    recorded = np.nanmean(responses, axis=2).T  # (stimulus, site)
    with h5py.File("activations.h5") as file:
        assert [int(name[5:9]) for name in file["stimulus"].asstr()[:]] == list(range(1, 641, STEP))
        features = {layer: file[layer][:].reshape(len(recorded), -1).astype(np.float64) for layer in layers}
    folds = list(KFold(FOLDS, shuffle=True, random_state=SEED).split(recorded))
    predicted = {layer: [ridge(x, recorded, train, test) for train, test in folds] for layer, x in features.items()}
    row, found = score(model, v4, *words)
    sums = np.zeros((2, recorded.shape[1]))  # of squares, over folds: of residuals, of responses
    for number, (train, test) in enumerate(folds):
        assert set(found.row_stimulus.values[found.row_split.values == number]) == set(test)
        tested = {layer: predicted[layer][number][0] for layer in layers}
        for layer in layers:
            one = found.isel(split=number).sel(layer=layer)
            np.testing.assert_allclose(one.explained_variance, explained(recorded[test], tested[layer]), atol=1e-4)
            np.testing.assert_allclose(one.correlation, correlated(recorded[test], tested[layer]), atol=1e-4)
        inner = [1 - predicted[layer][number][1].mean(axis=0) / recorded[train].var(axis=0) for layer in layers]
        chosen = layers[int(np.argmax(np.mean(inner, axis=1)))]
        assert str(found.chosen_layer.values[number]) == chosen
        sums += [len(test) * y.var(axis=0) for y in (recorded[test] - tested[chosen], recorded[test])]
    assert row["explained_variance"] == pytest.approx((1 - sums[0] / sums[1]).mean(), abs=1e-4)
    for metric, oracle in (("cka", debiased_cka), ("rsa", rsa)):
        _, compared = score(model, v4, *words, "--metric", metric)
        for layer in layers:
            assert float(compared.value.sel(layer=layer)) == pytest.approx(oracle(features[layer], recorded), abs=1e-4)
