"""Many small score files of invented models, written in milliseconds each from one template a benchmark."""

import io
import json

import h5py
import numpy as np

from itbench.results.score_file import write_score
from itbench.util.checksum import seal_file, seal_line
from tests.kit.scores import readout_score

LAYERS = [f"stage{number}.block.{number}" for number in range(8)]


def many_scores(folder, n_models, benchmarks=("one",), *, n_sites=30, n_images=60, n_draws=500, n_folds=4):
    """Write scores of `n_models` models on each benchmark; a model is better the higher its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, benchmark in enumerate(benchmarks):
        rng = np.random.default_rng(number)
        recorded = rng.normal(size=(n_images, n_sites))
        predicted = 0.3 * recorded + rng.normal(scale=0.3, size=recorded.shape)
        ceiling = rng.uniform(0.6, 0.9, n_sites)
        how = {"ceiling": ceiling, "n_draws": n_draws, "folds": n_folds, "benchmark": benchmark}
        score = readout_score(recorded, predicted, **how)
        score = score.isel(layer=[0] * 6 + [1, 1]).assign_coords(
            layer=LAYERS, chosen_layer=("split", LAYERS[-1:] * n_folds)
        )
        path = write_score(score.assign_attrs(region="IT" if number % 2 == 0 else "V4"), folder)
        template = path.read_bytes()
        path.unlink()
        for model in range(n_models):
            _vary(template, folder, f"model-{model:03d}", model / max(1, n_models - 1) - 0.5, rng)


def _vary(template, folder, model, better, rng):
    content = io.BytesIO(template)
    with h5py.File(content, "r+") as file:
        shift = 0.2 * better + 0.005 * rng.normal()
        for name in ("explained_variance", "inner_explained_variance"):
            values = file[name]
            values[...] = (
                values[()]
                + shift
                + 0.02 * np.arange(values.shape[1])[:, None]
                + rng.normal(scale=0.01, size=values.shape[2])
            )
        file["draws"][...] = (
            file["draws"][()] + shift + 0.02 * (len(LAYERS) - 1) + 0.01 * rng.normal(size=file["draws"].shape)
        )
        source = json.loads(file.attrs["provenance"])
        source["sources"][0]["model"] = model
        stem = f"{model}--pretrained--{file.attrs['benchmark']}--ridge"
        for key, value in {"model": model, "file_stem": stem, "provenance": json.dumps(source)}.items():
            file.attrs[key] = value
    path = folder / f"{stem}.nc"
    path.write_bytes(content.getvalue())
    seal_file(path, seal_line)
