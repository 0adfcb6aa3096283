"""Citations: BibTeX of the models, metrics, benchmarks and data sets that scores used, as plugins registered them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from itbench import __version__
from itbench.data.benchmark import Benchmark
from itbench.errors import BadPlugin, ItbenchError, UnknownName
from itbench.registry import FAMILY, ModelEntry, Registry
from itbench.results.score_file import provenance, read_score, scores_in
from itbench.results.score_setup import name_of
from itbench.util.folders import builtin_root

REFERENCES = "references.bib"  # beside a plugin, or that of the built-in plugins: entries that ``bibtex`` names by key
OWN = "itbench"
ENTRY = re.compile(r"@\s*(\w+)\s*\{")
FIELD = re.compile(r"\s*([\w-]+)\s*=\s*")
KEY = re.compile(r"[^\s,{}\"#%~\\=@()']+")
PLACE = ("journal", "booktitle", "publisher", "institution")  # of which a reference in words names the first it has


@dataclass(frozen=True)
class Reference:
    """Entry of a bibliography.

    Parameters
    ----------
    key : str
    kind : str
        Such as ``article``.
    fields : mapping of str to str
        Without their delimiters.
    used_by : tuple of str
        What of itbench it is cited for.
    """

    key: str
    kind: str
    fields: Mapping[str, str]
    used_by: tuple[str, ...] = ()

    @property
    def bibtex(self) -> str:
        """The entry as BibTeX."""
        lines = [f"@{self.kind}{{{self.key},", *(f"  {name} = {{{text}}}," for name, text in self.fields.items()), "}"]
        return "\n".join(lines)

    @property
    def text(self) -> str:
        """The entry in words: authors (year). Title. Journal volume, pages. DOI."""
        plain = {name: re.sub(r"[{}]", "", text).replace("--", "–") for name, text in self.fields.items()}
        place = next((plain[name] for name in PLACE if name in plain), "")
        place = " ".join(filter(None, (place, plain.get("volume") or plain.get("number"))))
        place = ", ".join(filter(None, (place, plain.get("pages"))))
        year = f" ({plain['year']})" if "year" in plain else ""
        version = f"Version {plain['version']}" if "version" in plain else ""
        said = [f"{_families(self.fields.get('author', ''))}{year}".strip(), plain.get("title", ""), place, version]
        said = [
            part if part.endswith((".", "?", "!")) else f"{part}." for part in (*said, plain.get("note", "")) if part
        ]
        doi = f"https://doi.org/{plain['doi']}" if "doi" in plain else ""
        arxiv = f"arXiv:{plain['eprint']}" if plain.get("archiveprefix", "").lower() == "arxiv" else ""
        return " ".join(filter(None, (*said, doi or arxiv or plain.get("url", ""))))


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


def parse_bibtex(text: str, where: str) -> list[Reference]:
    """Parse BibTeX entries; text between them is skipped.

    Raises
    ------
    BadPlugin
        Naming `where`, for braces that do not match, an entry without a key, or abbreviations (``@string``, ``#``).
    """
    found, position = [], 0
    while start := ENTRY.search(text, position):
        kind, position = start[1].lower(), _closing(text, start.end() - 1, where) + 1
        if kind in ("string", "preamble"):
            raise _bad(where, f"@{kind} is not read: write the values out")
        if kind != "comment":
            key, _, body = text[start.end() : position - 1].partition(",")
            if not KEY.fullmatch(key.strip()):
                raise _bad(where, f"an entry has no key, or one that BibTeX refuses: {key.strip()[:40]!r}")
            found.append(Reference(key.strip(), kind, dict(_fields(body, key.strip(), where))))
    if not found:
        raise _bad(where, "there is no entry, such as @article{key, title = {…}}")
    return found


def _fields(body: str, key: str, where: str) -> Iterator[tuple[str, str]]:
    position = 0
    while match := FIELD.match(body, position):
        start = match.end()
        if body[start : start + 1] == "{":
            end = _closing(body, start, where)
            text, position = body[start + 1 : end], end + 1
        elif body[start : start + 1] == '"':
            end = body.find('"', start + 1)
            text, position = body[start + 1 : end if end > 0 else None], (end if end > 0 else len(body)) + 1
        else:
            bare = re.match(r"\w*", body[start:])
            text = bare[0] if bare else ""
            position = start + len(text)
        if not text.strip() or text.count("{") != text.count("}"):
            raise _bad(where, f"the field {match[1]} of {key} has no value, or braces that do not match")
        yield match[1].lower(), " ".join(text.split())
        rest = re.compile(r"\s*(,|$)").match(body, position)
        if not rest:
            raise _bad(where, f"after the field {match[1]} of {key} comes no comma")
        position = rest.end()
    if body[position:].strip():
        raise _bad(where, f"in {key}, this is no field: {body[position:].strip()[:40]!r}")


def _closing(text: str, opening: int, where: str) -> int:
    depth = 0
    for position in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if not depth:
            return position
    raise _bad(where, f"a brace is not closed: {text[opening : opening + 40]!r}")


def _bad(where: str, what: str) -> BadPlugin:
    return BadPlugin(f"The BibTeX of {where} cannot be read: {what}.", todo="Correct it there.")


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
        else Subject(f"benchmark {benchmark}: it is not registered; name its YAML file"),
    ]


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
        found += [(one, subject.label) for one in [*own, *([known[package]] if package in known else [])]]
    return Bibliography(_unique([(itbench if one.key == OWN else one, label) for one, label in found]), unknown)


def _cited(bibtex: str, file: Path, known: Mapping[str, Reference]) -> list[Reference]:
    """Return the references that a plugin or benchmark gives as BibTeX, or names by key."""
    if "@" in bibtex:
        return parse_bibtex(bibtex, str(file))
    beside = file.parent / REFERENCES
    own = {**known, **{one.key: one for one in (_read(beside) if beside.is_file() else [])}}
    keys = re.split(r"[\s,]+", bibtex.strip())
    for key in keys:
        if key not in own:
            todo = f"Put the entry into {beside}, or BibTeX itself into bibtex."
            raise BadPlugin(f"{file} cites {key!r}.", known=UnknownName.of("key", key, own).known, todo=todo)
    return [own[key] for key in keys]


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


def _families(authors: str) -> str:
    """Return the family names of BibTeX authors: ``Kay, Naselaris & Gallant``."""
    names = [name for name in re.split(r"\s+and\s+(?![^{]*\})", authors) if name]
    short = [re.sub(r"[{}]", "", _family(name)) for name in names]
    return short[0] if len(short) == 1 else f"{', '.join(short[:-1])} & {short[-1]}" if short else ""


def _family(name: str) -> str:
    """Return the part before a comma, the whole of a name in braces, or the last word."""
    family, comma, _ = name.partition(",")
    return family if comma or name.startswith("{") else name.split()[-1]
