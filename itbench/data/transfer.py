"""Transfer of a file over HTTP or from Google Drive into its partial file: resumed, and retried when interrupted."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from itbench.data.remote_file import DRIVE, PartialDownload
from itbench.errors import Unreachable
from itbench.util.files import check_space, disk_errors
from itbench.util.progress import Reporter

if TYPE_CHECKING:
    import requests


@dataclass(frozen=True)
class RetryPolicy:
    """Retry policy of a download: number of tries, waits between them, and timeouts.

    Parameters
    ----------
    tries : int
        In a row without a byte received.
    first_wait, longest_wait : float
        Seconds; each wait is twice the one before, give or take a half.
    connect, read : float
        Timeouts in seconds, of a connection and of its next byte.
    """

    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 30.0
    connect: float = 10.0
    read: float = 60.0

    def wait(self, failures: int) -> float:
        """Return the seconds to wait before the next retry, after so many failures in a row."""
        return random.uniform(0.5, 1.5) * min(self.longest_wait, self.first_wait * 2 ** (failures - 1))


class Interruption(Exception):
    """Interrupted download: the reason, and whether a retry may help.

    Parameters
    ----------
    reason : str
    temporary : bool
        Whether a retry may help.
    reached : bool
        Whether there was a connection.
    """

    def __init__(self, reason: str, *, temporary: bool = True, reached: bool = True) -> None:
        self.reason, self.temporary, self.reached = reason, temporary, reached
        super().__init__(reason)


def retry_download(
    attempt: Callable[[], None], partial: PartialDownload, address: str, reporter: Reporter, policy: RetryPolicy
) -> None:
    """Retry a download until it is complete or the retry policy gives up.

    A host that was never reached is not tried again, so that a machine without a network fails at once.

    Raises
    ------
    Unreachable
        When the tries are used up, or a retry is no use.
    """
    failures, largest, reached = 0, partial.size, False
    while True:
        try:
            return attempt()
        except Interruption as interruption:
            received = partial.size > largest
            failures = 1 if received else failures + 1
            largest, reached = max(largest, partial.size), reached or received or interruption.reached
            if not (interruption.temporary and reached) or failures >= policy.tries:
                raise _unreachable(partial, address, interruption) from interruption
            wait = policy.wait(failures)
            reporter.note(f"{partial.target.name}: {interruption.reason}; trying again in {wait:.0f} s")
            time.sleep(wait)


def _unreachable(partial: PartialDownload, address: str, interruption: Interruption) -> Unreachable:
    return Unreachable(
        f"{partial.target.name} cannot be downloaded from {address}: {interruption.reason}.", known=partial.kept
    )


CHUNK = 1 << 14  # bytes; of a connection that breaks, the last chunk is lost
TEMPORARY = (408, 429)  # of the 4xx, those that say "later"


def fetch_over_http(url: str, partial: PartialDownload, reporter: Reporter, policy: RetryPolicy) -> None:
    """Download the missing part of a file over HTTP, or all of it if the server has another version or no ranges.

    Raises
    ------
    Interruption, NoSpace
    """
    import requests

    with (
        network_errors(),
        requests.get(url, headers=_headers(partial), stream=True, timeout=(policy.connect, policy.read)) as response,
    ):
        if response.status_code == 416:
            return _refuse_unless_complete(response, partial)
        check_status(response)
        if response.status_code != 206:
            partial.start(_version(response))
        elif not _continues(response, partial):
            partial.start({})
            raise Interruption("the server has another version of the file")
        _receive(response, partial, reporter)


def check_status(response: requests.Response) -> None:
    """Raise for an HTTP status other than 200 and 206.

    Raises
    ------
    Interruption
    """
    status = response.status_code
    if status not in (200, 206):
        raise Interruption(
            f"{urlsplit(response.url).hostname} answers {status} {response.reason}".rstrip(),
            temporary=status in TEMPORARY or status >= 500,
        )


@contextmanager
def network_errors() -> Iterator[None]:
    """Turn HTTP and connection errors of `requests` into an `Interruption` with the system's own message.

    Raises
    ------
    Interruption
    """
    from requests import exceptions as broken
    from urllib3.exceptions import MaxRetryError

    try:
        yield
    except (broken.ConnectTimeout, broken.ProxyError, broken.SSLError) as error:
        raise Interruption(_connection_error(error), reached=False) from error
    except broken.ReadTimeout as error:
        raise Interruption("the server fell silent") from error
    except broken.ConnectionError as error:
        if error.args and isinstance(error.args[0], MaxRetryError):
            raise Interruption(_connection_error(error), reached=False) from error
        silent = "timed out" in str(error)  # urllib3's ReadTimeoutError while the body comes
        raise Interruption("the server fell silent" if silent else "the connection broke") from error
    except (broken.ChunkedEncodingError, broken.ContentDecodingError) as error:
        raise Interruption("the connection broke") from error
    except broken.RequestException as error:
        if error.response is not None:
            check_status(error.response)
        raise Interruption(str(error), temporary=False) from error


def _headers(partial: PartialDownload) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity"}  # offsets count the bytes of the file, not of its compressed form
    if partial.usable:
        headers |= {"Range": f"bytes={partial.usable}-", "If-Range": next(iter(partial.version.values()))}
    return headers


def _version(response: requests.Response) -> dict[str, str]:
    """Return the HTTP header that identifies the version of a file; without one, no download can be resumed."""
    for header in ("ETag", "Last-Modified"):
        value = response.headers.get(header, "")
        if value and not value.startswith("W/"):  # a weak ETag may be shared by versions that differ in bytes
            return {header: value}
    return {}


def _continues(response: requests.Response, partial: PartialDownload) -> bool:
    """Return whether an HTTP range begins where `partial` ends, in the same version."""
    start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    same = all(response.headers.get(header, value) == value for header, value in partial.version.items())
    return bool(start and int(start[1]) == partial.size and same)


def _refuse_unless_complete(response: requests.Response, partial: PartialDownload) -> None:
    """Accept HTTP status 416, range not satisfiable, if nothing is missing."""
    if response.headers.get("Content-Range", "").removeprefix("bytes */") != str(partial.size):
        partial.start({})
        raise Interruption("the server has a shorter file than what was kept")


def _receive(response: requests.Response, partial: PartialDownload, reporter: Reporter) -> None:
    here, missing = partial.size, int(response.headers.get("Content-Length", -1))
    folder = partial.path.parent
    if missing > 0:
        check_space(folder, missing)
    with (
        disk_errors(folder),
        reporter.progress(partial.target.name, here + missing if missing > 0 else 0, "B", here) as advance,
        partial.append() as file,
    ):
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            advance(len(chunk))
    if missing >= 0 and partial.size != here + missing:
        raise Interruption(f"{partial.size - here} bytes came instead of the {missing} that were announced")


def _connection_error(error: BaseException) -> str:
    """Return the system's message about a failed HTTP connection, from inside the wrappings of three libraries."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"no connection ({cause.strerror})"
        error, cause = cause, cause.__cause__ or cause.__context__
    return f"no connection ({error})"


def fetch_from_drive(url: str, partial: PartialDownload, reporter: Reporter, policy: RetryPolicy) -> None:
    """Download the missing part of a Google Drive file with gdown, which resumes its own partial file.

    Raises
    ------
    Interruption, NoSpace
    """
    import gdown

    folder = partial.path.parent
    with ExitStack() as bar, _gdown_errors(partial), network_errors(), disk_errors(folder):
        progress = _ProgressBar(bar, partial, reporter)
        gdown.download(
            id=url.removeprefix(DRIVE),
            output=str(partial.path),
            quiet=True,
            use_cookies=False,  # and so nothing is written into the user's own cache
            resume=True,
            timeout=(policy.connect, policy.read),
            progress=progress,
        )


class _ProgressBar:
    """Progress bar for gdown: opened at its first report, when the size of the file is known."""

    def __init__(self, bar: ExitStack, partial: PartialDownload, reporter: Reporter) -> None:
        self.bar, self.partial, self.reporter = bar, partial, reporter
        self.received = partial.size
        self.advance: Callable[[int], None] | None = None

    def __call__(self, received: int, total: int | None) -> None:
        if self.advance is None:
            check_space(self.partial.path.parent, max(0, (total or 0) - received))
            self.advance = self.bar.enter_context(
                self.reporter.progress(self.partial.target.name, total or 0, "B", self.received)
            )
        self.advance(received - self.received)
        self.received = received


@contextmanager
def _gdown_errors(partial: PartialDownload) -> Iterator[None]:
    from gdown.exceptions import DownloadError, FileURLRetrievalError

    try:
        yield
    except FileURLRetrievalError as error:  # no permission, or too many downloads of the day
        message = " ".join(str(error).split()).removeprefix("Failed to retrieve file url: ")
        raise Interruption(message.partition(" You may still")[0].rstrip("."), temporary=False) from error
    except DownloadError as error:
        if error.__cause__ is None:  # nothing broke: gdown cannot go on from what is here
            partial.start({})
        raise Interruption("the connection broke") from error
