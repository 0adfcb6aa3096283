"""The readouts at full size, and Brain-Score's ten splits beside scikit-learn's own partial least squares.

python -m perf.protocol                 # everything: about a quarter of an hour on 2 cores
python -m perf.protocol readouts
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from itbench.extraction.gram_reducer import GramReducer
from itbench.gram import Gram
from itbench.plugins import load_plugins
from itbench.statistics.brainscore import brainscore_splits
from itbench.statistics.explained_variance import correlation
from perf.commands import measured
from perf.table import Row, table_command

IMAGES, SITES = 3_200, 168
OBJECTS = {"object": np.repeat(np.arange(64), IMAGES // 64)}
READOUTS: dict[str, dict[str, Any]] = {
    "ridge": {},
    "ridge kernel=rbf": {"kernel": "rbf"},
    "ridge components=none": {"components": None},
    "ols": {},
    "pls": {},
    "brainscore-pls": {},
    "brainscore-ridge": {},
}


def readouts(home: Path) -> Iterator[Row]:
    """Every readout over ten splits, from the Gram of 5,000 random features."""
    features, responses = simulate(5_000)
    gram = Gram.from_features(features)
    for name, options in READOUTS.items():
        readout = load_plugins().metric(name.split()[0]).readout(**options)
        r, seconds = measured(lambda readout=readout: read(readout, gram, responses))  # type: ignore[misc]  # bound now
        yield Row(
            f"{name}, 3,200 images, 168 sites, 10 splits, one layer (median r {r:.3f})",
            f"{seconds:.1f} s",
            "",
            "",
            "≤ 30 s",
            seconds <= 30,
        )


def pls(home: Path) -> Iterator[Row]:
    """Brain-Score's ten splits, the Gram included, against one split of scikit-learn on the features."""
    from sklearn.cross_decomposition import PLSRegression

    width = 100_352
    features, responses = simulate(width)
    splits = brainscore_splits(IMAGES, OBJECTS)
    readout = load_plugins().metric("brainscore-pls").readout()

    def ours() -> float:
        ids = [str(row) for row in range(IMAGES)]
        with GramReducer({"layer": width}, ids, memory=4 * 10**9, scratch=home) as reducer:
            for start in range(0, IMAGES, 32):
                reducer.put("layer", slice(start, start + 32), features[start : start + 32])
            gram = reducer.gram("layer")
        return read(readout, gram, responses)

    def theirs() -> float:
        train, test = splits[0].train, splits[0].test
        model = PLSRegression(n_components=25, scale=False).fit(features[train], responses[train])
        return float(np.median(correlation(responses[test], model.predict(features[test]))))

    (mine, fast), (other, slow) = measured(ours), measured(theirs)
    yield Row(
        f"brainscore-pls, 3,200 × 100,352 features, 168 sites, 10 splits, the Gram made too (median r {mine:.4f})",
        f"{fast:.1f} s",
        f"sklearn PLSRegression(25, scale=False), one split {slow:.1f} s (median r {other:.4f}), ten of them "
        f"{10 * slow:.0f} s",
        f"{10 * slow / fast:.0f} × faster",
        "≥ 10 × faster",
        10 * slow >= 10 * fast,
    )


def simulate(width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features (image, feature) in float32 and responses (image, site) to what 200 of them share."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((IMAGES, 200), np.float32) * np.geomspace(10, 0.3, 200, dtype=np.float32)
    features = latent @ rng.standard_normal((200, width), np.float32)
    features += rng.standard_normal((IMAGES, width), np.float32)
    responses = latent @ rng.standard_normal((200, SITES)) + 15 * rng.standard_normal((IMAGES, SITES))
    return features, responses


def read(readout: Any, gram: Gram, responses: np.ndarray) -> float:
    """Return the median of r over sites, averaged over Brain-Score's splits."""
    medians = []
    for split in brainscore_splits(IMAGES, OBJECTS):
        reading = readout(gram, responses[split.train], split.train, split.test)
        medians.append(np.median(correlation(responses[split.test], reading.predictions)))
    return float(np.mean(medians))


SECTIONS = {"readouts": readouts, "pls": pls}


main = table_command(SECTIONS, "protocol")


if __name__ == "__main__":
    main()
