"""Install itbench with the lowest versions that pyproject.toml admits, or the newest, and run the demo and quick tests:

python -m tools.version_bounds lowest
python -m tools.version_bounds newest

The environment lies in a temporary folder and is removed; torch takes a few GB of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENT = re.compile(r"([\w.-]+)>=([\d.]+)")
DEMO = (
    "score -m pixels -m itbench-tiny",
    "score -m itbench-tiny --weights random",
    "leaderboard -b synthetic-it",
)
TESTS = (
    *("tests/test_public_names.py", "tests/api", "tests/data", "tests/extraction", "tests/metrics", "tests/models"),
    *("tests/results", "tests/scoring", "tests/statistics", "tests/training"),
)


def requirements(*extras: str) -> list[str]:
    """Return the requirements of itbench in pyproject.toml, with those of the named extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]


def lowest_versions(wanted: list[str]) -> list[str]:
    """Return pip constraints such as ``numpy==1.26`` from requirements such as ``numpy>=1.26``.

    Raises
    ------
    ValueError
        For a requirement of another form, whose lowest version is not known.
    """
    found = [(each, REQUIREMENT.fullmatch(each)) for each in wanted]
    if odd := [each for each, match in found if not match]:
        raise ValueError(f"These requirements state no lower bound as NAME>=VERSION: {', '.join(odd)}.")
    return [f"{match[1]}=={match[2]}" for _, match in found if match]


def check(which: str, folder: Path) -> None:
    """Install the lowest or the newest versions into an environment in `folder`; run the demo and quick tests."""
    python, constraints = folder / "venv" / "bin" / "python", folder / "constraints.txt"
    constraints.write_text("\n".join(lowest_versions(requirements("dev")) if which == "lowest" else []))
    environment = {**os.environ, "ITBENCH_HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*command: str | Path) -> None:
        print("+", *command, flush=True)
        subprocess.run([str(word) for word in command], cwd=ROOT, env=environment, check=True)

    run(sys.executable, "-m", "venv", folder / "venv")
    run(python, "-m", "pip", "install", "--quiet", "--constraint", constraints, "--editable", ".[dev]")
    run(python, "-m", "pip", "freeze", "--exclude-editable")
    for words in DEMO:
        run(python, "-m", "itbench", *words.split(), "--results", folder / "scores")
    run(python, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", *TESTS)


if __name__ == "__main__":
    if sys.argv[1:] not in (["lowest"], ["newest"]):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        check(sys.argv[1], Path(temporary))
