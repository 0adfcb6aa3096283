"""Sources of a Python file: the file and those beside it that it imports, and their digest."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from itbench.util.checksum import digest


def sources_digest(file: str | Path) -> str:
    """Return the digest (SHA-256) of a Python file and of the files beside it that it imports, one by another.

    Of a file that imports none of those, it is the digest of its bytes.
    """
    found = local_sources(Path(file))
    return digest(*(path.read_bytes() for path in found))


def local_sources(file: Path) -> list[Path]:
    """Return a Python file and the files in its folder that it imports, also inside functions, one by another."""
    found = {file: None}
    for path in (waiting := [file]):
        for imported in _imported(path):
            if imported not in found:
                found[imported] = None
                waiting.append(imported)
    first, *others = found
    return [first, *sorted(others)]


def _imported(file: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except SyntaxError:  # it says so itself when it is imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(file.parent, alias.name)
        elif isinstance(node, ast.ImportFrom):
            folder = file.parent
            for _ in range(node.level - 1):
                folder = folder.parent
            prefix = f"{node.module}." if node.module else ""
            for alias in node.names:
                yield from _files(folder, prefix + alias.name)


def _files(folder: Path, module: str) -> Iterator[Path]:
    """Yield the files of a module and of the packages that hold it, where they lie in the folder."""
    for name in module.split("."):
        folder = folder / name
        for path in (folder.with_name(f"{name}.py"), folder / "__init__.py"):
            if path.is_file():
                yield path
