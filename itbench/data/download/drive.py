"""Google Drive, by way of gdown, which knows how to ask for a large file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from itbench.data.download.http import network_errors
from itbench.data.download.remote import DRIVE
from itbench.data.download.transfer import Interruption, Partial, Patience
from itbench.util.files import check_space, disk_errors
from itbench.util.progress import Reporter


def fetch(url: str, partial: Partial, reporter: Reporter, patience: Patience) -> None:
    """Have gdown bring what `partial` lacks; it goes on with its own partial file.

    Raises
    ------
    Interruption, NoSpace
    """
    import gdown

    folder = partial.path.parent
    with ExitStack() as bar, _gdown_errors(partial), network_errors(), disk_errors(folder):
        meter = _Meter(bar, partial, reporter)
        gdown.download(
            id=url.removeprefix(DRIVE),
            output=str(partial.path),
            quiet=True,
            use_cookies=False,  # and so nothing is written into the user's own cache
            resume=True,
            timeout=(patience.connect, patience.read),
            progress=meter,
        )


class _Meter:
    """Hears from gdown how many bytes there are, and opens the bar when it hears of their number."""

    def __init__(self, bar: ExitStack, partial: Partial, reporter: Reporter) -> None:
        self.bar, self.partial, self.reporter = bar, partial, reporter
        self.here = partial.size
        self.advance: Callable[[int], None] | None = None

    def __call__(self, here: int, total: int | None) -> None:
        if self.advance is None:
            check_space(self.partial.path.parent, max(0, (total or 0) - here))
            self.advance = self.bar.enter_context(
                self.reporter.progress(self.partial.target.name, total or 0, "B", self.here)
            )
        self.advance(here - self.here)
        self.here = here


@contextmanager
def _gdown_errors(partial: Partial) -> Iterator[None]:
    from gdown.exceptions import DownloadError, FileURLRetrievalError

    try:
        yield
    except FileURLRetrievalError as error:  # no permission, or too many downloads of the day
        said = " ".join(str(error).split()).removeprefix("Failed to retrieve file url: ")
        raise Interruption(said.partition(" You may still")[0].rstrip("."), passing=False) from error
    except DownloadError as error:
        if error.__cause__ is None:  # nothing broke: gdown cannot go on from what is here
            partial.start({})
        raise Interruption("the connection broke") from error
