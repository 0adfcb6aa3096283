"""Download large files from Google Drive with gdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from itbench.data.download.http import Interruption, RetryPolicy, network_errors
from itbench.data.download.partial_download import PartialDownload
from itbench.data.download.remote_file import DRIVE
from itbench.util.files import check_space, disk_errors
from itbench.util.progress import Reporter


def fetch(url: str, partial: PartialDownload, reporter: Reporter, policy: RetryPolicy) -> None:
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
