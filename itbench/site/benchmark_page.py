"""Benchmark on a page: what it asks, and its images and responses where the recordings are in the data folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from itbench.data.benchmark import Benchmark
from itbench.data.catalog import recordings_path
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import read_recordings
from itbench.data.responses import mean_over_repetitions, repetitions_per_stimulus
from itbench.errors import ItbenchError
from itbench.registry import Registry
from itbench.results.explain.training import splits_in_words
from itbench.results.score_setup import RECORDED, Setup
from itbench.util.arrays import Array
from itbench.util.tables import counted

THUMBNAIL = 144  # pixels, the longer side at most; shown at 72
GALLERY = 36  # images of a benchmark's page
HEAT_MAP = (640, 240)  # images and sites at most; more are averaged in runs
CATEGORIES = 16  # of a bar below the heat map, at most
LIMIT = 2.5  # standard deviations at which the colours of responses end
MAP_ENDS = ((33, 102, 172), (247, 247, 247), (178, 24, 43))  # below, at and above the mean


@dataclass(eq=False)
class RecordedBenchmark:
    """Benchmark of the scores, its description where it is registered, and its recordings where they are here.

    Parameters
    ----------
    name : str
    benchmark : Benchmark, optional
    recordings : Recordings, optional
    missing : str
        Why there are no recordings.
    """

    name: str
    benchmark: Benchmark | None = None
    recordings: Recordings | None = None
    missing: str = ""
    means: Array | None = field(default=None, repr=False)

    @classmethod
    def of(cls, name: str, registry: Registry) -> RecordedBenchmark:
        """Return a benchmark by its name, with recordings that are here; nothing is fetched."""
        benchmark = registry.benchmarks.get(name)
        if benchmark is None:
            return cls(name, missing="The benchmark was not registered where this page was made.")
        path = recordings_path(benchmark.data_source())
        if not path.exists():
            return cls(name, benchmark, missing="The recordings were not at hand where this page was made.")
        try:
            recordings = read_recordings(path)
        except ItbenchError as error:
            return cls(name, benchmark, missing=f"The recordings could not be read: {error.what}")
        means = None if recordings.responses is None else mean_over_repetitions(recordings.responses)
        return cls(name, benchmark, recordings, means=means)

    def responses_for(self, setup: Setup) -> Array | None:
        """Return mean responses (stimulus, site) if they are those of a score's setup."""
        if self.recordings is None or self.means is None:
            return None
        changed = setup.changed_digests(self.recordings.digests, RECORDED)
        return None if changed else self.means

    def page(self, slug: str) -> dict[str, Any]:
        """Return what the page of the benchmark shows, apart from its scores."""
        found, recordings = self.benchmark, self.recordings
        about: dict[str, Any] = {"name": self.name, "slug": slug, "missing": self.missing}
        if found is not None:
            window = f"{found.window[0]:g}–{found.window[1]:g} ms after onset" if found.window else ""
            about |= {
                "description": " ".join(found.description.split()),
                "metric": found.metric,
                "plan": splits_in_words(found.splits.as_dict()),
                "facts": [
                    ["Region", found.region],
                    ["Counting window", window],
                    ["Width of the images", f"{found.degrees:g}° of visual angle" if found.degrees else ""],
                    ["Default metric", found.metric],
                    ["Licence", " ".join(found.licence.split())],
                ],
                "citation": " ".join(found.citation.split()),
            }
        if recordings is not None:
            about["gallery"] = gallery(len(recordings.stimuli))
            about["labels"] = labels(recordings, about["gallery"])
            about["recorded"] = _counts(recordings)
            _, groups, name = grouped(recordings)
            about |= {"groups": groups, "grouped": name} if groups else {}
        return about


def gallery(n: int) -> list[int]:
    """Return rows of at most `GALLERY` stimuli, evenly spaced."""
    return sorted({int(row) for row in np.linspace(0, n - 1, min(n, GALLERY)).round()})


def labels(recordings: Recordings, rows: Iterable[int]) -> dict[int, str]:
    """Return the id of each of some stimuli, with its object or category where it has one."""
    known = [name for name in ("object", "object_name", "category") if name in recordings.stimuli.metadata][:1]
    found = {}
    for row in rows:
        label = str(recordings.stimuli.ids[row])
        for name in known:
            value = recordings.stimuli.metadata[name][row]
            text = value.decode() if isinstance(value, bytes) else str(value)
            label = label if text in label else f"{label} · {text}"
        found[row] = label
    return found


def grouped(recordings: Recordings) -> tuple[NDArray[np.intp], list[tuple[str, int]], str]:
    """Return the order in which stimuli of a category stand together, each category with its number, and their name.

    Without a coordinate of few categories, the order is that of the stimuli and there are none.
    """
    for name in ("category", "category_name", "object", "object_name"):
        if name in recordings.stimuli.metadata:
            values = recordings.stimuli.metadata[name]
            texts = np.array([one.decode() if isinstance(one, bytes) else str(one) for one in values])
            known, counts = np.unique(texts, return_counts=True)
            if len(known) <= CATEGORIES:
                groups = [(str(text), int(n)) for text, n in zip(known, counts, strict=True)]
                return np.argsort(texts, kind="stable"), groups, name.removesuffix("_name")
    return np.arange(len(recordings.stimuli)), [], ""


def _counts(recordings: Recordings) -> list[list[str]]:
    rows = [["Images", f"{len(recordings.stimuli):,}"]]
    if recordings.rdms is not None:
        return [*rows, ["Recorded", f"dissimilarities, of {counted(recordings.rdms.sizes['subject'], 'subject')}"]]
    responses = recordings.require_responses()
    low, high = repetitions_per_stimulus(responses)
    rows.append(["Sites", f"{responses.sizes['site']:,}"])
    rows.append(["Repetitions", str(low) if low == high else f"{low} to {high}"])
    for name in ("region", "animal"):
        if name in responses.coords and responses[name].dims == ("site",):
            counts = Counter(map(str, responses[name].values))
            rows.append([f"Sites by {name}", ", ".join(f"{key}: {n}" for key, n in sorted(counts.items()))])
    return rows


def write_images(recorded: RecordedBenchmark, rows: Iterable[int], folder: Path) -> None:
    """Write thumbnails of some stimuli, and a heat map of all responses or the mean RDM, into a folder."""
    recordings = recorded.recordings
    if recordings is None:
        return
    folder.mkdir(parents=True)
    for row in sorted(set(rows)):
        pixels = np.clip(np.asarray(recordings.stimuli.images[row : row + 1])[0], 0, 255).astype(np.uint8)
        image = Image.fromarray(pixels)
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        image.save(folder / f"{row}.webp", quality=70, method=0)
    order, _, _ = grouped(recordings)
    if recorded.means is not None:
        spread = recorded.means.std(axis=0)
        z = ((recorded.means - recorded.means.mean(axis=0)) / np.where(spread > 0, spread, 1.0))[order]
        heat_map(_averaged(_averaged(z.T, HEAT_MAP[1]).T, HEAT_MAP[0]).T).save(folder / "recorded.png")
    elif recordings.rdms is not None:
        rdm = recordings.rdms.mean("subject").values[np.ix_(order, order)]
        others = rdm[~np.eye(len(rdm), dtype=bool)]
        heat_map((rdm - others.mean()) / (others.std() or 1.0)).save(folder / "recorded.png")


def _averaged(values: Array, n: int) -> Array:
    """Return responses for the heat map of a benchmark: means over runs of rows, `n` of them at most."""
    return values if len(values) <= n else np.stack([run.mean(axis=0) for run in np.array_split(values, n)])


def heat_map(z: Array) -> Image.Image:
    """Return an image of values in standard deviations from the mean: blue below, red above; grey where missing."""
    steps = np.linspace(0, 2, 64)
    ends = np.array(MAP_ENDS, float)
    colours = [ends[int(step)] + (step % 1) * (ends[min(2, int(step) + 1)] - ends[int(step)]) for step in steps]
    level = np.round((np.clip(np.nan_to_num(z), -LIMIT, LIMIT) / LIMIT + 1) / 2 * 63)
    pixels = np.where(np.isfinite(z), level, 64).astype(np.uint8)
    image = Image.fromarray(pixels).convert("P")
    image.putpalette(np.array([*colours, (128, 128, 128)]).round().astype(np.uint8).ravel().tolist())
    return image
