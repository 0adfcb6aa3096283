"""DenseNet-201 at full scale: from a course file of 3,200 images to the leaderboard, every stage timed.

python -m perf.full                             # about a quarter of an hour on 2 cores
python -m perf.full --output docs/performance.md
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from itbench.results.score_file import provenance, read_score
from itbench.util.tables import markdown
from perf.commands import command, itbench, machine, write_section

SCORE = ("score", "--model", "densenet201", "--benchmark", "majaj-it", "--weights", "random")
COLUMNS = ("stage", "seconds", "peak memory, GB", "what")


def measure(home: Path) -> list[dict[str, Any]]:
    """Time every stage at full scale: write the file, import, score, score again, leaderboard."""
    root = Path(__file__).resolve().parent.parent
    file = home / "IT_data.h5"
    command(home, sys.executable, str(root / "tools" / "write_it_data.py"), str(file))
    brought = itbench(home, "data", "import", "majaj-it", str(file))
    packed = (home / "data" / "majaj-it.h5").stat().st_size
    rows = [row("data import", brought, f"{file.stat().st_size / 1e6:.0f} MB read, {packed / 1e6:.0f} MB packed")]
    file.unlink()
    first = itbench(home, *SCORE)
    scratch = re.search(r"([\d.]+) GB of scratch", first.stderr)
    (path,) = (home / "scores").glob("*.nc")
    score = read_score(path)
    features, layers = int(score["n_features"].sum()), score.sizes["layer"]
    rows.append(
        row("score", first, f"{layers} layers, {features:,} features, {scratch[1] if scratch else 0} GB of scratch")
    )
    rows += [
        {"stage": f"· {stage}", "seconds": f"{seconds:.1f}"} for stage, seconds in provenance(score)["seconds"].items()
    ]
    rows.append(row("score again", itbench(home, *SCORE), "Grams from the cache"))
    rows.append(row("leaderboard", itbench(home, "leaderboard"), ""))
    return rows


def row(stage: str, measured: Any, what: str) -> dict[str, Any]:
    """Return the row of one stage."""
    return {
        "stage": stage,
        "seconds": f"{measured.seconds:.1f}",
        "peak memory, GB": f"{measured.rss:.2f}",
        "what": what,
    }


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), help="Also write the table between the markers in this file."
)
def main(output: Path | None) -> None:
    """Measure and print a markdown table."""
    with tempfile.TemporaryDirectory(prefix="itbench-full-") as folder:
        table = f"{machine()}\n\n{markdown(measure(Path(folder)), COLUMNS)}"
    click.echo(table)
    if output:
        write_section(output, "full", table)


if __name__ == "__main__":
    main()
