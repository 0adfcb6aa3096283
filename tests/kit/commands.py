"""Run itbench commands in this process, and Python code in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from itbench.cli import main

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = Path(os.environ.get("ITBENCH_SHARED") or ROOT.parent / "shared" / "data")


def run(*arguments: str | Path) -> Result:
    """Run an itbench command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
