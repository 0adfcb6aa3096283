"""Site: a folder of pages that is written from a folder of score files, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from itbench.errors import BadOption
from itbench.registry import Registry
from itbench.results.leaderboard import read_tables
from itbench.results.leaderboard_formats import render, write_leaderboard
from itbench.results.score_file import read_score
from itbench.results.score_setup import Setup
from itbench.site.benchmark_page import RecordedBenchmark, write_images
from itbench.site.pages import Names, Page, benchmark_page, index_page, model_pages, rows_of
from itbench.site.score_page import page_of
from itbench.util.files import check_writable, disk_errors

ASSETS = Path(__file__).parent / "assets"
MARKER = "itbench-site.json"  # names the files of a site that this module wrote
FORMAT = "itbench site 1"
UNREAD = ("predictions", "response_mean", "alpha")  # variables of scores; predictions where recordings are at hand


def write_site(scores: Path, output: Path, registry: Registry, benchmarks: Sequence[str] = ()) -> int:
    """Write the leaderboard of a folder of scores as a static site, whole or not at all; return the number of scores.

    Parameters
    ----------
    scores : Path
        Folder of score files.
    output : Path
        Folder of the site. It is made, or replaced if it holds a site and nothing else.
    registry : Registry
        For descriptions of benchmarks and metrics; images are shown of recordings that are in the data folder.
    benchmarks : sequence of str, optional
        Only these.

    Raises
    ------
    BadOption
        If the output holds anything but a site, or there are no scores.
    UnknownName
        If there is no score of a benchmark.
    NoSpace
        If it cannot be written.
    """
    check_replaceable(output)
    check_writable(output.absolute().parent)
    reader = _Reader(registry)
    tables = read_tables(scores, benchmarks, without=UNREAD, more=reader.keep)
    if not tables:
        raise BadOption(f"{scores} holds no scores.", todo="Make some: itbench score -m pixels -m itbench-tiny")
    rows, models = rows_of(tables)
    names = Names()
    for table in tables:
        names.number(table.benchmark)
    known = {name: reader.benchmark(name) for (name,) in names.numbers}
    pages = {name: benchmark_page(one, names.slugs[(name,)], rows, tables, registry) for name, one in known.items()}
    shared = {name: page for name, (page, _) in pages.items()}
    index = index_page(tables, rows, models, shared, registry)
    of_models = model_pages(rows, models, [shared[table.benchmark] for table in tables])
    with _replaced_folder(output) as folder:
        shutil.copytree(ASSETS, folder, dirs_exist_ok=True)
        _write(folder / "data" / "index.js", "index", index)
        write_leaderboard(render([row for table in tables for row in table.rows], "csv"), folder / "scores.csv")
        for about, page in zip(index["models"], of_models, strict=True):
            _write(folder / "data" / "model" / f"{about['slug']}.js", f"model/{about['slug']}", page)
        for name, (page, shown) in pages.items():
            slug = page["slug"]
            _write(folder / "data" / "benchmark" / f"{slug}.js", f"benchmark/{slug}", page)
            write_images(known[name], shown, folder / "images" / slug)
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        (folder / MARKER).write_text(json.dumps({"format": FORMAT, "files": files}, indent=0), encoding="utf-8")
    return sum(len(row.members) for row in rows)


@contextmanager
def _replaced_folder(output: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `output`, in place of a former site, once the block has ended well."""
    with disk_errors(output.absolute().parent):
        output.absolute().parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.absolute().parent))
        try:
            made, former = scratch / "site", scratch / "former"
            made.mkdir()
            yield made
            check_replaceable(output)  # once more: it may have changed meanwhile
            if output.exists():
                output.rename(former)
            try:
                made.rename(output)
            except OSError:
                if former.exists():
                    former.rename(output)
                raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _write(path: Path, key: str, value: Page) -> None:
    """Write JSON as a script, which a page opened from disk can load; no text in it can end the script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    path.write_text(f"ITB.put({json.dumps(key)},{content});\n", encoding="ascii")


class _Reader:
    """What is kept of every score while the tables are compiled; recordings are opened once a benchmark."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.benchmarks: dict[str, RecordedBenchmark] = {}
        self.equal: dict[Any, Any] = {}

    def benchmark(self, name: str) -> RecordedBenchmark:
        if name not in self.benchmarks:
            self.benchmarks[name] = RecordedBenchmark.of(name, self.registry)
        return self.benchmarks[name]

    def keep(self, path: Path, score: xr.Dataset, figures: Page, setup: Setup) -> Page:
        responses = self.benchmark(figures["benchmark"]).responses_for(setup)
        whole = read_score(path) if responses is not None and setup.rows else score  # predictions take most of the time
        page = page_of(path, whole, figures, setup, responses)
        page |= {key: self._once(page[key]) for key in ("names", "ceilings")}
        same = {key: self._once(getattr(setup, key)) for key in ("rows", "sites", "scored")}
        return {"page": page, "whole_setup": replace(setup, **same), "region": str(score.attrs.get("region", ""))}

    def _once(self, values: Any) -> Any:
        """Return the first of equal values, so that thousands of scores hold the labels of their images once."""
        return self.equal.setdefault(repr(values), values)


def check_replaceable(output: Path) -> None:
    """Raise BadOption if a folder holds anything else than a site that `write_site` wrote."""
    if output.is_dir() and not any(output.iterdir()):
        return
    if not os.path.lexists(output):
        return
    todo = "Name a folder that is new, empty, or holds such a site alone."
    try:
        marker = json.loads((output / MARKER).read_text(encoding="utf-8"))
        files = {*marker["files"], MARKER} if marker["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        files = None
    if files is None or output.is_symlink():
        raise BadOption(f"{output} is not replaced: it is no site that this command wrote.", todo=todo)
    present = {path.relative_to(output).as_posix() for path in output.rglob("*") if not path.is_dir()}
    others = sorted(present - files)
    if others:
        more = f", … ({len(others)} in all)" if len(others) > 3 else ""
        raise BadOption(
            f"{output} is not replaced: it holds files that this command did not write.",
            known=f"{', '.join(others[:3])}{more}",
            todo=todo,
        )
