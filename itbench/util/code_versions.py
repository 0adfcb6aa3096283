"""Versions of the code that runs: digest of a Python file and those it imports, packages, git commit, and machine."""

from __future__ import annotations

import ast
import functools
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from itbench import __version__
from itbench.util.checksum import digest

INSTALLED = ("site-packages", "dist-packages")  # folders of installed packages; an environment may use another's
STANDARD = Path(sysconfig.get_path("stdlib"))


def is_installed(file: str | Path) -> bool:
    """Return whether a Python file is of an installed package or of Python: a version names its code."""
    return not {*INSTALLED}.isdisjoint(Path(file).parts) or Path(file).is_relative_to(STANDARD)


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
                yield from _files(_root(file, alias.name), alias.name)
        elif isinstance(node, ast.ImportFrom):
            folder = [file, *file.parents][node.level] if node.level else _root(file, node.module or "")
            prefix = f"{node.module}." if node.module else ""
            for alias in node.names:
                yield from _files(folder, prefix + alias.name)


def _root(file: Path, module: str) -> Path | None:
    """Return the folder in which an imported module may lie: beside the file, or beside its package; None elsewhere."""
    package = file.parent
    while (package.parent / "__init__.py").is_file():
        package = package.parent
    top = module.partition(".")[0]
    if (package / "__init__.py").is_file() and top == package.name:
        return package.parent
    return None if top == "itbench" or is_installed(file) else file.parent


def _files(folder: Path | None, module: str) -> Iterator[Path]:
    """Yield the files of a module and of the packages that hold it, where they lie in the folder."""
    if folder is None:
        return
    for name in module.split("."):
        folder = folder / name
        for path in (folder.with_name(f"{name}.py"), folder / "__init__.py"):
            if path.is_file():
                yield path


PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn", "xarray", "h5py", "h5netcdf", "pillow")


@functools.cache
def package_versions() -> Mapping[str, str]:
    """Return the environment's versions of itbench, Python and the packages that affect a score."""
    found = {"itbench": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit(root: Path | None) -> dict[str, Any]:
    """Return a checkout's git commit, and whether it has uncommitted changes; None without one, as for a wheel."""
    lines = _status(root) if root else []
    head, changes = [[line for line in lines if line.startswith("#") == about] for about in (True, False)]
    commit = next((line.split()[-1] for line in head if line.startswith("# branch.oid ")), "(initial)")
    return {"commit": None, "dirty": None} if commit == "(initial)" else {"commit": commit, "dirty": bool(changes)}


def machine() -> dict[str, str]:
    """Return the environment's operating system, processor and Python, without the machine's name."""
    return {"system": platform.system(), "processor": platform.machine(), "python": sys.implementation.name}


def _status(root: Path) -> list[str]:
    command = ["git", "-C", str(root), "status", "--porcelain=v2", "--branch"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
