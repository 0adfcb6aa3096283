"""Load recordings by name; download the files of a registered data set that is not in the data folder, or import it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from itbench.data.catalog import Dataset, Datasets, recordings_path, unknown_dataset
from itbench.data.recordings import Recordings
from itbench.data.recordings_file import read_recordings, write_recordings
from itbench.data.remote_file import DRIVE, PartialDownload, RemoteFile, sha1_of
from itbench.data.transfer import RetryPolicy, fetch_from_drive, fetch_over_http, retry_download
from itbench.errors import BadOption, BadPlugin, BadRecordings, DamagedFile, NoSpace, UnknownName, Unreachable
from itbench.util import folders
from itbench.util.files import locked, set_aside
from itbench.util.offline import forbid_network
from itbench.util.progress import Reporter, SilentReporter


def load_recordings(name: str, datasets: Datasets, reporter: Reporter | None = None) -> Recordings:
    """Load recordings by name or path; fetch a registered data set that is not in the data folder.

    A data set without files, packed in another edition than the registered one, is made again.

    Parameters
    ----------
    name : str
        Of a registered data set, of recordings in the data folder, or a path.
    datasets : mapping of str to Dataset
        The registered ones: `itbench.load_plugins().datasets`.
    reporter : Reporter, optional

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
        if name not in datasets:
            raise unknown_dataset(name, datasets)
        fetch_dataset(name, datasets, reporter)
    recordings = _read_packed(name, datasets, path)
    if name in datasets and _of_another_edition(datasets[name], recordings):
        reporter.note(f"{path} is of another edition")
        fetch_dataset(name, datasets, reporter)
        recordings = _read_packed(name, datasets, path)
    return recordings


def _of_another_edition(dataset: Dataset, recordings: Recordings) -> bool:
    return not dataset.files and recordings.about.get("edition", 1) != dataset.edition


def _read_packed(name: str, datasets: Datasets, path: Path) -> Recordings:
    try:
        return read_recordings(path)
    except DamagedFile as error:
        todo = f"Make them again: itbench data fetch {name} --replace" if name in datasets else error.todo
        raise DamagedFile(error.what, known=error.known, todo=todo) from error


def downloads() -> Path:
    """Return the folder of files that were fetched for a data set and are not packed yet."""
    return folders.data() / "downloads"


def fetch_dataset(name: str, datasets: Datasets, reporter: Reporter, mirror: str | Path | None = None) -> Path:
    """Fetch the files of a registered data set, pack them, and return the path of the recordings.

    The files are removed afterwards, except those that another registered data set needs.

    Parameters
    ----------
    name : str
    datasets : mapping of str to Dataset
    reporter : Reporter
    mirror : str or Path, optional
        A URL or a folder that has files of the same names; those in a folder are used in place.

    Raises
    ------
    UnknownName
        If the data set is not registered.
    Unreachable
        If a source cannot be reached; says how to import files that were downloaded otherwise.
    DamagedFile, NoSpace
        As `download`. The next call resumes what was interrupted.
    """
    dataset = _registered(name, datasets)
    if not dataset.files:
        reporter.note(f"making {name}: {dataset.description}")
        return _pack(dataset, {}, reporter)
    folder = downloads()
    with locked(folder / f".{name}.lock", f"{name} is being fetched"):
        try:
            files = {file.name: download(file, folder, reporter, mirror) for file in dataset.files}
        except Unreachable as error:
            raise _unreachable(dataset, datasets, error) from error
        with _setting_aside(dataset, files):
            path = _pack(dataset, files, reporter)
        _remove_downloads(dataset, datasets, reporter)
    return path


def import_dataset(name: str, datasets: Datasets, paths: Sequence[Path], reporter: Reporter) -> Path:
    """Import a registered data set from files on this disk, pack it, and return the path of the recordings.

    Parameters
    ----------
    name : str
    datasets : mapping of str to Dataset
    paths : sequence of Path
        In any order; found by their names, unless there is only one. They are not changed.
    reporter : Reporter

    Raises
    ------
    UnknownName, BadOption
        If the data set is not registered, or these are not its files.
    DamagedFile
        If a file is not the one that was published.
    """
    dataset = _registered(name, datasets)
    files = _files_by_name(dataset, paths)
    for file in dataset.files:
        file.check(files[file.name])
    return _pack(dataset, files, reporter)


def _registered(name: str, datasets: Datasets) -> Dataset:
    if name not in datasets:
        todo = "Recordings of your own are packed with: itbench data pack"
        raise UnknownName.of("data set", name, datasets, todo=todo)
    return datasets[name]


def _pack(dataset: Dataset, files: Mapping[str, Path], reporter: Reporter) -> Path:
    recordings = dataset.read(files, reporter)
    if not isinstance(recordings, Recordings):
        raise BadPlugin(
            f"The reader of the data set {dataset.name} returned {type(recordings).__name__}, not itbench.Recordings.",
            known=f"It is registered by {dataset.file}.",
        )
    origin = {
        "citation": dataset.citation,
        "licence": dataset.licence,
        "edition": None if dataset.files else dataset.edition,
        "files": {file: f"SHA-1 {sha1_of(path)}" for file, path in files.items()},
    }
    about = {**{key: value for key, value in origin.items() if value}, **recordings.about}
    path = recordings_path(dataset.name)
    write_recordings(replace(recordings, name=dataset.name, about=about), path)
    return path


@contextmanager
def _setting_aside(dataset: Dataset, files: Mapping[str, Path]) -> Iterator[None]:
    """Set fetched files aside that cannot be read, so that the next call fetches them anew."""
    try:
        yield
    except (BadRecordings, DamagedFile) as error:
        unchecked = [files[file.name] for file in dataset.files if not file.sha1]
        suspects = [path for path in unchecked if path.parent == downloads()]
        if not suspects:
            raise
        aside = ", ".join(str(set_aside(path)) for path in suspects)
        todo = "Run the same again to fetch it anew."
        raise DamagedFile(error.what, known=f"{error.known} Set aside as {aside}.".strip(), todo=todo) from error


def _remove_downloads(dataset: Dataset, datasets: Datasets, reporter: Reporter) -> None:
    """Remove the fetched files, except those that a data set which is not packed yet needs."""
    absent = [other for other in datasets.values() if not recordings_path(other.name).exists()]
    kept: dict[str, float] = {}
    for file in dataset.files:
        path = downloads() / file.name
        users = [other.name for other in absent if file in other.files]
        if not users:
            path.unlink(missing_ok=True)
        elif path.exists():
            kept |= {other: kept.get(other, 0.0) + path.stat().st_size / 1e6 for other in users}
    for other, size in kept.items():
        reporter.note(f"keeping {size:.1f} MB in {downloads()}: itbench data fetch {other} needs them too")


def _files_by_name(dataset: Dataset, paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files of a data set by the names that they are published under."""
    name, published = dataset.name, [file.name for file in dataset.files]
    if not published:
        raise BadOption(f"{name} is made by itbench, of no files.", todo=f"Make it with: itbench data fetch {name}")
    if len(published) == len(paths) == 1:
        return {published[0]: paths[0]}
    given = {path.name: path for path in paths}
    if len(given) != len(paths) or set(given) != set(published):
        missing = ", ".join(file for file in published if file not in given)
        surplus = ", ".join(file for file in given if file not in published)
        raise BadOption(
            f"{name} is made of {len(published)} files, found by their names.",
            known=f"Missing: {missing or 'none'}. Not among them: {surplus or 'none'}.",
            todo=f"Give each once: itbench data import {name} {dataset.file_names}",
        )
    return given


def _unreachable(dataset: Dataset, datasets: Datasets, error: Unreachable) -> Unreachable:
    sources = "\n".join(f"  {file.address}" for file in dataset.files)
    todo = (
        f"Get by other means what lies at\n{sources}\nand run: itbench data import {dataset.name} {dataset.file_names}"
    )
    offline = ", ".join(name for name, other in datasets.items() if not other.files)
    if offline:
        todo += f"\nOr use recordings that need no network: {offline}"
    return Unreachable(
        f"The recordings {dataset.name} cannot be fetched.", known=f"{error.what} {error.known}".strip(), todo=todo
    )


def download(
    remote: RemoteFile,
    folder: Path,
    reporter: Reporter,
    mirror: str | Path | None = None,
    policy: RetryPolicy | None = None,
) -> Path:
    """Download a file into a folder, resuming an interrupted download, verify its SHA-1, and return its path.

    It is written to ``NAME.part`` in `folder` and renamed once it is complete. The next call completes the partial file
    of an interrupted one, unless the server has another version by then.

    Parameters
    ----------
    remote : RemoteFile
    folder : Path
        Of downloads; made if need be.
    reporter : Reporter
        Receives name, size and source of the download, and its progress.
    mirror : str or Path, optional
        Take the file from elsewhere: a URL below which it has the same name, or a folder, where it is used in place.
    policy : RetryPolicy, optional
        How often to retry, and how long to wait.

    Raises
    ------
    Unreachable
        If the source cannot be reached; the partial file is kept.
    DamagedFile
        If the file is not the one that was published; it is set aside, in a mirror folder left as it is.
    NoSpace
        If the disk is full or not writable; the partial file is kept.
    ItbenchError
        If another process is fetching the same file.
    """
    if mirror and not is_url(str(mirror)):
        return _file_in_mirror(remote, Path(mirror).expanduser())
    url = f"{str(mirror).rstrip('/')}/{remote.name}" if mirror else remote.url
    with locked(folder / f"{remote.name}.lock", f"{remote.name} is being fetched"):
        path = folder / remote.name
        if path.exists():
            return _verified(remote, path, path)
        forbid_network(remote.name)
        partial = PartialDownload(path, url)
        _fetch(remote, url, partial, reporter, policy or RetryPolicy())
        _verified(remote, partial.path, path)
        return partial.publish()


def is_url(mirror: str) -> bool:
    """Return whether a download mirror is a URL rather than a folder."""
    return mirror.startswith(("http://", "https://"))


def _fetch(remote: RemoteFile, url: str, partial: PartialDownload, reporter: Reporter, policy: RetryPolicy) -> None:
    address = remote.address if url == remote.url else url
    rest = f", {partial.usable / 1e6:.1f} MB of it are here already" if partial.usable else ""
    reporter.note(f"fetching {remote} from {address}{rest}")
    attempt = fetch_from_drive if url.startswith(DRIVE) else fetch_over_http
    try:
        retry_download(lambda: attempt(url, partial, reporter, policy), partial, address, reporter, policy)
    except NoSpace as error:
        raise NoSpace(
            f"{remote.name} cannot be written. {error.what}",
            known=f"{error.known} {partial.kept}".strip(),
            todo="Free some, or name another folder with ITBENCH_DATA.",
        ) from error


def _verified(remote: RemoteFile, file: Path, path: Path) -> Path:
    """Return `path` if the SHA-1 of the download is the published one; otherwise set the file aside."""
    try:
        remote.check(file)
    except DamagedFile as error:
        aside = set_aside(file)
        raise DamagedFile(
            f"{path.name} is not the file that was published at {remote.address}.",
            known=f"{error.known} It was set aside as {aside}.",
            todo="Run the same again to fetch it anew; if that ends here too, the source has changed.",
        ) from error
    return path


def _file_in_mirror(remote: RemoteFile, folder: Path) -> Path:
    path = folder / remote.name
    if not path.is_file():
        raise BadOption(
            f"The mirror {folder} has no file {remote.name}.",
            known="A mirror is a folder, or a URL that starts with http:// or https://.",
        )
    remote.check(path)
    return path
