"""Read the images and RDMs (1 − Pearson's r over sites) of Kriegeskorte et al. (2008) from two MATLAB files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from itbench.data import RDM_DIMS, Recordings, StimulusSet, read_errors
from itbench.errors import BadRecordings, DamagedFile, ItbenchError

FLAGS = ("human", "face", "animal", "natural")  # of every object, 0 or 1
SAME = 1e-5  # between the human RDM of the figure and the mean over subjects: both are stored in single precision
SITES = {"monkey": "674 neurons of 2 monkeys", "human": "316 voxels, mean over 2 sessions"}


def read_kriegeskorte(supplement: Path, brains: Path, species: str) -> Recordings:
    """Read the RDMs of one species.

    Parameters
    ----------
    supplement : Path
        ``Kriegeskorte_Neuron2008_supplementalData.mat``: images, and one RDM for each species.
    brains : Path
        ``92_brainRDMs.mat``: human RDMs, 4 subjects × 2 sessions. Their mean must be the human RDM of the supplement,
        which shows that the two files belong together.
    species : {"monkey", "human"}

    Returns
    -------
    Recordings
        ``kriegeskorte2008-it`` with one RDM, or ``kriegeskorte2008-human-it`` with one a subject, mean over sessions.
        Stimuli have the coordinates ``category`` and, 0 or 1, ``human``, ``face``, ``animal`` and ``natural``.

    Raises
    ------
    DamagedFile
        If a file is no MATLAB file, or truncated.
    BadRecordings
        If it is of another form, or the two do not belong together.
    """
    objects, monkey, human = _supplement(supplement)
    names, by_subject = _subjects(brains)
    if by_subject.shape[1:] != human.shape or np.abs(by_subject.mean(axis=0) - human).max() > SAME:
        raise BadRecordings(
            f"{brains} does not belong to {supplement}.", known="The mean of its RDMs is not the human RDM there."
        )
    values, subjects = (by_subject, names) if species == "human" else (monkey[None], ["monkeys"])
    rdms = xr.DataArray(values, dims=RDM_DIMS, coords={"subject": list(subjects)}, name="rdms")
    about = {"region": "IT", "species": species, "sites": SITES[species], "distance": "correlation"}
    name = "kriegeskorte2008-it" if species == "monkey" else "kriegeskorte2008-human-it"
    return Recordings(name, _stimuli(objects, supplement), None, about, rdms=rdms)


def _supplement(path: Path) -> tuple[Sequence[Any], NDArray[Any], NDArray[Any]]:
    """Return the objects, and the RDMs of monkey and human IT."""
    content = _load(path, ("stimuli_92objs", "RDMs_mIT_hIT_fig1"))
    objects, published = (np.atleast_1d(content[name]) for name in content)
    found = {str(_of(one, "name", path))[:3]: np.asarray(_of(one, "RDM", path)) for one in published}
    if not {"mIT", "hIT"} <= set(found):
        raise BadRecordings(f"{path} lacks the RDMs mIT and hIT.", known=f"It has: {', '.join(sorted(found))}.")
    monkey, human = (_square(found[name], len(objects), path) for name in ("mIT", "hIT"))
    return list(objects), monkey, human


def _subjects(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names of subjects, and their RDMs (subject, object, object), each a mean over sessions."""
    by_name: dict[str, list[NDArray[Any]]] = {}
    for one in _load(path, ("RDMs",))["RDMs"].ravel():
        name = str(_of(one, "name", path)).split(" | ")  # such as hIT | BE | Session: 1
        by_name.setdefault(name[min(1, len(name) - 1)], []).append(np.asarray(_of(one, "RDM", path), np.float64))
    if len({rdm.shape for rdms in by_name.values() for rdm in rdms}) != 1:
        raise BadRecordings(f"{path} holds RDMs of several sizes.")
    return list(by_name), np.array([np.mean(rdms, axis=0) for rdms in by_name.values()])


def _stimuli(objects: Sequence[Any], path: Path) -> StimulusSet:
    images = np.stack([np.asarray(_of(one, "image", path)) for one in objects])
    if images.dtype != np.uint8:
        raise BadRecordings(f"The images of {path} are {images.dtype}, not uint8.")
    metadata: dict[str, NDArray[Any]] = {
        flag: np.array([int(_of(one, flag, path)) for one in objects]) for flag in FLAGS
    }
    category = np.array([str(_of(one, "category", path)) for one in objects], dtype=object)
    ids = tuple(f"object{number:02d}" for number in range(1, len(objects) + 1))
    return StimulusSet(ids, images, {"category": category, **metadata})


def _load(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return variables of a MATLAB file, structs as objects."""
    from scipy.io import loadmat

    try:
        with read_errors(path, "MATLAB"):
            content = loadmat(path, squeeze_me=True, struct_as_record=False, variable_names=names)
    except ItbenchError:
        raise
    except Exception as error:  # scipy says in still more ways that a file is broken
        what = f"{path} cannot be read: it is truncated, altered or no MATLAB file."
        raise DamagedFile(what, known=f"{error}.", todo="Fetch it again.") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise BadRecordings(f"{path} lacks the variables {', '.join(missing)}.")
    return {name: content[name] for name in names}


def _of(struct: Any, name: str, path: Path) -> Any:
    try:
        return getattr(struct, name)
    except AttributeError as error:
        raise BadRecordings(f"{path} holds an entry without the field {name!r}.") from error


def _square(upper: NDArray[Any], n: int, path: Path) -> NDArray[np.float64]:
    """Return a symmetric RDM (n, n) from its upper triangle, row by row."""
    if upper.shape != (n * (n - 1) // 2,):
        raise BadRecordings(f"{path} holds an RDM of {upper.size} values, not the {n * (n - 1) // 2} of {n} objects.")
    rdm = np.zeros((n, n))
    rdm[np.triu_indices(n, 1)] = upper
    return rdm + rdm.T
