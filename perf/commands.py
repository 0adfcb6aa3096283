"""Run a command and measure its seconds and peak memory; describe the machine; write a table into a document."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")
ITBENCH = str(Path(sys.executable).with_name("itbench"))

# A process of its own starts the command: the system counts the peak of whoever forks as the child's.
LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Measured(NamedTuple):
    """Seconds, peak memory and stderr of a command."""

    seconds: float
    rss: float  # peak resident memory, GB
    stderr: str


def itbench(home: Path, *arguments: str) -> Measured:
    """Run an itbench command in folders below `home` and measure it."""
    return command(home, ITBENCH, *arguments)


def command(home: Path, *arguments: str) -> Measured:
    """Run a command in folders below `home` and measure it."""
    environment = {**os.environ, "ITBENCH_HOME": str(home), "ITBENCH_RESULTS": str(home / "scores")}
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", LAUNCHER, *arguments], env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    print(done.stderr.strip(), file=sys.stderr)
    rss = int(done.stdout) / (1e9 if sys.platform == "darwin" else 1e9 / 1024)
    return Measured(seconds, rss, done.stderr)


def timed(function: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    return measured(function)[1]


def measured(function: Callable[[], T]) -> tuple[T, float]:
    """Return the value of a call and its seconds."""
    start = time.perf_counter()
    value = function()
    return value, time.perf_counter() - start


def machine() -> str:
    """Describe the machine: processor, cores, memory, versions."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()}; Python "
        f"{platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}; {time.strftime('%Y-%m-%d')}"
    )


def write_section(document: Path, name: str, text: str) -> None:
    """Put `text` between the markers called `name` of a markdown document."""
    content = document.read_text(encoding="utf-8")
    between = re.compile(f"(<!-- {name} -->).*(<!-- /{name} -->)", re.DOTALL)
    document.write_text(between.sub(lambda match: f"{match[1]}\n\n{text}\n\n{match[2]}", content), encoding="utf-8")
