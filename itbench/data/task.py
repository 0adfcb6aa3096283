"""The task of a benchmark: its recordings, mean responses, splits, and the sites that can be scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from itbench.data.benchmark import Benchmark
from itbench.data.groups import clusters_of, describe_groups
from itbench.data.recordings import Recordings
from itbench.data.responses import mean_over_repetitions, varies
from itbench.data.splits import Split, refuse_copies
from itbench.errors import BadOption, BadRecordings
from itbench.util.arrays import Array
from itbench.util.progress import Reporter

Divide = Callable[[int, Mapping[str, NDArray[Any]]], Sequence[Split]]  # number of stimuli, their metadata


@dataclass(frozen=True, eq=False)
class Task:
    """Task of a benchmark: its recordings, mean responses, splits and scorable sites.

    Parameters
    ----------
    benchmark : Benchmark
    recordings : Recordings
    responses : array of shape (stimulus, site)
        Means over repetitions; NaN where there was none.
    splits : sequence of Split
    scorable : bool array of shape (site,)
        Sites with a response to every stimulus used, that varies in the training and the test rows of every split.
    """

    benchmark: Benchmark
    recordings: Recordings
    responses: Array
    splits: Sequence[Split]
    scorable: NDArray[np.bool_]

    @classmethod
    def load(
        cls, benchmark: Benchmark, reporter: Reporter, *, divide: Divide | None = None, responses_for: str = ""
    ) -> Task:
        """Load the task of a benchmark: read its recordings, average repetitions, split stimuli, find scorable sites.

        Recordings that hold dissimilarities only have no sites and no splits.

        Parameters
        ----------
        benchmark : Benchmark
        reporter : Reporter
        divide : callable, optional
            Splits in place of the benchmark's own.
        responses_for : str, optional
            Name of a metric that needs responses in splits; without it, dissimilarities will do, and a benchmark
            without splits has none.

        Raises
        ------
        BadRecordings, DamagedFile, Unreachable
        BadOption
            If responses are needed, and there are none.
        """
        recordings = benchmark.load(reporter)
        if recordings.responses is None:
            if responses_for:
                raise BadOption(
                    f"{benchmark.name} holds dissimilarities of images, no responses; {responses_for} needs responses.",
                    todo="Compare instead: --metric rsa or --metric cka",
                )
            return cls(benchmark, recordings, np.empty((len(recordings.stimuli), 0)), [], np.zeros(0, bool))
        responses = mean_over_repetitions(recordings.responses)
        plan, stimuli = benchmark.splits, recordings.stimuli
        splits: Sequence[Split] = []
        if divide:
            splits = divide(len(stimuli), stimuli.metadata)
        elif responses_for or plan.kind != "none":
            splits = plan.split(stimuli, reporter.note)
        if splits and (plan.file or benchmark.recordings is not None):  # a file of recordings holds no image twice
            refuse_copies(splits, stimuli)
        return cls(benchmark, recordings, responses, splits, scorable_sites(responses, splits))

    @property
    def rows(self) -> NDArray[np.intp]:
        """Rows of the stimuli that some split of the task uses; all for a task without splits."""
        parts = [part for split in self.splits for part in (split.train, split.test)]
        return np.unique(np.concatenate(parts)) if parts else np.arange(len(self.recordings.stimuli))

    @property
    def held_out(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Stimulus and split of every held-out row of the task (row,), split after split."""
        stimuli = [np.asarray(split.test, np.intp) for split in self.splits]
        return np.concatenate(stimuli), np.repeat(np.arange(len(stimuli)), [len(rows) for rows in stimuli])

    @cached_property
    def clusters(self) -> tuple[str, NDArray[np.intp]]:
        """Coordinate whose groups of images are drawn together for intervals, empty for images by themselves; numbers.

        The numbers are of all stimuli (stimulus,), see `itbench.data.groups.clusters_of`.
        """
        stimuli = self.recordings.stimuli
        return clusters_of(stimuli.metadata, self.rows, len(stimuli), self.benchmark.cluster)

    @property
    def n_clusters(self) -> int:
        """Number of clusters of the images that the splits of the task use."""
        return len(np.unique(self.clusters[1][self.rows]))

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """Of objects, categories and what the splits go by: how many there are, and how far training has seen them."""
        parts = [(split.train, split.test) for split in self.splits]
        return describe_groups(parts, self.recordings.stimuli.metadata, (self.benchmark.splits.group,))

    @property
    def recorded(self) -> Array:
        """Mean responses (stimulus, scorable site)."""
        return self.responses[:, self.scorable]

    def at_all_sites(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (…, scorable site) at all sites of the task (…, site), NaN at unscorable ones."""
        everywhere = np.full((*values.shape[:-1], len(self.scorable)), np.nan, values.dtype)
        everywhere[..., self.scorable] = values
        return everywhere


def scorable_sites(responses: Array, splits: Sequence[Split]) -> NDArray[np.bool_]:
    """Return the scorable sites of a task: those whose responses are complete and vary in every part of every split.

    Without splits all stimuli are used, as one part.

    Raises
    ------
    BadRecordings
        If none has.
    """
    parts = [rows for split in splits for rows in (split.train, split.test)] or [np.arange(len(responses))]
    scorable = np.all([varies(responses[rows]) for rows in parts], axis=0)
    if not scorable.any():
        missing = int(np.isnan(responses).any(axis=0).sum())
        raise BadRecordings(
            f"None of {responses.shape[1]} sites can be scored.",
            known=f"{missing} lack a response to some stimulus; the others do not vary within some split.",
        )
    return np.asarray(scorable)
