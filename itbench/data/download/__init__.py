"""Download files with resume, retry and checksum."""

from __future__ import annotations

from pathlib import Path

from itbench.data.download import drive, http
from itbench.data.download.remote import DRIVE, RemoteFile
from itbench.data.download.transfer import Partial, Patience, persist
from itbench.errors import BadOption, DamagedFile, NoSpace
from itbench.util.files import locked, set_aside
from itbench.util.offline import forbid_network
from itbench.util.progress import Reporter


def download(
    remote: RemoteFile,
    folder: Path,
    reporter: Reporter,
    mirror: str | Path | None = None,
    patience: Patience | None = None,
) -> Path:
    """Return where a file lies on this disk, after fetching what is missing of it.

    It arrives as ``NAME.part`` in `folder` and is renamed once it is whole. What a broken call leaves there, the next
    one completes, unless the server has another version by then.

    Parameters
    ----------
    remote : RemoteFile
    folder : Path
        Of downloads; made if it is not there.
    reporter : Reporter
        Told what is fetched, how large it is, from where, and how far it has come.
    mirror : str or Path, optional
        Take the file from elsewhere: a URL below which it has the same name, or a folder, where it is used in place.
    patience : Patience, optional
        How often to try, and how long to wait.

    Raises
    ------
    Unreachable
        If the source cannot be had; what came of it is kept.
    DamagedFile
        If the file is not the one that was published; it is set aside, in a mirror folder left as it is.
    NoSpace
        If the disk is full or not to be written; what came is kept.
    ItbenchError
        If another process is fetching the same file.
    """
    if mirror and not is_url(str(mirror)):
        return _in_place(remote, Path(mirror).expanduser())
    url = f"{str(mirror).rstrip('/')}/{remote.name}" if mirror else remote.url
    with locked(folder / f"{remote.name}.lock", f"{remote.name} is being fetched"):
        path = folder / remote.name
        if path.exists():
            return _checked(remote, path, path)
        forbid_network(remote.name)
        partial = Partial(path, url)
        _fetch(remote, url, partial, reporter, patience or Patience())
        _checked(remote, partial.path, path)
        return partial.publish()


def is_url(mirror: str) -> bool:
    """Say whether a mirror is on the network, not a folder."""
    return mirror.startswith(("http://", "https://"))


def _fetch(remote: RemoteFile, url: str, partial: Partial, reporter: Reporter, patience: Patience) -> None:
    address = remote.address if url == remote.url else url
    rest = f", {partial.usable / 1e6:.1f} MB of it are here already" if partial.usable else ""
    reporter.note(f"fetching {remote} from {address}{rest}")
    attempt = drive.fetch if url.startswith(DRIVE) else http.fetch
    try:
        persist(lambda: attempt(url, partial, reporter, patience), partial, address, reporter, patience)
    except NoSpace as error:
        raise NoSpace(
            f"{remote.name} cannot be written. {error.what}",
            known=f"{error.known} {partial.kept}".strip(),
            todo="Free some, or name another folder with ITBENCH_DATA.",
        ) from error


def _checked(remote: RemoteFile, file: Path, path: Path) -> Path:
    """Return a file of the folder of downloads if it is what was published, and set it aside if it is not."""
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


def _in_place(remote: RemoteFile, folder: Path) -> Path:
    path = folder / remote.name
    if not path.is_file():
        raise BadOption(
            f"The mirror {folder} has no file {remote.name}.",
            known="A mirror is a folder, or a URL that starts with http:// or https://.",
        )
    remote.check(path)
    return path
