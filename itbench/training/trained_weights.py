"""Trained weights: one safetensors file for each training, and the store of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itbench.errors import DamagedFile, NoWeights, UnknownName
from itbench.util import folders
from itbench.util.checksum import check_digest, digest
from itbench.util.files import whole_file
from itbench.util.store import Store

FORMAT = "itbench trained 1"
State = Mapping[str, NDArray[Any]]


class Trained(NamedTuple):
    """Trained weights as arrays by name, and what the training recorded about them.

    Parameters
    ----------
    state : mapping of str to array
    about : mapping
        Model, core, recipe, sites, classes and other fields that the training recorded, as JSON has them.
    """

    state: State
    about: Mapping[str, Any]


def write_trained(path: Path, state: State, about: Mapping[str, Any]) -> None:
    """Write trained weights to one safetensors file, whole or not at all.

    Raises
    ------
    NoSpace
        If the disk is full; an earlier file stays.
    """
    from safetensors.numpy import save

    arrays = {name: np.asarray(array, order="C") for name, array in state.items()}
    fields = json.dumps(about, default=_plain)
    header = {"format": FORMAT, "about": fields, "content": digest(*_parts(fields, arrays))}
    with whole_file(path) as partial:
        partial.write_bytes(save(arrays, header))  # safetensors' own writing hides the cause where the disk is full


def read_trained(path: Path) -> Trained:
    """Read trained weights from a safetensors file and verify its checksum.

    Raises
    ------
    DamagedFile
        If the file is truncated or was altered.
    NoWeights
        If there is no such file, or itbench did not write it.
    """
    with _opened(path) as (header, file):
        names = file.keys()
        state = {name: file.get_tensor(name) for name in names}
        check_digest(header.get("content"), *_parts(header.get("about", ""), state))
    return Trained(state, _about(path, header))


def read_about(path: Path) -> dict[str, Any]:
    """Return what a training recorded in the file of its trained weights, without reading the tensors.

    Raises
    ------
    DamagedFile, NoWeights
    """
    with _opened(path) as (header, _):
        return _about(path, header)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Mapping[str, str], Any]]:
    """Open a safetensors file of trained weights: yield its header and tensors."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise NoWeights(f"No file {path}.", todo="List trained weights with: itbench models --trained")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise NoWeights(
                    f"{path} holds no trained weights that this version of itbench reads.",
                    known=f"Its format is {header.get('format', 'not named')!r}, not {FORMAT!r}.",
                    todo="Write such a file with: itbench export MODEL",
                )
            yield header, file
    except (ValueError, KeyError, SafetensorError) as error:
        raise _damaged(path, error) from error


def _about(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    try:
        return dict(json.loads(header["about"]))
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, why: object) -> DamagedFile:
    return DamagedFile(
        f"The trained weights {path} are truncated or were altered since they were written.", known=f"{why}"
    )


def _parts(fields: str, state: State) -> Iterator[Any]:
    """Yield the parts of the checksum."""
    yield fields
    for name in sorted(state):
        yield from (name, state[name])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


CHECKPOINT = ".checkpoint"  # the ending of the file of an unfinished training
ENDING = ".safetensors"
ID_LENGTH = 12  # characters of a file's name that tables show


@dataclass(frozen=True)
class TrainedStore(Store[Trained]):
    """Store of trained weights: a folder of safetensors files, each named by the digest of all that determined it.

    A listing has every field that the training recorded, with ``id``, ``state``, ``MB`` and ``file``. The state is
    ``trained``, ``unfinished`` of a checkpoint, or ``damaged`` of a file that cannot be read; the latter two have no
    other fields.

    Parameters
    ----------
    folder : Path, optional
        By default the folder of trained weights of itbench.
    """

    ending = ENDING
    other_endings = (CHECKPOINT,)
    remedy = "the model is trained again"

    def checkpoint(self, key: Mapping[str, Any]) -> Path:
        """Return the path, beside the trained weights of `key`, of their training's checkpoint; `write` removes it."""
        return self.path(key).with_suffix(CHECKPOINT)

    def write(self, key: Mapping[str, Any], state: State, about: Mapping[str, Any]) -> None:
        """Write trained weights into the store under their key, whole or not at all, then remove their checkpoint.

        Raises
        ------
        NoSpace
            If the disk is full; the checkpoint stays.
        """
        path = self.path(key)
        write_trained(path, state, {**about, "key": path.stem})
        self.checkpoint(key).unlink(missing_ok=True)

    def find(self, text: str, **wanted: str | None) -> list[dict[str, Any]]:
        """Return the listing entries of trained weights by model, weights or id.

        Parameters
        ----------
        text : str
            The first characters of an id, a model, or ``MODEL:WEIGHTS`` with weights as scores call them, such as
            ``trained-0``.
        **wanted : str, optional
            Fields that must be equal, such as ``benchmark`` and ``split``.

        Raises
        ------
        UnknownName
            If there are none; names the nearest.
        """
        entries = [entry for entry in self.entries() if entry["state"] == "trained"]
        found = [entry for entry in entries if text in _names(entry) or _begins(entry["id"], text)]
        if not found:
            known = {name for entry in entries for name in _names(entry)}
            raise UnknownName.of("trained model", text, known, todo="List them with: itbench models --trained")
        for what, value in wanted.items():
            fitting = [entry for entry in found if value in (None, entry.get(what))]
            if not fitting:
                known = {str(entry.get(what)) for entry in found}
                raise UnknownName.of(f"{what} of {text}", str(value), known, todo="See itbench models --trained")
            found = fitting
        return found

    @property
    def _root(self) -> Path:
        return self.folder or folders.trained()

    def _load(self, path: Path) -> Trained:
        trained = read_trained(path)
        if trained.about.get("key") != path.stem:
            raise DamagedFile(f"The trained weights {path} were trained under another key.")
        return trained

    def _entry(self, path: Path) -> dict[str, Any]:
        about: Mapping[str, Any] = {}
        state = "unfinished"
        if path.suffix == self.ending:
            try:
                about, state = read_about(path), "trained"
            except (DamagedFile, NoWeights):
                state = "damaged"
        return {**about, "id": path.stem[:ID_LENGTH], "state": state}


def _names(entry: Mapping[str, Any]) -> set[str]:
    return {f"{entry.get('model')}", f"{entry.get('model')}:{entry.get('weights')}"}


def _begins(name: str, text: str) -> bool:
    return len(text) > 3 and name.startswith(text)
