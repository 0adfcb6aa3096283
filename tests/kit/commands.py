"""Run itbench commands in this process or in a pseudo-terminal, and Python code in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
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


def in_terminal(columns: int, *arguments: str | Path, code: str = "", **environment: str) -> tuple[int, str]:
    """Run an itbench command, or code, in a pseudo-terminal; return its exit status and what the terminal was sent."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (40, columns))
    started = subprocess.Popen(
        [sys.executable, *(["-c", code] if code else ["-m", "itbench"]), *map(str, arguments)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "COLUMNS": "", **environment},
    )
    os.close(terminal)
    sent = b""
    with suppress(OSError), open(ours, "rb", buffering=0) as reader:  # Linux raises at the end of a terminal
        while block := reader.read(65536):
            sent += block
    return started.wait(), sent.decode().replace("\r\n", "\n")
