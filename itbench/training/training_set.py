"""What a model may learn from in one split: images, responses and labels of its training rows, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.stimuli import StimulusSet
from itbench.errors import BadRecordings, UnknownName
from itbench.models.recipe import Recipe
from itbench.util.arrays import Array
from itbench.util.checksum import digest


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What a model may learn from in one split.

    Parameters
    ----------
    stimuli : StimulusSet
        The training rows.
    responses : array of shape (stimulus, site)
        NaN where one is missing.
    validation : int array
        Rows of these that only stop the training and choose its epoch.
    classes : tuple of str
        Names of the labels.
    taught : array of shape (stimulus, site), optional
        What a teacher predicts of each row from other training rows.
    digests : mapping of str to str
        Of rows, responses, labels and what was taught.
    """

    stimuli: StimulusSet
    responses: Array
    validation: NDArray[np.intp]
    classes: tuple[str, ...]
    taught: Array | None
    digests: dict[str, str]

    @classmethod
    def of(
        cls,
        stimuli: StimulusSet,
        responses: Array,
        split: Split,
        recipe: Recipe,
        seed: int,
        taught: Array | None,
    ) -> TrainingSet:
        """Take the training rows of a split out of all stimuli and their responses (stimulus, site).

        Raises
        ------
        UnknownName, BadRecordings
            If the images lack the recipe's label, or all have the same.
        """
        own, recorded = stimuli.take(split.train), responses[split.train]
        digests = {
            "rows": digest(split.train),
            "responses": digest(recorded),
            "labels": digest(np.asarray(own.metadata[recipe.label])) if recipe.label in own.metadata else "",
            "taught": "" if taught is None else digest(taught),
        }
        validation = validation_rows(len(recorded), recipe.validation, seed)
        return cls(own, recorded, validation, class_names(own, recipe), taught, digests)


def validation_rows(n: int, share: float, seed: int) -> NDArray[np.intp]:
    """Return which of `n` training rows only stop the training: a share of them, drawn from a seed, in order."""
    return np.sort(np.random.default_rng(seed).permutation(n)[: round(share * n)])


def class_names(stimuli: StimulusSet, recipe: Recipe) -> tuple[str, ...]:
    """Return the classes of the training images, in order; none without a label.

    Raises
    ------
    UnknownName, BadRecordings
        If the images have no such label, or all have the same.
    """
    if not recipe.label:
        return ()
    if recipe.label not in stimuli.metadata:
        raise UnknownName.of(
            "stimulus coordinate",
            recipe.label,
            stimuli.metadata,
            todo="Name one: --recipe label=…",
        )
    names = tuple(np.unique(np.asarray(stimuli.metadata[recipe.label]).astype(str)).tolist())
    if len(names) < 2:
        raise BadRecordings(
            f"All training images have the {recipe.label} {names[0]!r}: there is nothing to tell apart."
        )
    return names
