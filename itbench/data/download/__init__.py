"""Download files with resume, retry and checksum."""

from __future__ import annotations

from pathlib import Path

from itbench.data.download import google_drive, http
from itbench.data.download.http import RetryPolicy, retry_download
from itbench.data.download.partial_download import PartialDownload
from itbench.data.download.remote_file import DRIVE, RemoteFile
from itbench.errors import BadOption, DamagedFile, NoSpace
from itbench.util.files import locked, set_aside
from itbench.util.offline import forbid_network
from itbench.util.progress import Reporter


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
    attempt = google_drive.fetch if url.startswith(DRIVE) else http.fetch
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
