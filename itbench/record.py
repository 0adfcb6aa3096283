"""What a score says of itself: the names it is found by, and all that produced it."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench import provenance
from itbench.files import digest
from itbench.protocols import Model
from itbench.recordings import Recordings
from itbench.responses import repetitions_per_stimulus
from itbench.run import Run


def score_attributes(
    run: Run, recordings: Recordings, model: Model, scorable: NDArray[np.bool_], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the attributes of a score; `about` is its provenance."""
    return {
        **run.about,
        "region": run.benchmark.region or str(recordings.about.get("region") or ""),
        "n_sites": len(scorable),
        "n_sites_scored": int(scorable.sum()),
        "n_stimuli": len(recordings.stimuli),
        "file_stem": file_stem(run, model.identity["weights"]),
        "provenance": json.dumps(about, default=str, ensure_ascii=False),
    }


def provenance_of(
    run: Run, recordings: Recordings, model: Model, identity: Mapping[str, Any], seconds: Mapping[str, float]
) -> dict[str, Any]:
    """Return all that produced a score: digests, options, versions, commit, machine, seconds of each stage."""
    return {
        "digests": {"weights": model.identity["weights"], **recordings.digests},
        "model": {"identity": dict(identity), "source": run.model.source},
        "weights": {"kind": run.weights.kind, "file": run.weights.path and run.weights.path.name},
        "seed": run.weights.seed,
        "splits": dataclasses.asdict(run.benchmark.splits),
        "repetitions": repetitions_per_stimulus(recordings.responses),
        "device": model.device,
        "precision": run.settings.precision,
        "pool": run.settings.pool,
        "degrees": identity["degrees"],
        "layers": "named" if run.layers else "candidates",
        "options": {"given": run.options_given, "defaulted": run.options_defaulted},
        "seconds": dict(seconds),
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": provenance.versions(),
        "git": provenance.commit(),
        "machine": provenance.machine(),
    }


def file_stem(run: Run, weights: str = "") -> str:
    """Return the file name of a score, without ending; what departs from the defaults adds a short digest.

    `weights` is the digest of the weights: two files of one name are not the same weights.
    """
    names = list(run.about.values())
    clean = [re.sub(r"[^\w.+-]+", "_", name) for name in names]
    departures = {
        "names": names if names != clean else "",
        "options": run.options_changed,
        "layers": run.layers,
        "precision": run.settings.precision if run.settings.precision != "float32" else "",
        "pool": run.settings.pool if run.settings.pool != "none" else "",
        "degrees": run.settings.degrees or "",
        "weights": weights if run.weights.kind == "file" else "",
    }
    return "--".join([*clean, *([digest(departures)[:8]] if any(departures.values()) else [])])
