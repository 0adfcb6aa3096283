"""Training set of one split: stimuli, responses, labels and teacher predictions of its training rows."""

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
    """Training set of one split: stimuli, responses, classes and teacher predictions of its training rows alone.

    Parameters
    ----------
    stimuli : StimulusSet
        Those of the training rows.
    responses : array of shape (stimulus, site)
        NaN where one is missing.
    validation : int array
        Rows of these that only choose the best epoch and stop the training.
    classes : tuple of str
        Names of the labels.
    teacher_predictions : array of shape (stimulus, site), optional
        A teacher's predicted responses to each row, from other training rows.
    digests : mapping of str to str
        Digests of rows, responses, labels and teacher predictions, for cache keys.
    """

    stimuli: StimulusSet
    responses: Array
    validation: NDArray[np.intp]
    classes: tuple[str, ...]
    teacher_predictions: Array | None
    digests: dict[str, str]

    @classmethod
    def of(
        cls,
        stimuli: StimulusSet,
        responses: Array,
        split: Split,
        recipe: Recipe,
        seed: int,
        teacher_predictions: Array | None,
    ) -> TrainingSet:
        """Return the training set of a split: its rows of all stimuli and of their responses (stimulus, site).

        Raises
        ------
        UnknownName, BadRecordings
            If the stimuli lack the recipe's label, or all have the same.
        """
        chosen, recorded = stimuli.take(split.train), responses[split.train]
        digests = {
            "rows": digest(split.train),
            "responses": digest(recorded),
            "labels": digest(np.asarray(chosen.metadata[recipe.label])) if recipe.label in chosen.metadata else "",
            "taught": "" if teacher_predictions is None else digest(teacher_predictions),
        }
        validation = validation_rows(len(recorded), recipe.validation, seed)
        return cls(chosen, recorded, validation, class_names(chosen, recipe), teacher_predictions, digests)


def validation_rows(n: int, share: float, seed: int) -> NDArray[np.intp]:
    """Draw the validation rows among the `n` rows of a training set: a share of them, from a seed, in order."""
    return np.sort(np.random.default_rng(seed).permutation(n)[: round(share * n)])


def class_names(stimuli: StimulusSet, recipe: Recipe) -> tuple[str, ...]:
    """Return the class names in a training set, sorted; none without a label in the recipe.

    Raises
    ------
    UnknownName, BadRecordings
        If the stimuli have no such label, or all have the same.
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
            f"All training images have the {recipe.label} {names[0]!r}: there are no classes to distinguish."
        )
    return names
