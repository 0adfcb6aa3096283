"""itbench ceiling: the noise ceiling of a benchmark, from the repetitions in its recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from itbench.cli.command import Command
from itbench.cli.options import load_registry, with_benchmarks, with_json, with_plugins
from itbench.cli.output import TerminalReporter, print_rows
from itbench.errors import BadRecordings

if TYPE_CHECKING:
    import xarray as xr

    from itbench.data.benchmark import Benchmark

OF_SITES = ("benchmark", "method", "median", "mean", "sites", "above 0", "repetitions")
OF_SUBJECTS = ("benchmark", "method", "lower", "upper", "subjects")


@click.command(cls=Command)
@with_benchmarks
@click.option(
    "--method",
    "methods",
    multiple=True,
    help="Of sites: split-half, variance; of dissimilarities: pearson, spearman, cosine.  [default: all of them]",
)
@with_plugins
@with_json
def ceiling(
    benchmarks: tuple[str, ...], methods: tuple[str, ...], plugin_files: tuple[str, ...], as_json: bool
) -> None:
    """Show the noise ceiling of benchmarks: the best score that the noise in their recordings allows.

    The ceiling of a site is its reliability, the explained variance that a perfect model reaches. Median and mean are
    over the sites that have one; a score at a site where it is not above 0 cannot be divided by it. Recordings that
    hold the dissimilarities of several subjects have a lower and an upper bound instead.

    \b
    itbench ceiling
    itbench ceiling -b BENCHMARK --method split-half --json
    """
    registry = load_registry(plugin_files)
    rows: list[dict[str, Any]] = []
    for name in benchmarks:
        bench = registry.benchmark(name)
        rows += [{"benchmark": bench.name, **row} for row in _rows(bench, methods)]
    columns = dict.fromkeys(name for row in rows for name in (OF_SUBJECTS if "subjects" in row else OF_SITES))
    print_rows(rows, tuple(columns), as_json)


def _rows(benchmark: Benchmark, methods: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row of the table for every method."""
    from itbench.statistics.reliability import count_repetitions

    recordings = benchmark.load(TerminalReporter(benchmark.name))
    if recordings.rdms is not None:
        return _subject_rows(recordings.rdms, methods)
    responses = recordings.require_responses()
    if count_repetitions(responses).max() < 2:
        raise _no_repetitions(recordings.name, benchmark)
    return _site_rows(responses, methods)


def _site_rows(responses: xr.DataArray, methods: Sequence[str]) -> list[dict[str, Any]]:
    import numpy as np

    from itbench.statistics.noise_ceiling import METHODS, site_reliability
    from itbench.statistics.reliability import count_repetitions

    count, rows = count_repetitions(responses), []
    for method in methods or METHODS:
        reliability = site_reliability(responses, method)
        found = reliability[np.isfinite(reliability)]
        rows.append(
            {
                "method": method,
                "median": float(np.median(found)) if len(found) else None,
                "mean": float(np.mean(found)) if len(found) else None,
                "sites": len(reliability),
                "above 0": int((found > 0).sum()),
                "repetitions": sorted({int(count[count > 0].min()), int(count.max())}),
            }
        )
    return rows


def _subject_rows(rdms: xr.DataArray, methods: Sequence[str]) -> list[dict[str, Any]]:
    import numpy as np

    from itbench.statistics.noise_ceiling import RDM_METHODS, rdm_ceiling

    above = np.triu_indices(rdms.shape[1], 1)
    pairs = rdms.values[:, above[0], above[1]]
    bounds = {method: rdm_ceiling(pairs, method) for method in methods or RDM_METHODS}
    return [{"method": method, **found._asdict(), "subjects": len(pairs)} for method, found in bounds.items()]


def _no_repetitions(name: str, benchmark: Benchmark) -> BadRecordings:
    todo = "Pack every repetition: itbench data pack … --dims site,stimulus,repetition"
    if benchmark.dataset and benchmark.dataset.repetitions:
        todo = f"Give them their repetitions with: itbench data link {name}"
    return BadRecordings(f"{name} holds means over repetitions: they do not tell noise from signal.", todo=todo)
