"""Citations: BibTeX of the models, metrics, benchmarks and data sets that scores used, as plugins registered them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from itbench import __version__
from itbench.data.benchmark import Benchmark
from itbench.errors import BadPlugin, ItbenchError, UnknownName
from itbench.registry import FAMILY, ModelEntry, Registry
from itbench.results.bibtex import Reference, parse_bibtex
from itbench.results.find import benchmark_of
from itbench.results.score_file import provenance, read_score, scores_in
from itbench.results.score_setup import name_of
from itbench.util.folders import builtin_root

REFERENCES = "references.bib"  # beside a plugin, or that of the built-in plugins: entries that ``bibtex`` names by key
OWN = "itbench"
DESIGN = "design:"  # before the key of a reference whose design a benchmark follows, with data of its own


@dataclass
class Bibliography:
    """References of what was cited, by key, and what has none.

    Parameters
    ----------
    references : list of Reference
        With unique keys, in their order.
    unknown : list of str
        Models, metrics and benchmarks without a citation.
    """

    references: list[Reference]
    unknown: list[str]


@dataclass(frozen=True)
class Subject:
    """Model, metric, benchmark or data set to be cited: its label, and what its plugin says of it.

    Parameters
    ----------
    label : str
    bibtex : tuple of (str, str)
        Entries, or keys of entries, and the file whose folder has them.
    words : str
        A citation in words, used where there is no BibTeX.
    source : str
        Package that gave a model or its weights.
    """

    label: str
    bibtex: tuple[tuple[str, str], ...] = ()
    words: str = ""
    source: str = ""


def cite(registry: Registry, names: Sequence[str], folder: Path) -> Bibliography:
    """Return the bibliography of names: score files, models, metrics, benchmarks and data sets, and of itbench itself.

    Parameters
    ----------
    registry : Registry
    names : sequence of str
        Paths of ``.nc`` files, registered names, benchmark files, or scores as a leaderboard names them
        (``MODEL:WEIGHTS``); without any, all scores of the folder.
    folder : Path
        Of scores.

    Raises
    ------
    UnknownName
        For a name that is none of these.
    BadPlugin
        For a plugin whose BibTeX cannot be read, or names keys that are in no ``references.bib``.
    """
    scores = [score for _, score in scores_in(folder, without=("predictions",))] if not names else []
    subjects: list[Subject] = []
    for name in names:
        found = [] if ":" in name else _registered(registry, name)
        if name.endswith(".nc"):
            scores.append(read_score(Path(name).expanduser(), without=("predictions",)))
        elif found:
            subjects += found
        else:
            scores += _named(registry, name, folder)
    subjects += [subject for score in scores for subject in _of_score(registry, score)]
    versions = {str(provenance(score).get("versions", {}).get(OWN, __version__)) for score in scores} or {__version__}
    return _bibliography(subjects, ", ".join(sorted(versions)))


def _registered(registry: Registry, name: str) -> list[Subject]:
    """Return the models, metrics, benchmarks and data sets of a name; nothing where it is none."""
    found: list[Subject] = []
    if name.endswith((".yaml", ".yml")) or name in registry.benchmarks:
        found.append(_of_benchmark(registry.benchmark(name)))
    if name in registry.metrics:
        found.append(_metric(registry, name))
    if name in registry.datasets and name not in registry.benchmarks:
        data = registry.datasets[name]
        found.append(Subject(f"data set {name}", ((data.bibtex, data.file),), data.citation))
    family = f"{name.partition('/')[0]}{FAMILY}"
    if name in registry.models or (family in registry.models and "/" in name):
        entry = registry.models[name] if name in registry.models else registry.model(name)
        found += [_of_model(entry), *(_of_recipe(registry, entry.read_recipe().as_dict()) if entry.trainable else [])]
    return found


def _of_recipe(registry: Registry, recipe: Mapping[str, Any]) -> list[Subject]:
    """Return the core of a trainable model, and the model and metric of its teacher."""
    teacher = recipe.get("teacher") or {} if (recipe.get("losses") or {}).get("teacher") else {}
    models = [recipe.get("core"), *str(teacher.get("model") or "").split("+")]
    metric = [_metric(registry, str(teacher["metric"]))] if teacher.get("metric") else []
    return [*(_of_model(_model(registry, name)) for name in models if name), *metric]


def _named(registry: Registry, name: str, folder: Path) -> list[xr.Dataset]:
    scores = [score for _, score in scores_in(folder, without=("predictions",))]
    found = [score for score in scores if name in (score.attrs["model"], name_of(score))]
    if not found:
        known = [*registry.models, *registry.metrics, *registry.benchmarks, *registry.datasets]
        todo = "Lists: itbench models, metrics, benchmarks, data list. Or name a score file."
        raise UnknownName.of("thing to cite", name, [*known, *map(name_of, scores)], todo=todo)
    return found


def _of_score(registry: Registry, score: xr.Dataset) -> list[Subject]:
    """Return the models, the metric and the benchmark of a score; a baseline of no model has none."""
    sources, benchmark = provenance(score).get("sources", ()), score.attrs["benchmark"]
    named = [source["model"] for source in sources]
    if not named and not score.attrs.get("baseline"):
        named = [score.attrs["model"]]
    return [
        *(_of_model(_model(registry, name)) for name in named),
        *(one for source in sources for one in _of_recipe(registry, source.get("recipe", {}))),
        _metric(registry, score.attrs["metric"]),
        _of_benchmark(registry.benchmarks[benchmark])
        if benchmark in registry.benchmarks
        else _of_file(registry, score),
    ]


def _of_file(registry: Registry, score: xr.Dataset) -> Subject:
    """Return the benchmark of a score that is in a YAML file; without a citation where that is needed."""
    try:
        return _of_benchmark(benchmark_of(registry, score))
    except ItbenchError:
        return Subject(f"benchmark {score.attrs['benchmark']}: it is not registered; name its YAML file")


def _model(registry: Registry, name: str) -> ModelEntry:
    """Return a registered model; a member of a family without asking the family's package, which need not be here."""
    entry = registry.models.get(name) or registry.models.get(f"{name.partition('/')[0]}{FAMILY}")
    return replace(entry, name=name, names=None) if entry else ModelEntry(name, Subject)


def _of_model(entry: ModelEntry) -> Subject:
    return Subject(f"model {entry.name}", ((entry.bibtex, entry.file),), source=entry.source)


def _metric(registry: Registry, name: str) -> Subject:
    entry = registry.metrics.get(name)
    return Subject(f"metric {name}", ((entry.bibtex, entry.file),) if entry else ())


def _of_benchmark(benchmark: Benchmark) -> Subject:
    data = benchmark.dataset
    own = ((benchmark.bibtex, str(benchmark.file)), *([(data.bibtex, data.file)] if data else []))
    return Subject(f"benchmark {benchmark.name}", own, benchmark.citation or (data.citation if data else ""))


def _bibliography(subjects: Iterable[Subject], version: str) -> Bibliography:
    known = {one.key: one for one in _read(builtin_root() / "plugins" / REFERENCES)}
    itbench = replace(known[OWN], fields={**known[OWN].fields, "version": version})
    found, unknown = [(itbench, f"itbench {version}")], []
    for subject in dict.fromkeys(subjects):
        own = [one for text, file in subject.bibtex if text.strip() for one in _cited(text, Path(file), known)]
        if not own and subject.words:
            own = [_in_words(subject)]
        package = subject.source.partition(" ")[0]
        if not own and package != OWN:
            unknown.append(subject.label)
        found += [
            (replace(one, used_by=()), f"design of {subject.label}" if one.used_by else subject.label)
            for one in [*own, *([known[package]] if package in known else [])]
        ]
    return Bibliography(_unique([(itbench if one.key == OWN else one, label) for one, label in found]), unknown)


def _cited(bibtex: str, file: Path, known: Mapping[str, Reference]) -> list[Reference]:
    """Return the references that a plugin or benchmark gives as BibTeX, or names by key."""
    if "@" in bibtex:
        return parse_bibtex(bibtex, str(file))
    beside = file.parent / REFERENCES
    own = {**known, **{one.key: one for one in (_read(beside) if beside.is_file() else [])}}
    keys = re.split(r"[\s,]+", bibtex.strip())
    for key in (key.removeprefix(DESIGN) for key in keys):
        if key not in own:
            todo = f"Put the entry into {beside}, or BibTeX itself into bibtex."
            raise BadPlugin(f"{file} cites {key!r}.", known=UnknownName.of("key", key, own).known, todo=todo)
    of_design = {key: ("design",) for key in keys if key.startswith(DESIGN)}
    return [replace(own[key.removeprefix(DESIGN)], used_by=of_design.get(key, ())) for key in keys]


def _read(path: Path) -> list[Reference]:
    try:
        return parse_bibtex(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ItbenchError(f"Cannot read {path}: {error}.") from error


def _in_words(subject: Subject) -> Reference:
    name = subject.label.partition(" ")[2]
    note = re.sub(r"([&%$#_])", r"\\\1", re.sub(r"[{}\\]", "", subject.words))
    return Reference(re.sub(r"[^\w-]+", "-", name), "misc", {"title": f"{{{name}}}".replace("_", r"\_"), "note": note})


def _unique(found: Iterable[tuple[Reference, str]]) -> list[Reference]:
    """Return references once each, by DOI or content, in the order of their keys, which become unique."""
    merged: dict[str, Reference] = {}
    for one, label in sorted(found, key=lambda pair: (pair[0].key, pair[0].bibtex)):
        doi = one.fields.get("doi", "").lower().removeprefix("https://doi.org/")
        same = merged.setdefault(doi or one.bibtex, one)
        merged[doi or one.bibtex] = replace(same, used_by=tuple(dict.fromkeys([*same.used_by, label])))
    taken: dict[str, int] = {}
    unique = []
    for one in merged.values():
        key = one.key.lower()  # BibTeX takes keys that differ in case alone as one
        taken[key] = taken.get(key, 0) + 1
        unique.append(one if taken[key] == 1 else replace(one, key=f"{one.key}-{taken[key]}"))
    return unique
