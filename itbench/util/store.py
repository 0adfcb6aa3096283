"""Content-addressed store: a folder of files, each named by the digest of its key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from itbench.errors import DamagedFile, NoWeights
from itbench.util.checksum import digest
from itbench.util.files import DAMAGED, PARTIAL, replace_damaged, whole_file

Content = TypeVar("Content")
Key = Mapping[str, Any]


@dataclass(frozen=True)
class Store(ABC, Generic[Content]):
    """Content-addressed store: a folder of files of one format, each named by the digest of its key.

    A subclass says where the folder is, and how a file is read and listed.

    Parameters
    ----------
    folder : Path, optional
        By default the store's folder of itbench.
    """

    folder: Path | None = None

    ending: ClassVar[str]  # of the files
    other_endings: ClassVar[tuple[str, ...]] = ()  # of files beside them that are listed and cleared too
    subfolders: ClassVar[bool] = False  # whether files lie in folders named by the first two characters
    remedy: ClassVar[str]  # what happens after a damaged file was set aside, for the warning

    @property
    @abstractmethod
    def _root(self) -> Path:
        """The folder of the files."""

    @abstractmethod
    def _load(self, path: Path) -> Content:
        """Read a stored file, or raise DamagedFile or NoWeights."""

    @abstractmethod
    def _entry(self, path: Path) -> dict[str, Any]:
        """Return a row of a listing."""

    def path(self, key: Key) -> Path:
        """Return the path of the stored file of `key`: the digest of the key in the store's folder."""
        name = digest(dict(key))
        return (self._root / name[:2] if self.subfolders else self._root) / f"{name}{self.ending}"

    def __contains__(self, key: Key) -> bool:
        """Return whether the store has a file of `key`, even a damaged one."""
        return self.path(key).exists()

    def read(self, key: Key) -> Content | None:
        """Return the content stored under `key`, or None if there is none.

        A truncated or altered file is set aside with a warning, so that it is made again.
        """
        path = self.path(key)
        if not path.exists():
            return None
        try:
            return self._load(path)
        except (DamagedFile, NoWeights) as error:
            replace_damaged(path, error.what, self.remedy, stacklevel=3)
            return None

    def _writing(self, key: Key) -> AbstractContextManager[Path]:
        """Write the stored file of `key` atomically."""
        return whole_file(self.path(key))

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield one row of a listing for every file in the store, with ``MB`` and ``file``."""
        for ending in (self.ending, *self.other_endings):
            for path in sorted(self._glob(ending)):
                with suppress(FileNotFoundError):  # another process has just removed it
                    yield {**self._entry(path), "MB": round(path.stat().st_size / 1e6, 1), "file": str(path)}

    def clear(self, model: str | None = None) -> tuple[int, int]:
        """Remove the stored files of one model, or all with damaged and partial ones; return their number and bytes."""
        doomed = {Path(entry["file"]) for entry in self.entries() if model in (None, entry.get("model"))}
        if model is None:
            doomed.update(self._glob(DAMAGED), self._glob(PARTIAL))
        size = sum(path.stat().st_size for path in doomed)
        for path in doomed:
            path.unlink(missing_ok=True)
        return len(doomed), size

    def _glob(self, ending: str) -> Iterator[Path]:
        return self._root.glob(f"*/*{ending}" if self.subfolders else f"*{ending}")
