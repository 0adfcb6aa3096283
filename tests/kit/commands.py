"""Run itbench commands in this process, and Python code in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from itbench.cli import main

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = Path(os.environ.get("ITBENCH_SHARED") or ROOT.parent / "shared" / "data")

SCORES: dict[tuple[str | bytes, ...], tuple[str, bytes]] = {}


def run(*arguments: str | Path) -> Result:
    """Run an itbench command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def score_file(*arguments: str | Path, results: str = "scores") -> Path:
    """Score by the command and return the path of the score file; the same inputs are scored once a process."""
    home = Path(os.environ["ITBENCH_HOME"])
    inputs = (*map(Path, arguments), *home.glob("data/*.h5"), *home.glob("*.py"))
    contents = tuple(path.read_bytes() if path.is_file() else str(path) for path in inputs)
    if contents not in SCORES:
        done = run("score", *arguments, "--results", results, "--json")
        assert done.exit_code == 0, done.stderr
        (row,) = json.loads(done.stdout)
        SCORES[contents] = Path(row["file"]).name, Path(row["file"]).read_bytes()
    name, content = SCORES[contents]
    path = Path(results, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
