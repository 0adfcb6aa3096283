"""Trained weights on disk: one safetensors file each, in a folder keyed by all that made them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from itbench.errors import DamagedFile, ItbenchWarning, NoWeights, UnknownName
from itbench.util import folders
from itbench.util.files import DAMAGED, PARTIAL, digest, set_aside, whole_file

FORMAT = "itbench trained 1"
ENDING = ".safetensors"

State = Mapping[str, NDArray[Any]]


class Trained(NamedTuple):
    """All that training made, and how it came about.

    Parameters
    ----------
    state : mapping of str to array
    about : mapping
        Model, core, recipe, sites, classes and whatever else the training said of itself, as JSON has it.
    """

    state: State
    about: Mapping[str, Any]


def write_trained(path: Path, state: State, about: Mapping[str, Any]) -> None:
    """Write trained weights, whole or not at all.

    Raises
    ------
    NoSpace
        If the disk is full; what was there before is still there.
    """
    from safetensors.numpy import save

    arrays = {name: np.asarray(array, order="C") for name, array in state.items()}
    said = json.dumps(about, default=_plain)
    header = {"format": FORMAT, "about": said, "content": _content(said, arrays)}
    with whole_file(path) as partial:
        partial.write_bytes(
            save(arrays, header)
        )  # writing by itself, safetensors hides the system's word on a full disk


def read_trained(path: Path) -> Trained:
    """Read trained weights, every bit of them checked.

    Raises
    ------
    DamagedFile
        If the file is truncated or was altered.
    NoWeights
        If there is none, or it is not of itbench.
    """
    with _opened(path) as (header, file):
        names = file.keys()
        state = {name: file.get_tensor(name) for name in names}
    if header.get("content") != _content(header.get("about", ""), state):
        raise _damaged(path, "its content is not what its checksum says")
    return Trained(state, _about(path, header))


def read_about(path: Path) -> dict[str, Any]:
    """Return what a file says of itself; its tensors are not read.

    Raises
    ------
    DamagedFile, NoWeights
    """
    with _opened(path) as (header, _):
        return _about(path, header)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Mapping[str, str], Any]]:
    """Yield header and tensors of one file of ours, which another process may replace meanwhile."""
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


def _content(said: str, state: State) -> str:
    return digest(said, *(part for name in sorted(state) for part in (name, state[name])))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)


CHECKPOINT = ".checkpoint"  # the ending of a training that has not come to its end
ID_LENGTH = 12  # characters of a file's name that stand for it in tables


@dataclass(frozen=True)
class TrainedStore:
    """A folder of trained weights, each file named by the digest of its key.

    Parameters
    ----------
    folder : Path, optional
        By default the folder of trained weights of itbench.
    """

    folder: Path | None = None

    def checkpoint(self, key: Mapping[str, Any]) -> Path:
        """Return where a training of `key` keeps how far it has come; `write` removes it."""
        return self._path(key).with_suffix(CHECKPOINT)

    def read(self, key: Mapping[str, Any]) -> Trained | None:
        """Return what was trained under `key`, or None.

        A truncated or altered file is set aside with a warning, so that it is made again.
        """
        path = self._path(key)
        if not path.exists():
            return None
        try:
            trained = read_trained(path)
            if trained.about.get("key") != path.stem:
                raise DamagedFile(f"The trained weights {path} were trained under another key.")
            return trained
        except (DamagedFile, NoWeights) as error:
            aside = set_aside(path)
            warnings.warn(
                f"{error.what} The file is now {aside.name}, and the model is trained again.",
                ItbenchWarning,
                stacklevel=2,
            )
            return None

    def write(self, key: Mapping[str, Any], state: State, about: Mapping[str, Any]) -> None:
        """Keep what was trained under its key, whole or not at all, then remove its checkpoint.

        Raises
        ------
        NoSpace
            If the disk is full; the checkpoint stays.
        """
        path = self._path(key)
        write_trained(path, state, {**about, "key": path.stem})
        self.checkpoint(key).unlink(missing_ok=True)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield what is kept: all that a training said of itself, with ``id``, ``state``, ``MB`` and ``file``.

        The state is ``trained``, ``unfinished`` of a checkpoint, or ``damaged`` of a file that cannot be read; of the
        latter two, no more than that is known.
        """
        for ending in (ENDING, CHECKPOINT):
            for path in sorted(self._root.glob(f"*{ending}")):
                with suppress(FileNotFoundError):  # a training that ended meanwhile removed its checkpoint
                    yield _entry(path)

    def find(self, text: str, **wanted: str | None) -> list[dict[str, Any]]:
        """Return the entries of what was trained and is called `text`.

        Parameters
        ----------
        text : str
            The first characters of an id, a model, or ``MODEL:WEIGHTS`` with weights as scores call them, such as
            ``trained-0``.
        **wanted : str, optional
            What else must be equal, such as ``benchmark`` and ``split``.

        Raises
        ------
        UnknownName
            If there is none; gives the nearest ones.
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

    def clear(self, model: str | None = None) -> tuple[int, int]:
        """Remove what is kept, of one model or all with what is unfinished; return how many files and bytes."""
        doomed = {Path(entry["file"]) for entry in self.entries() if model in (None, entry.get("model"))}
        if model is None:
            doomed |= {path for ending in (DAMAGED, PARTIAL) for path in self._root.glob(f"*{ending}")}
        size = sum(path.stat().st_size for path in doomed)
        for path in doomed:
            path.unlink(missing_ok=True)
        return len(doomed), size

    @property
    def _root(self) -> Path:
        return self.folder or folders.trained()

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self._root / f"{digest(dict(key))}{ENDING}"


def _entry(path: Path) -> dict[str, Any]:
    about: Mapping[str, Any] = {}
    state = "unfinished"
    if path.suffix == ENDING:
        try:
            about, state = read_about(path), "trained"
        except (DamagedFile, NoWeights):
            state = "damaged"
    size = round(path.stat().st_size / 1e6, 1)
    return {**about, "id": path.stem[:ID_LENGTH], "state": state, "MB": size, "file": str(path)}


def _names(entry: Mapping[str, Any]) -> set[str]:
    return {f"{entry.get('model')}", f"{entry.get('model')}:{entry.get('weights')}"}


def _begins(name: str, text: str) -> bool:
    return len(text) > 3 and name.startswith(text)
