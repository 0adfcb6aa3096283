"""Benchmark checks: its YAML file, metric, recordings, splits and scorable sites. Nothing is downloaded."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from itbench.check.findings import Check, CheckFailed, CheckSkipped, CheckWarning, Report, count, run_checks
from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions, repetitions_per_stimulus
from itbench.data.splits import Split
from itbench.data.task import scorable_sites
from itbench.registry import Registry

METADATA = ("description", "region", "citation", "licence")


class CheckedBenchmark:
    """A benchmark under check, the registry of plugins, and its recordings if they are stored here."""

    def __init__(self, benchmark: Benchmark, registry: Registry) -> None:
        self.benchmark, self.registry = benchmark, registry

    @cached_property
    def recordings(self) -> Recordings:
        """Recordings of the checked benchmark, verified against their checksums.

        Raises
        ------
        CheckSkipped
            If they are not stored on this computer.
        """
        source = self.benchmark.data_source()
        state = self.benchmark.state()
        if state != "here":
            todo = "add them with: itbench data pack" if state == "missing" else "a check fetches nothing"
            raise CheckSkipped(f"the recordings {source!r} are {state}: {todo}")
        return self.benchmark.load()

    @cached_property
    def splits(self) -> list[Split]:
        """Splits of the benchmark's stimuli."""
        return self.benchmark.splits.split(self.recordings.stimuli)


def check_benchmark(benchmark: Benchmark, registry: Registry) -> Report:
    """Run the benchmark checks on one benchmark and return the report.

    Parameters
    ----------
    benchmark : Benchmark
    registry : Registry
        Must hold the benchmark's metric.
    """
    findings = run_checks(BENCHMARK_CHECKS, CheckedBenchmark(benchmark, registry))
    return Report("benchmark", benchmark.name, tuple(findings))


def has_a_readable_file(subject: CheckedBenchmark) -> str:
    """Benchmark check: the YAML file can be read as a benchmark."""
    return str(subject.benchmark.file)


def names_a_known_metric(subject: CheckedBenchmark) -> str:
    """Benchmark check: the default metric is registered."""
    return subject.registry.metric(subject.benchmark.metric).name


def states_its_source(subject: CheckedBenchmark) -> str:
    """Benchmark check: the YAML file gives description, region, citation and licence."""
    missing = [key for key in METADATA if not getattr(subject.benchmark, key)]
    if missing:
        raise CheckWarning(f"without {', '.join(missing)}")
    return ", ".join(METADATA)


def has_intact_recordings(subject: CheckedBenchmark) -> str:
    """Benchmark check: the recordings are stored here and match their checksums."""
    responses, rdms = subject.recordings.responses, subject.recordings.rdms
    images = count(subject.recordings.stimuli, "image")
    if rdms is not None:
        return f"{images}, dissimilarities of {count(rdms, 'subject')}; the file is intact"
    assert responses is not None
    least, most = repetitions_per_stimulus(responses)
    repetitions = str(least) if least == most else f"{least} to {most}"
    return f"{images}, {count(responses['site'], 'site')}, repetitions: {repetitions}; the file is intact"


def pairs_by_label(subject: CheckedBenchmark) -> str:
    """Benchmark check: the recordings say how images and responses were joined when they were packed."""
    about = subject.recordings.about
    if "joined" in about:
        return str(about["joined"])
    if "responses" in about:  # the name of a file that was packed
        raise CheckWarning(
            f"{about['responses']} was packed by a version that paired images and responses by position where it found "
            "no exact labels: pack it again"
        )
    return "joined by the plugin of the data set"


def has_valid_splits(subject: CheckedBenchmark) -> str:
    """Benchmark check: the splits can be made from the stimuli, if the benchmark has splits."""
    if subject.benchmark.splits.kind == "none":
        return "all images are compared at once"
    train, test = (sorted({len(getattr(split, part)) for split in subject.splits}) for part in ("train", "test"))
    return f"{count(subject.splits, 'split')} of {_range(train)} to train and {_range(test)} to test"


def has_scorable_sites(subject: CheckedBenchmark) -> str:
    """Benchmark check: some sites respond to every stimulus, and vary in every part of every split."""
    if subject.recordings.responses is None:
        return "no sites: dissimilarities of images"
    splits = subject.splits if subject.benchmark.splits.kind != "none" else []
    scorable = scorable_sites(mean_over_repetitions(subject.recordings.responses), splits)
    counts = f"{int(scorable.sum())} of {len(scorable)} sites can be scored"
    if not np.all(scorable):
        raise CheckWarning(f"{counts}; the others lack a response or do not vary in some part of some split")
    return counts


def has_no_duplicate_images(subject: CheckedBenchmark) -> str:
    """Benchmark check: no image occurs twice, since a copy could lie in training and test."""
    pairs = subject.recordings.stimuli.duplicates()
    if pairs:
        raise CheckFailed(f"{len(pairs)} images occur twice: {', '.join(f'{a} = {b}' for a, b in pairs[:3])}")
    return "no image occurs twice"


def _range(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} … {numbers[-1]}"


BENCHMARK_CHECKS = (
    Check("file", has_a_readable_file),
    Check("metric", names_a_known_metric),
    Check("metadata", states_its_source),
    Check("recordings", has_intact_recordings),
    Check("labels", pairs_by_label, needs=("recordings",)),
    Check("splits", has_valid_splits, needs=("recordings",)),
    Check("sites", has_scorable_sites, needs=("splits",)),
    Check("images", has_no_duplicate_images, needs=("recordings",)),
)
