"""The checks of a benchmark: what its file says, and whether its recordings can be scored. Nothing is fetched."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from itbench.check.findings import Broken, Check, Doubtful, NotHere, Report, conduct, count
from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions, repetitions_per_stimulus
from itbench.data.splits import Split
from itbench.registry import Registry
from itbench.scoring.task import scorable_sites

WORDS = ("description", "region", "citation", "licence")


class BenchmarkSubject:
    """A benchmark, what else there is, and its recordings if they are here."""

    def __init__(self, benchmark: Benchmark, registry: Registry) -> None:
        self.benchmark, self.registry = benchmark, registry

    @cached_property
    def recordings(self) -> Recordings:
        """The recordings, read and checked against their digests.

        Raises
        ------
        NotHere
            If they are not here.
        """
        source = self.benchmark.data_source()
        state = self.benchmark.state()
        if state != "here":
            how = "bring them with: itbench data pack" if state == "missing" else "a check fetches nothing"
            raise NotHere(f"the recordings {source!r} are {state}: {how}")
        return self.benchmark.load()

    @cached_property
    def splits(self) -> list[Split]:
        """The recordings' stimuli, divided."""
        stimuli = self.recordings.stimuli
        return self.benchmark.splits.divide(len(stimuli), stimuli.metadata)


def check_benchmark(benchmark: Benchmark, registry: Registry) -> Report:
    """Check a benchmark whose file could be read.

    Parameters
    ----------
    benchmark : Benchmark
    registry : Registry
        Where its metric must be.
    """
    findings = conduct(BENCHMARK_CHECKS, BenchmarkSubject(benchmark, registry))
    return Report("benchmark", benchmark.name, tuple(findings))


def is_read(subject: BenchmarkSubject) -> str:
    """The file is a benchmark; who could not read it has no subject."""
    return str(subject.benchmark.file)


def names_a_metric(subject: BenchmarkSubject) -> str:
    """The default metric is there."""
    return subject.registry.metric(subject.benchmark.metric).name


def says_whose_it_is(subject: BenchmarkSubject) -> str:
    """Description, region, citation and licence are given."""
    missing = [key for key in WORDS if not getattr(subject.benchmark, key)]
    if missing:
        raise Doubtful(f"without {', '.join(missing)}")
    return ", ".join(WORDS)


def has_recordings(subject: BenchmarkSubject) -> str:
    """The recordings are here and whole."""
    responses, rdms = subject.recordings.responses, subject.recordings.rdms
    images = count(subject.recordings.stimuli, "image")
    if rdms is not None:
        return f"{images}, dissimilarities of {count(rdms, 'subject')}; the file is whole"
    assert responses is not None
    least, most = repetitions_per_stimulus(responses)
    repetitions = str(least) if least == most else f"{least} to {most}"
    return f"{images}, {count(responses['site'], 'site')}, repetitions: {repetitions}; the file is whole"


def divides(subject: BenchmarkSubject) -> str:
    """The splits can be made, where the benchmark has any: comparisons need none."""
    if subject.benchmark.splits.kind == "none":
        return "all images are compared at once"
    train, test = (sorted({len(getattr(split, part)) for split in subject.splits}) for part in ("train", "test"))
    return f"{count(subject.splits, 'split')} of {_range(train)} to train and {_range(test)} to test"


def can_be_scored(subject: BenchmarkSubject) -> str:
    """Some sites have a response to every image used, that varies in every part of every split."""
    if subject.recordings.responses is None:
        return "no sites: dissimilarities of images"
    splits = subject.splits if subject.benchmark.splits.kind != "none" else []
    scorable = scorable_sites(mean_over_repetitions(subject.recordings.responses), splits)
    said = f"{int(scorable.sum())} of {len(scorable)} sites can be scored"
    if not np.all(scorable):
        raise Doubtful(f"{said}; the others lack a response or do not vary in some part of some split")
    return said


def shows_each_image_once(subject: BenchmarkSubject) -> str:
    """No image occurs twice: one in train and in test would be scored by heart."""
    pairs = subject.recordings.stimuli.duplicates()
    if pairs:
        raise Broken(f"{len(pairs)} images occur twice: {', '.join(f'{a} = {b}' for a, b in pairs[:3])}")
    return "no image occurs twice"


def _range(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} … {numbers[-1]}"


BENCHMARK_CHECKS = (
    Check("file", is_read),
    Check("metric", names_a_metric),
    Check("words", says_whose_it_is),
    Check("recordings", has_recordings),
    Check("splits", divides, needs=("recordings",)),
    Check("sites", can_be_scored, needs=("splits",)),
    Check("images", shows_each_image_once, needs=("recordings",)),
)
