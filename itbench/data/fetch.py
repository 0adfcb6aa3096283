"""Load recordings by name; download, import and pack a data set that is not on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from itbench.data.catalog import KNOWN, KnownDataset, recordings_path, unknown_dataset
from itbench.data.download import download
from itbench.data.download.remote import sha1_of
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.errors import BadOption, BadRecordings, DamagedFile, UnknownName, Unreachable
from itbench.util import folders
from itbench.util.files import locked, set_aside
from itbench.util.progress import Reporter, SilentReporter


def load_recordings(name: str, reporter: Reporter | None = None) -> Recordings:
    """Return the recordings called `name`, or in the file `name`; known ones are made or fetched if they are missing.

    Those that an older itbench made, and that this one makes otherwise, are made again. `reporter` is told what is made
    or fetched before it is.

    Raises
    ------
    UnknownName
        If there are none of that name.
    DamagedFile
        If they are truncated or were altered.
    Unreachable, NoSpace
        If they are missing and cannot be fetched.
    """
    path, reporter = recordings_path(name), reporter or SilentReporter()
    if not path.exists():
        if name not in KNOWN:
            raise unknown_dataset(name)
        fetch_dataset(name, reporter)
    recordings = _read_file(name, path)
    if _outdated(name, recordings):
        reporter.note(f"{path} is of another edition")
        fetch_dataset(name, reporter)
        recordings = _read_file(name, path)
    return recordings


def _outdated(name: str, recordings: Recordings) -> bool:
    """Say whether recordings that itbench makes itself are of another edition than it makes now."""
    made_here = name in KNOWN and not KNOWN[name].files
    return made_here and recordings.about.get("edition", 1) != KNOWN[name].edition


def _read_file(name: str, path: Path) -> Recordings:
    try:
        return read_recordings(path)
    except DamagedFile as error:
        again = f"Make them again: itbench data fetch {name} --replace" if name in KNOWN else error.todo
        raise DamagedFile(error.what, known=error.known, todo=again) from error


def downloads() -> Path:
    """Return the folder of files on their way to being packed."""
    return folders.data() / "downloads"


def fetch_dataset(name: str, reporter: Reporter, mirror: str | Path | None = None) -> Path:
    """Fetch what a known data set is made of, pack it, and return the path of the recordings.

    The files fetched are removed in the end, but for those that another known data set needs.

    Parameters
    ----------
    name : str
    reporter : Reporter
    mirror : str or Path, optional
        A URL or a folder that has files of the same names; those in a folder are used in place.

    Raises
    ------
    UnknownName
        If it is no known data set.
    Unreachable
        If a source cannot be had; says how to go on without.
    DamagedFile, NoSpace
        As `itbench.data.download.download`. The next call goes on where this one ended.
    """
    known = _known(name)
    if not known.files:
        reporter.note(f"making {name}: {known.description}")
        return _pack(name, {}, reporter)
    folder = downloads()
    with locked(folder / f".{name}.lock", f"{name} is being fetched"):
        try:
            files = {file.name: download(file, folder, reporter, mirror) for file in known.files}
        except Unreachable as error:
            raise _unreachable(name, known, error) from error
        with _setting_aside(known, files):
            path = _pack(name, files, reporter)
        _tidy(name, folder, reporter)
    return path


def import_dataset(name: str, paths: Sequence[Path], reporter: Reporter) -> Path:
    """Pack a known data set from files that came by other means, and return the path of the recordings.

    Parameters
    ----------
    name : str
    paths : sequence of Path
        In any order; found by their names, unless there is only one. They are not changed.
    reporter : Reporter

    Raises
    ------
    UnknownName, BadOption
        If it is no known data set, or these are not its files.
    DamagedFile
        If a file is not the one that was published.
    """
    known = _known(name)
    files = _by_name(name, known, paths)
    for file in known.files:
        file.check(files[file.name])
    return _pack(name, files, reporter)


def _known(name: str) -> KnownDataset:
    if name not in KNOWN:
        own = "Recordings of your own are packed with: itbench data pack"
        raise UnknownName.of("data set", name, KNOWN, todo=own)
    return KNOWN[name]


def _pack(name: str, files: Mapping[str, Path], reporter: Reporter) -> Path:
    known = KNOWN[name]
    made = known.make(files, reporter)
    origin = {
        "citation": known.citation,
        "licence": known.licence,
        "edition": None if known.files else known.edition,
        "files": {file: f"SHA-1 {sha1_of(path)}" for file, path in files.items()},
    }
    about = {**{key: value for key, value in origin.items() if value}, **made.about}
    path = recordings_path(name)
    write_recordings(replace(made, name=name, about=about), path)
    return path


@contextmanager
def _setting_aside(known: KnownDataset, files: Mapping[str, Path]) -> Iterator[None]:
    """Set files aside that no recordings could be made of, so that the next call fetches them anew."""
    try:
        yield
    except (BadRecordings, DamagedFile) as error:
        ours = [files[file.name] for file in known.files if files[file.name].parent == downloads() and not file.sha1]
        if not ours:
            raise
        aside = ", ".join(str(set_aside(path)) for path in ours)
        what_next = "Run the same again to fetch it anew."
        raise DamagedFile(error.what, known=f"{error.known} Set aside as {aside}.".strip(), todo=what_next) from error


def _tidy(name: str, folder: Path, reporter: Reporter) -> None:
    """Remove what was fetched, unless another known data set that is not here needs it."""
    absent = {other: known for other, known in KNOWN.items() if not recordings_path(other).exists()}
    kept: dict[str, float] = {}
    for file in KNOWN[name].files:
        path = folder / file.name
        users = [other for other, known in absent.items() if file in known.files]
        if not users:
            path.unlink(missing_ok=True)
        elif path.exists():
            kept |= {other: kept.get(other, 0.0) + path.stat().st_size / 1e6 for other in users}
    for other, size in kept.items():
        reporter.note(f"keeping {size:.1f} MB in {folder}: itbench data fetch {other} needs them too")


def _by_name(name: str, known: KnownDataset, paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files by the names that they are published under."""
    wanted = [file.name for file in known.files]
    if not wanted:
        raise BadOption(f"{name} is made by itbench, of no files.", todo=f"Make it with: itbench data fetch {name}")
    if len(wanted) == len(paths) == 1:
        return {wanted[0]: paths[0]}
    given = {path.name: path for path in paths}
    if len(given) != len(paths) or set(given) != set(wanted):
        missing = ", ".join(file for file in wanted if file not in given)
        surplus = ", ".join(file for file in given if file not in wanted)
        raise BadOption(
            f"{name} is made of {len(wanted)} files, found by their names.",
            known=f"Missing: {missing or 'none'}. Not among them: {surplus or 'none'}.",
            todo=f"Give each once: itbench data import {name} {known.file_names}",
        )
    return given


def _unreachable(name: str, known: KnownDataset, error: Unreachable) -> Unreachable:
    sources = "\n".join(f"  {file.address}" for file in known.files)
    return Unreachable(
        f"The recordings {name} cannot be fetched.",
        known=f"{error.what} {error.known}".strip(),
        todo=f"Get by other means what lies at\n{sources}\nand run: itbench data import {name} {known.file_names}\n"
        "Or score on recordings that need no network: --benchmark synthetic-it",
    )
