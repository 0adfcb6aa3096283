"""Speed and memory beside others, as ratios in one run on one machine.

python -m perf.run                      # everything: about half an hour on 2 cores
python -m perf.run readout help         # some of it
python -m perf.run --output docs/performance.md
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from itbench.data.recordings import Recordings
from itbench.data.recordings_file import write_recordings
from itbench.data.responses import make_responses
from itbench.data.stimuli import StimulusSet
from itbench.results.score_file import provenance, read_score
from perf.commands import itbench, measured, timed
from perf.table import Row, table_command


def densenet(home: Path) -> Iterator[Row]:
    """Compare a whole score with a bare forward loop and one matrix product for each layer."""
    benchmark = make_benchmark(home, 640, provided=False)
    floors = {pages: densenet_floor(home, pages) for pages in ("0", "1")}
    seconds, rss, _ = itbench(home, "score", "-m", "densenet201", "--weights", "random", "-b", benchmark)
    for pages, (forward, products, rate) in floors.items():
        floor = forward + products
        kind = "floor" if pages == "0" else "floor with torch's large pages on"
        yield Row(
            "score densenet201, 8 layers, 640 images (whole command, imports too)",
            f"{seconds:.1f} s, {rss:.1f} GB",
            f"{kind} {floor:.1f} s: forward {forward:.1f} s, products {products:.1f} s at {rate / 1e9:.0f} GFLOP/s",
            f"{seconds / floor:.2f} ×",
            "≤ 1.25 × floor",
            seconds <= 1.25 * floor,
        )


def densenet_floor(home: Path, large_pages: str) -> tuple[float, float, float]:
    """Time the bare forward loop and the matrix products in a separate process: seconds, seconds, FLOP/s."""
    environment = {**os.environ, "ITBENCH_HOME": str(home), "THP_MEM_ALLOC_ENABLE": large_pages}
    arguments = [sys.executable, "-m", "perf.floor", str(home / "data" / "perf-640.h5")]
    printed = subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True).stdout
    print(f"large pages {large_pages}: {printed.strip()}", file=sys.stderr)
    forward, products, rate = map(float, printed.split())
    return forward, products, rate


def readout(home: Path) -> Iterator[Row]:
    """Compare Gram and ridge readout from features in memory with scikit-learn's PCA and RidgeCV."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import RidgeCV

    from itbench.extraction.gram_reducer import GramReducer
    from itbench.plugins import load_plugins
    from itbench.statistics.explained_variance import explained_variance

    n, p, sites = 2_880, 100_352, 168
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((n, 200), np.float32) * np.geomspace(10, 0.3, 200, dtype=np.float32)
    features = latent @ rng.standard_normal((200, p), np.float32)
    features += rng.standard_normal((n, p), np.float32)
    responses = latent @ rng.standard_normal((200, sites)) + 15 * rng.standard_normal((n, sites))
    train, test = np.arange(2_592), np.arange(2_592, n)
    alphas = np.geomspace(1e-2, 1e10, 25)

    def ours() -> np.ndarray:
        ids = [str(row) for row in range(n)]
        with GramReducer({"layer": p}, ids, memory=4 * 10**9, scratch=home) as reducer:
            for start in range(0, n, 32):
                reducer.put("layer", slice(start, min(start + 32, n)), features[start : start + 32])
            gram = reducer.gram("layer")
        return load_plugins().metric("ridge").readout()(gram, responses[train], train, test).predictions

    def theirs() -> np.ndarray:
        pca = PCA(1000, random_state=0).fit(features[train])
        ridge = RidgeCV(alphas, alpha_per_target=True).fit(pca.transform(features[train]), responses[train])
        return ridge.predict(pca.transform(features[test]))

    (mine, fast), (other, slow) = measured(ours), measured(theirs)
    difference = abs(explained_variance(responses[test], mine) - explained_variance(responses[test], other)).mean()
    ev = explained_variance(responses[test], mine).mean()
    yield Row(
        f"readout of 2,592 × 100,352 features, 168 sites (EV {ev:.4f}, mean difference {difference:.1e})",
        f"{fast:.1f} s",
        f"sklearn PCA(1000) + RidgeCV {slow:.1f} s",
        f"{slow / fast:.1f} × faster",
        "≥ 4 × faster, EV equal to 1e-3",
        slow >= 4 * fast and difference <= 1e-3,
    )


def conv1(home: Path) -> Iterator[Row]:
    """Score the widest layer within the default memory, then from the Gram cache."""
    benchmark = make_benchmark(home, 3_200, provided=True)
    command = ("score", "-m", "resnet50", "--weights", "random", "-b", benchmark, "-l", "conv1")
    seconds, rss, _ = itbench(home, *command)
    yield Row(
        "resnet50 conv1 (802,816 features), 3,200 images, --memory 4GB",
        f"{rss:.2f} GB peak, {seconds:.0f} s",
        "features held: 10.3 GB",
        f"{10.28 / rss:.1f} × less",
        "peak ≤ 4 GB",
        rss <= 4.0,
    )
    itbench(home, *command, "-l", "maxpool")
    for path in (home / "scores").glob("*.nc"):
        path.unlink()
    again = itbench(home, *command, "-l", "maxpool").seconds
    (path,) = (home / "scores").glob("*.nc")
    stages = provenance(read_score(path))["seconds"]
    layer = (stages["activations"] + stages["readout"]) / 2
    yield Row(
        "conv1 and maxpool of 3,200 images again, from the cache: reading and readout, a layer",
        f"{layer:.1f} s",
        f"whole command, both layers, imports too: {again:.1f} s",
        f"{layer / again:.2f} ×",
        "≤ 5 s a layer",
        layer <= 5,
    )


def help_(home: Path) -> Iterator[Row]:
    """Time itbench --help."""
    seconds = min(itbench(home, "--help").seconds for _ in range(5))
    bare = min(timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)) for _ in range(5))
    yield Row(
        "itbench --help",
        f"{seconds:.2f} s",
        f"python -c pass {bare:.2f} s",
        f"{seconds / bare:.1f} ×",
        "≤ 0.3 s",
        seconds <= 0.3,
    )


def make_benchmark(home: Path, n: int, *, provided: bool) -> str:
    """Write recordings of noise (224 × 224 pixels, 168 sites) and return the path of a benchmark on them."""
    name = f"perf-{n}"
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 224, 224, 3), dtype=np.uint8)
    ids = [f"{number:04d}" for number in range(n)]
    split = np.array(["train"] * (n - n // 10) + ["test"] * (n // 10), dtype=object)
    responses = make_responses(rng.standard_normal((1, n, 168)).astype(np.float32), ids)
    recordings = Recordings(name, StimulusSet(tuple(ids), images, {"split": split}), responses)
    write_recordings(recordings, home / "data" / f"{name}.h5")
    path = home / f"{name}.yaml"
    path.write_text(f"data: {name}\nsplits: {{kind: {'provided' if provided else 'kfold'}}}\n")
    return str(path)


SECTIONS = {"help": help_, "readout": readout, "densenet": densenet, "conv1": conv1}


main = table_command(SECTIONS, "measured")


if __name__ == "__main__":
    main()
