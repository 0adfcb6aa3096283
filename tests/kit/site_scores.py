"""Score files of all that a site shows: ranked, tied, seeds, baselines, other setups, earlier rules, failures."""

import json
from pathlib import Path

import numpy as np

from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.data.responses import mean_over_repetitions
from itbench.results.score_file import EDITION, write_score
from tests.kit.scores import comparison_score, readout_score
from tests.kit.toy import toy_recordings

MARKUP = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
RECORDED, ABSENT = "synthetic-it", "<b>absent</b>"  # benchmarks whose recordings are in the data folder, and are not


def site_scores(home: Path, folder: Path) -> Path:
    """Write small recordings under the name of synthetic-it into the data folder, and scores on them into `folder`."""
    path = home / "data" / f"{RECORDED}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_recordings(toy_recordings(sites=24), path)
    recordings = read_recordings(path)
    recorded = mean_over_repetitions(recordings.require_responses())
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(8, *recorded.shape))
    ceiling = rng.uniform(0.7, 0.95, recorded.shape[1])

    def put(model: str, share: float, which: int = 0, **how: object) -> None:
        edition = how.pop("edition", EDITION)
        predicted = recorded.mean(axis=0) + share * (recorded - recorded.mean(axis=0)) + 0.2 * noise[which]
        about = {
            "benchmark": RECORDED,
            "digests": dict(recordings.digests),
            "stem": f"score{len(list(folder.glob('*')))}",
        }
        score = readout_score(recorded, predicted, ceiling=ceiling, model=model, **{**about, **how})
        write_score(score.assign_attrs(region="IT", edition=edition), folder)

    folder.mkdir(parents=True, exist_ok=True)
    git = {"commit": "0123456789abcdef", "dirty": True}
    put("best", 0.9, git=git, versions={"numpy": "2.0"}, date="2026-01-02")
    put("twin-a", 0.6, 1)
    put("twin-b", 0.6, 2)
    put(MARKUP, 0.3, 3)
    put("seeded", 0.2, 4, weights="random-0")
    put("seeded", 0.2, 5, weights="random-7")
    put("a-baseline", 0.5, 6, weights="none", baseline="pixels")
    put("other-options", 0.7, 7, options={"given": {"components": "5"}, "defaulted": {}})
    put("earlier", 0.8, edition=EDITION - 1)
    for number, model in enumerate(("best", MARKUP)):
        values = 0.5 - 0.2 * number + 0.05 * np.random.default_rng(number).normal(size=12)
        score = comparison_score(values, model=model, benchmark=ABSENT, stem=f"compared{number}")
        write_score(score.assign_attrs(region="V4"), folder)
    record = {
        "model": "broken",
        "weights": "pretrained",
        "benchmark": RECORDED,
        "metric": "ridge",
        "failed": f"no {MARKUP}",
    }
    (folder / "broken.failed.json").write_text(json.dumps(record))
    return folder


def read_page(site: Path, key: str) -> dict:
    """Return the JSON in a data file of a site."""
    text = (site / "data" / f"{key}.js").read_text()
    return json.loads(text.removeprefix(f"ITB.put({json.dumps(key)},").rstrip().removesuffix(");"))
