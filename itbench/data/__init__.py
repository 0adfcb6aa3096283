"""Stimuli, responses, recordings and benchmarks, and what a data set plugin needs to read them from files."""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "Benchmark": "data.benchmark",
    "Dataset": "data.catalog",
    "ImageFiles": "data.images",
    "Images": "data.stimuli",
    "RDM_DIMS": "data.recordings",
    "RESERVED": "data.recordings",
    "Recordings": "data.recordings",
    "RemoteFile": "data.download.remote_file",
    "Reporter": "util.progress",
    "Split": "data.splits",
    "SplitPlan": "data.splits",
    "StimulusSet": "data.stimuli",
    "array_blocks": "data.recordings_file",
    "list_images": "data.images",
    "load_recordings": "data.fetch",
    "make_responses": "data.responses",
    "mean_over_repetitions": "data.responses",
    "order_images": "data.images",
    "parse_column": "util.tables",
    "read_csv": "util.tables",
    "read_errors": "data.recordings_file",
    "read_recordings": "data.recordings_file",
    "repetitions_per_stimulus": "data.responses",
    "write_recordings": "data.recordings_file",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Import a public name of `itbench.data` when it is first used: listing data sets takes no xarray and no HDF5."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'itbench.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"itbench.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
