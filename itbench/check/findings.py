"""Findings: run the checks of one plugin in order; each finding is pass, FAIL, warning or skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from itbench.errors import ItbenchError

S = TypeVar("S")

PASS, FAIL, WARNING, SKIPPED = "pass", "FAIL", "warning", "skipped"


@dataclass(frozen=True)
class Finding:
    """Finding of one check: its result, and what was observed.

    Parameters
    ----------
    check : str
    result : {"pass", "FAIL", "warning", "skipped"}
    seen : str
        What was observed, or why the check was skipped.
    """

    check: str
    result: str
    seen: str


@dataclass(frozen=True)
class Report:
    """Report of all findings about one model, metric, benchmark or plugin file.

    Parameters
    ----------
    kind : {"model", "metric", "benchmark", "plugin"}
    name : str
    findings : tuple of Finding
    weights : str, optional
        Weights of a model: ``pretrained``, ``random`` or a file.
    """

    kind: str
    name: str
    findings: tuple[Finding, ...]
    weights: str = ""

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the failed checks."""
        return tuple(finding.check for finding in self.findings if finding.result == FAIL)


class CheckFailed(Exception):
    """Result FAIL of a finding: the plugin breaks the rule; the message says where to look."""


class CheckWarning(Exception):
    """Result "warning" of a finding: no rule is broken, but the plugin's author should know."""


class CheckSkipped(Exception):
    """Result "skipped" of a finding: the check does not apply to this plugin."""


Frames = list[tuple[str, int]]  # file and line of each caller, the outermost first


@dataclass(frozen=True)
class FreshProcess:
    """Result of a fresh process: heavy imports of the plugins, and the identities of their models there.

    Parameters
    ----------
    imports : mapping of str to list of (str, int)
        Heavy frameworks that loading the plugins imported, each with the call stack of the import.
    identities : mapping of str to mapping, or to str where the model could not be made
    fingerprints : mapping of str to mapping
        Of each model's candidate layers, for one test image (`itbench.check.checked_model.fingerprint`).
    """

    imports: Mapping[str, Frames]
    identities: Mapping[str, Mapping[str, str] | str]
    fingerprints: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def require_light(self, file: str) -> str:
        """Require that the fresh process imported no framework when it loaded the plugin in `file`.

        Raises
        ------
        CheckFailed
            If it did, with the importing line.
        """
        plugin_files = {file, *(str(folder / "__init__.py") for folder in Path(file).parents)}
        for framework, frames in self.imports.items():
            for importer, line in frames:
                if importer in plugin_files:
                    where = f"line {line} of {Path(importer).name}"
                    raise CheckFailed(f"loading the plugin imports {framework} ({where}); import it where it is used")
        return "loading the plugin imports no framework"


RESULTS: dict[type[Exception], str] = {CheckFailed: FAIL, CheckWarning: WARNING, CheckSkipped: SKIPPED}


@dataclass(frozen=True)
class Check(Generic[S]):
    """A check whose result becomes a finding: its name, its rule and the checks that it depends on.

    Parameters
    ----------
    name : str
    rule : callable
        Takes the checked plugin and returns what it observed; raises `CheckFailed`, `CheckWarning` or `CheckSkipped`.
        Any other exception counts as a failure.
    needs : tuple of str
        Checks that must have passed; without them this one would only repeat their fault.
    """

    name: str
    rule: Callable[[S], str]
    needs: tuple[str, ...] = ()


def run_checks(checks: Iterable[Check[S]], subject: S) -> Iterator[Finding]:
    """Yield the finding of each check; skip the checks that depend on a failed one."""
    blocked: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in blocked]
        finding = Finding(check.name, SKIPPED, f"needs {missing[0]!r}") if missing else _apply(check, subject)
        if missing or finding.result == FAIL:
            blocked.add(check.name)
        yield finding


def one_line(error: Exception) -> str:
    """Return an exception as one line for a finding, with its type if it is no `ItbenchError`."""
    is_ours = isinstance(error, (ItbenchError, *RESULTS))
    return " ".join((str(error) if is_ours else f"{type(error).__name__}: {error}").split())


def count(things: Sized, noun: str) -> str:
    """Return a count with its noun.

    >>> count(("a", "b"), "layer")
    '2 layers'
    """
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _apply(check: Check[S], subject: S) -> Finding:
    try:
        return Finding(check.name, PASS, check.rule(subject))
    except Exception as error:
        return Finding(check.name, RESULTS.get(type(error), FAIL), one_line(error))
