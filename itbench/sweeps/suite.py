"""Suite: a YAML file of rows to run, each with the numbers that others published."""

from __future__ import annotations

import fnmatch
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from itbench.data.benchmark import Benchmark
from itbench.errors import BadOption, BadSuite, ItbenchError, UnknownName
from itbench.extraction.forward import ExtractionSettings
from itbench.registry import Registry
from itbench.scoring.plan import plan_run
from itbench.scoring.run import Run
from itbench.util.folders import builtin_root
from itbench.util.schema import (
    ENDINGS,
    check_mapping,
    mapping,
    name_text,
    number,
    read_yaml,
    sentence,
    texts,
    whole_number,
)

Range = tuple[float, float]


@dataclass(frozen=True)
class Published:
    """Published numbers of a row of a suite.

    Parameters
    ----------
    explained_variance, correlation : pair of float, optional
        Means over sites; lowest and highest where several were reported.
    source : tuple of str
        Reference of the report.
    """

    explained_variance: Range | None = None
    correlation: Range | None = None
    source: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """Row of a suite: a model, layers, metric and recipe to run, with published numbers.

    Parameters
    ----------
    model : str
    name : str
        Model, weights, layers and metric if none is given.
    weights : str
        ``pretrained``, ``random`` or the path of a file; the model's default if empty.
    layers : sequence of str
        The model's candidates if empty.
    metric : str
        The default of the model or the benchmark if empty.
    options, recipe : mapping
        Changes of the metric's options, and of a trainable model's recipe.
    published : Published
    """

    model: str
    name: str = ""
    weights: str = ""
    layers: tuple[str, ...] = ()
    metric: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    published: Published = Published()


@dataclass(frozen=True)
class Suite:
    """Suite of runs as its YAML file describes it.

    Parameters
    ----------
    name : str
    rows : tuple of Row
    description : str
    benchmark : str
        Benchmark of the published numbers, on which the rows run unless another benchmark is named.
    images : int
        Number of images of the benchmark, for estimates before it is downloaded.
    small : mapping
        Changes of all recipes for a short run.
    sources : mapping of str to str
        References by the short names of sources in the rows.
    """

    name: str
    rows: tuple[Row, ...]
    description: str = ""
    benchmark: str = "synthetic-it"
    images: int = 0
    small: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Suite:
        """Read a suite from its YAML file, checking every row and key.

        Raises
        ------
        BadSuite, UnknownName
            Naming the file, the row and the key.
        """
        where = f"{path}: "
        content = {"name": path.stem, **read_yaml(path, "suite", BadSuite, SUITE)}
        values = check_mapping(content, SUITE, "suite", BadSuite, where=where)
        if "pictures" in values:
            values["images"] = values.pop("pictures")
        contents, sources = values.pop("rows", []), values.get("sources", {})
        if not contents:
            raise BadSuite(f"{where}a suite needs rows.", todo="Such as: rows: [{model: pixels}]")
        rows = tuple(_row(content, sources, f"{where}row {i + 1}: ") for i, content in enumerate(contents))
        twice = [name for name, count in Counter(row.name for row in rows).items() if count > 1]
        if twice:
            raise BadSuite(f"{where}two rows are called {twice[0]!r}.", todo="Give one of them another name.")
        return cls(rows=rows, **values)

    def is_about(self, benchmark: Benchmark) -> bool:
        """Return whether the published numbers of the suite belong to a benchmark."""
        return self.benchmark == benchmark.name or Path(self.benchmark).resolve() == benchmark.file.resolve()


def find_suite(name: str) -> Path:
    """Return the YAML file of a suite, given its path or the name of a built-in suite.

    Raises
    ------
    UnknownName
    """
    if name.endswith(ENDINGS):
        return Path(name).expanduser()
    builtin = {path.stem: path for path in sorted((builtin_root() / "suites").glob("*.yaml"))}
    if name not in builtin:
        raise UnknownName.of("suite", name, builtin, todo="Or name the path of a YAML file.")
    return builtin[name]


def _row(content: Any, sources: Mapping[str, str], where: str) -> Row:
    values = check_mapping(content, ROW, "row", BadSuite, where=where, required=("model",))
    published = check_mapping(values.pop("published", {}), PUBLISHED, "published score", BadSuite, where=where)
    if published:
        named = published.get("source") or ("",)
        for source in named:
            if source not in sources:
                raise UnknownName.of("source", source, sources, where=where, todo="Every published number names one.")
        published["source"] = tuple(sources[source] for source in named)
    row = Row(**values, published=Published(**published))
    options = [f"{key}={value}" for key, value in row.options.items()]
    parts = (row.model, row.weights, *row.layers, row.metric, *options)
    return row if row.name else replace(row, name=" ".join(filter(None, parts)))


def _range(value: Any) -> Range:
    """Check a number or a range."""
    words = "a number of at most 1, or [lowest, highest]"
    low, high = (number(-math.inf, 1, words)(item) for item in (value if isinstance(value, list) else (value, value)))
    if low > high:
        raise ValueError(words)
    return low, high


def _sources(value: Any) -> dict[str, str]:
    return {key: sentence(text) for key, text in mapping(value).items()}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list of rows")
    return value


PUBLISHED = {"explained_variance": _range, "correlation": _range, "source": texts()}
ROW = {
    **dict.fromkeys(("name", "model", "weights", "metric"), name_text),
    "layers": texts(),
    "options": mapping,
    "recipe": mapping,
    "published": mapping,
}
SUITE = {
    "name": name_text,
    "description": sentence,
    "benchmark": name_text,
    "images": whole_number(0),
    "pictures": whole_number(0),  # the former name of images
    "small": mapping,
    "sources": _sources,
    "rows": _list,
}


@dataclass(frozen=True)
class Planned:
    """Planned row of a suite: its run, or the error that prevents it.

    Parameters
    ----------
    row : Row
    run : Run, optional
    error : ItbenchError, optional
    """

    row: Row
    run: Run | None = None
    error: ItbenchError | None = None


def plan_suite(
    registry: Registry,
    suite: Suite,
    benchmark: str = "",
    *,
    only: Sequence[str] = (),
    recipe: Sequence[str] = (),
    small: bool = False,
    seed: int = 0,
    settings: ExtractionSettings | None = None,
) -> list[Planned]:
    """Plan the runs of a suite: of all rows, or of those whose names match a pattern.

    Parameters
    ----------
    registry, suite
    benchmark : str
        The suite's benchmark if empty.
    only : sequence of str
        Patterns of names of rows, such as ``*random*``.
    recipe : sequence of str
        Changes of the recipes of all trainable models, as `itbench.models.recipe.Recipe.changed` takes them.
    small : bool
        Whether the suite's changes for a short run come before these.
    seed, settings
        As of `itbench.scoring.plan.plan_run`.

    Returns
    -------
    list of Planned
        In the order of the suite. A row that cannot run has its error; the others run.

    Raises
    ------
    UnknownName
        If no row matches, or there is no such benchmark.
    BadOption
        If the suite defines no short run.
    """
    if small and not suite.small:
        raise BadOption(
            f"The suite {suite.name} defines no short run (key 'small').", todo="Such as: --recipe epochs=2"
        )
    rows = _matching(suite, only)
    where = benchmark or suite.benchmark
    registry.benchmark(where)  # an unknown benchmark is one error, not one of every row
    changes = (*(_recipe_changes(suite.small) if small else ()), *recipe)
    how: dict[str, Any] = {"seed": seed, "settings": settings}
    return [_planned(registry, row, where, changes, how) for row in rows]


def _matching(suite: Suite, only: Sequence[str]) -> list[Row]:
    names = [row.name for row in suite.rows]
    for pattern in only:
        if not fnmatch.filter(names, pattern):
            raise UnknownName.of(f"row of the suite {suite.name}", pattern, names, todo="* matches any characters.")
    return [row for row in suite.rows if not only or any(fnmatch.fnmatch(row.name, pattern) for pattern in only)]


def _planned(registry: Registry, row: Row, benchmark: str, changes: Sequence[str], how: Mapping[str, Any]) -> Planned:
    try:
        trainable = registry.model(row.model).trainable
        run = plan_run(
            registry,
            row.model,
            benchmark,
            metric=row.metric or None,
            metric_options=row.options,
            weights=row.weights or "pretrained",
            layers=row.layers,
            recipe=(*_recipe_changes(row.recipe), *(changes if trainable else ())),
            **how,
        )
    except ItbenchError as error:
        return Planned(row, error=error)
    return Planned(row, run)


def _recipe_changes(changes: Mapping[str, Any]) -> list[str]:
    return [f"{key}={json.dumps(value)}" for key, value in changes.items()]
