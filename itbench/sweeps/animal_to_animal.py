"""Predict each animal's sites from the mean responses of the other animals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from itbench.data.splits import Split
from itbench.data.task import Task
from itbench.errors import BadRecordings, UnknownName
from itbench.gram import Gram
from itbench.metrics.held_out import HeldOut
from itbench.metrics.readout import Readout, ReadoutResult
from itbench.util.arrays import Array

LAYER = "other animals"
COORDINATE = "animal"


def read_other_animals(readout: Readout, task: Task) -> HeldOut:
    """Predict every animal's sites from the mean responses of the other animals, by a benchmark's readout.

    The other animals' sites are the activations of one layer, called ``other animals``; all else is done as for a
    model. Their responses are noisy, and theirs are few sites: a perfect model of the area predicts better.

    Parameters
    ----------
    readout : Readout
    task : Task
        Of recordings with the site coordinate ``animal``. Sites that cannot be scored predict nothing either.

    Returns
    -------
    HeldOut
        Sites in the order of the recordings; the number of features is that of the animal with the most predictors.

    Raises
    ------
    UnknownName
        If the recordings do not name the animal of each site.
    BadRecordings
        If all sites that can be scored are of one animal.
    """
    animals = animals_of(task)
    responses = task.responses[:, task.scorable]
    parts = list(_parts(animals, responses))
    held_out = HeldOut(task, getattr(readout, "compare", None))
    readings = [_reading(readout, parts, responses, split) for split in task.splits]
    held_out.add(LAYER, max(gram.n_features for _, gram in parts), readings)
    return held_out


def animals_of(task: Task) -> NDArray[np.str_]:
    """Return the animal of every scorable site.

    Raises
    ------
    UnknownName, BadRecordings
        As `read_other_animals` does.
    """
    coordinates = task.recordings.site_coordinates()
    if COORDINATE not in coordinates:
        where = f"{task.recordings.name}: "
        raise UnknownName.of(
            "site coordinate", COORDINATE, coordinates, where=where, todo="It names each site's animal."
        )
    animals = coordinates[COORDINATE][1].astype(str)[task.scorable]
    if len(set(animals)) < 2:
        raise BadRecordings(
            f"All {len(animals)} sites of {task.recordings.name} that can be scored are of one animal, '{animals[0]}'.",
            known="It takes two animals to predict one from the other.",
        )
    return np.asarray(animals)


def _parts(animals: NDArray[np.str_], responses: Array) -> Iterator[tuple[NDArray[np.bool_], Gram]]:
    for animal in np.unique(animals):
        own = animals == animal
        yield own, Gram.from_features(responses[:, ~own])


def _reading(
    readout: Readout, parts: Sequence[tuple[NDArray[np.bool_], Gram]], responses: Array, split: Split
) -> ReadoutResult:
    n_sites = responses.shape[1]
    predictions, inner = np.empty((len(split.test), n_sites)), np.empty((len(split.train), n_sites))
    alpha = np.empty(n_sites)
    remarks: tuple[str, ...] = ()
    for own, gram in parts:
        result = readout(gram, responses[np.ix_(split.train, own)], split.train, split.test)
        predictions[:, own], inner[:, own], alpha[own] = result.predictions, result.inner_predictions, result.alpha
        remarks += result.remarks
    return ReadoutResult(predictions, inner, alpha, remarks)
