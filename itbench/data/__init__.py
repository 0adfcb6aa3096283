"""Stimuli, responses, recordings and benchmarks, and what a data set plugin needs to read them from files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from itbench.util.lazy import lazy_names

if TYPE_CHECKING:  # for editors and type checkers
    from itbench.data.benchmark import Benchmark as Benchmark
    from itbench.data.catalog import Dataset as Dataset
    from itbench.data.fetch import load_recordings as load_recordings
    from itbench.data.images import ImageFiles as ImageFiles
    from itbench.data.images import list_images as list_images
    from itbench.data.images import order_images as order_images
    from itbench.data.recordings import RDM_DIMS as RDM_DIMS
    from itbench.data.recordings import RESERVED as RESERVED
    from itbench.data.recordings import Recordings as Recordings
    from itbench.data.recordings_file import array_blocks as array_blocks
    from itbench.data.recordings_file import read_errors as read_errors
    from itbench.data.recordings_file import read_recordings as read_recordings
    from itbench.data.recordings_file import write_recordings as write_recordings
    from itbench.data.remote_file import RemoteFile as RemoteFile
    from itbench.data.responses import make_responses as make_responses
    from itbench.data.responses import mean_over_repetitions as mean_over_repetitions
    from itbench.data.responses import repetitions_per_stimulus as repetitions_per_stimulus
    from itbench.data.splits import Split as Split
    from itbench.data.splits import SplitPlan as SplitPlan
    from itbench.data.stimuli import Images as Images
    from itbench.data.stimuli import StimulusSet as StimulusSet
    from itbench.util.progress import Reporter as Reporter
    from itbench.util.tables import parse_column as parse_column
    from itbench.util.tables import read_csv as read_csv

_PUBLIC = {  # name → file, relative to this folder
    "Benchmark": "benchmark",
    "Dataset": "catalog",
    "ImageFiles": "images",
    "Images": "stimuli",
    "RDM_DIMS": "recordings",
    "RESERVED": "recordings",
    "Recordings": "recordings",
    "RemoteFile": "remote_file",
    "Reporter": ".util.progress",
    "Split": "splits",
    "SplitPlan": "splits",
    "StimulusSet": "stimuli",
    "array_blocks": "recordings_file",
    "list_images": "images",
    "load_recordings": "fetch",
    "make_responses": "responses",
    "mean_over_repetitions": "responses",
    "order_images": "images",
    "parse_column": ".util.tables",
    "read_csv": ".util.tables",
    "read_errors": "recordings_file",
    "read_recordings": "recordings_file",
    "repetitions_per_stimulus": "responses",
    "write_recordings": "recordings_file",
}

__all__ = sorted(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
