"""Catalog of data sets: what plugins registered, and which recordings are in the data folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itbench.data.remote_file import RemoteFile
from itbench.errors import BadRecordings, DamagedFile, UnknownName
from itbench.util import folders

if TYPE_CHECKING:  # both take xarray
    from itbench.data.recordings import Recordings
    from itbench.util.progress import Reporter

ENDING = ".h5"
PATH_ENDINGS = (ENDING, ".hdf5", ".nc")  # a path, not a name, ends so
NAME = r"(?!\.)[\w.+-]{1,100}(?<!\.h5)(?<!\.hdf5)(?<!\.nc)"


@dataclass(frozen=True)
class Dataset:
    """Data set of the catalog: the source files that a plugin registered, and the function that reads them.

    Parameters
    ----------
    name : str
        Of the recordings, as a benchmark's key ``data`` names them.
    read : callable
        ``read(files, reporter)`` returns `itbench.Recordings`; `files` maps the name of each `RemoteFile` to its path.
    files : sequence of RemoteFile
        Published files that are downloaded; none where `read` draws or simulates the recordings itself.
    description, citation, licence : str, optional
    bibtex : str, optional
        BibTeX entries, or keys of entries in ``references.bib``.
    edition : int
        Of a data set without files; raised when `read` changes, so that recordings packed before are made again.
    repetitions : str, optional
        Name of the data set with every repetition, where this one holds only means over repetitions:
        ``itbench data link`` takes them from there.
    file : str
        File of the plugin.
    """

    name: str
    read: Callable[[Mapping[str, Path], Reporter], Recordings]
    files: tuple[RemoteFile, ...] = ()
    description: str = ""
    citation: str = ""
    licence: str = ""
    bibtex: str = ""
    edition: int = 1
    repetitions: str = ""
    file: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise TypeError(f"{self.name!r} is no name for a data set: {_name_rule()}")
        if not callable(self.read):
            raise TypeError(f"the reader of the data set {self.name!r} cannot be called")
        if not isinstance(self.bibtex, str):
            raise TypeError(f"bibtex of the data set {self.name!r} must be one text: BibTeX, or keys and spaces")
        if isinstance(self.files, RemoteFile) or not all(isinstance(file, RemoteFile) for file in self.files):
            raise TypeError(f"files of the data set {self.name!r} must be a sequence of RemoteFile")
        object.__setattr__(self, "files", tuple(self.files))

    @property
    def file_names(self) -> str:
        """File names of a catalog's data set in one line, as ``itbench data import`` takes them."""
        return " ".join(file.name for file in self.files)


Datasets = Mapping[str, Dataset]  # the registered ones, by name


def recordings_path(name: str) -> Path:
    """Return the path at which the catalog keeps the recordings `name`; `name` itself if it is a path."""
    return Path(name).expanduser() if name.endswith(PATH_ENDINGS) else folders.data() / f"{name}{ENDING}"


def installed_recordings() -> dict[str, Path]:
    """Return names and paths of the catalog's installed recordings: every file in the data folder."""
    return {path.stem: path for path in sorted(folders.data().glob(f"*{ENDING}"))}


def recordings_state(name: str, datasets: Datasets) -> str:
    """Return the state of a data set in the catalog: ``here``, ``missing``, ``fetched`` or ``made when needed``."""
    if recordings_path(name).exists():
        return "here"
    if name not in datasets:
        return "missing"
    return "fetched when needed" if datasets[name].files else "made when needed"


def list_datasets(datasets: Datasets) -> list[dict[str, Any]]:
    """List the catalog: name, state, size and description of registered and installed data sets."""
    rows = []
    for name in sorted({*datasets, *installed_recordings()}):
        path = recordings_path(name)
        size = round(path.stat().st_size / 1e6, 1) if path.exists() else None
        description = datasets[name].description if name in datasets else "packed here"
        rows.append({"name": name, "state": recordings_state(name, datasets), "MB": size, "description": description})
    return rows


def verify_datasets(names: Iterable[str], datasets: Datasets) -> list[dict[str, str]]:
    """Verify data sets of the catalog against the digests in their files: name, ``whole`` or ``damaged``, and file.

    Registered data sets that are not in the data folder keep the state of `recordings_state`.

    Raises
    ------
    UnknownName
        If a name is neither registered nor in the data folder.
    """
    from itbench.data.recordings_file import read_recordings  # takes HDF5

    rows = []
    for name in names:
        path, state = recordings_path(name), recordings_state(name, datasets)
        if state == "missing":
            raise unknown_dataset(name, datasets)
        if state == "here":
            try:
                read_recordings(path)
                state = "whole"
            except (BadRecordings, DamagedFile):
                state = "damaged"
        rows.append({"name": name, "state": state, "file": str(path)})
    return rows


def new_recordings_path(name: str, datasets: Datasets, replace: bool) -> Path:
    """Return a path for new recordings in the catalog; refuse the name of a registered data set.

    Raises
    ------
    BadRecordings
        If the name is taken and `replace` is false, or no name for a file.
    """
    if not _is_name(name):
        raise BadRecordings(f"{name!r} is no name for recordings.", known=_name_rule())
    if name in datasets:
        raise BadRecordings(f"The name {name!r} belongs to a registered data set.", todo="Choose another.")
    path = folders.data() / f"{name}{ENDING}"
    if path.exists() and not replace:
        raise BadRecordings(
            f"There are recordings called {name!r} already: {path}.", todo="Choose another name, or add --replace."
        )
    return path


def unknown_dataset(name: str, datasets: Datasets) -> UnknownName:
    """Return the error for a data set that is not in the catalog, with the nearest name."""
    pack = f"Bring it with: itbench data pack {Path(name).stem} --images … --responses …"
    return UnknownName.of("data set", name, {*datasets, *installed_recordings()}, todo=pack)


def _is_name(name: str) -> bool:
    """Return whether a name fits into a file name of the catalog, also in bytes."""
    return re.fullmatch(NAME, name) is not None and len(name.encode()) <= 100


def _name_rule() -> str:
    return f"Up to 100 (bytes of) letters, digits and . _ + - are, without the ending {ENDING}."
