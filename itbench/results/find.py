"""Find scores in a folder by name: a model, a model with its weights, or the path of a score file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.errors import BadOption, ItbenchError, UnknownName
from itbench.registry import Registry
from itbench.results.score_command import benchmark_argument, command_line, score_command, weights_options
from itbench.results.score_file import provenance, read_score, scores_in
from itbench.results.score_setup import Setup, name_of
from itbench.util import folders
from itbench.util.checksum import digest

Found = tuple[Path, xr.Dataset]
ENDING = ".nc"  # of a path; all else is a name
LISTED = 12  # scores in an error


def find_scores(
    folder: Path,
    names: Sequence[str],
    *,
    benchmark: Benchmark | str | None = None,
    metric: str = "",
    weights: str = "",
    command: str = "compare",
    options: Sequence[str] = (),
    alike: bool = False,
    several: bool = False,
    prefer: Callable[[str, list[Found]], list[Found]] | None = None,
    registry: Registry | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> list[Found]:
    """Find the scores of names in a folder: return the path and the score of each name.

    Parameters
    ----------
    folder : Path
        Of scores.
    names : sequence of str
        Each a model, ``model:weights`` with weights as a leaderboard prints them, or the path of a ``.nc`` file. Of
        several scores that a name fits, one without options, layers and settings named by the user is preferred; and
        then, of scores that differ in their metric alone, the one by the default metric of the benchmark.
    benchmark, metric, weights : optional
        Only scores of these; for names that are no path, and weights for names without any.
    command : str
        Of itbench, for the commands in an error.
    options : sequence of str
        Words of further options that the user gave to the command, for the commands in an error.
    alike : bool
        Whether any score of the same activations will do where a name fits several.
    several : bool
        Whether a name stands for all the scores that it fits; each is returned once.
    prefer : function, optional
        Of a name and the scores that it fits, which are read without predictions, returns those to choose from.
    registry : Registry, optional
        Knows default metrics of benchmarks, and which models and metrics exist. Without it no metric is preferred.
    note : callable, optional
        Gets a sentence where a score was taken for its metric.

    Raises
    ------
    UnknownName
        If a name fits no score, or no score is on the benchmark; gives the nearest ones.
    BadOption
        If a name fits several scores; gives the command for each.
    """
    files = {name: Path(name).expanduser() for name in names if name.endswith(ENDING)}
    read = [(path, read_score(path)) for path in files.values()]
    every = list(scores_in(folder, without=("predictions",))) if len(files) < len(set(names)) else []
    wanted = _wanted(benchmark, metric, [*read, *every], registry)
    scores = [found for found in every if _fits(found[1], wanted)]

    def paths_of(name: str) -> list[Path]:
        if name in files:
            return [files[name]]
        fitting = [found for found in scores if name in _names(found[1], weights)]
        path = Path(name).expanduser()
        if not fitting and (path.is_file() or (path.is_dir() and path.name != name)):
            return [path]  # which is read, and refused for what it is
        if not fitting:
            raise _missing(name, every, folder, benchmark, metric, weights, registry)
        fitting = prefer(name, fitting) if prefer else fitting
        if several:
            return [path for path, _ in fitting]
        fitting = [found for found in fitting if Setup.of(found[1]).default] or fitting
        if len(fitting) > 1 and not alike and not metric:
            fitting = _by_default_metric(name, fitting, registry, note)
        if len(fitting) > 1 and not (alike and len({Setup.of(score).activations for _, score in fitting}) == 1):
            raise _ambiguous(name, names, fitting, benchmark, [command, *options], by_path=alike)
        return [fitting[0][0]]

    paths = [path for name in names for path in paths_of(name)]
    return [(path, read_score(path)) for path in (dict.fromkeys(paths) if several else paths)]


def select_scores(
    folder: Path, names: Sequence[str] = (), benchmark: str = "", metric: str = "", registry: Registry | None = None
) -> list[Found]:
    """Select every score of a folder that one of the names fits, each once: return their paths and scores.

    Parameters
    ----------
    folder : Path
        Of scores.
    names : sequence of str
        As of `find_scores`; without any, all scores of the folder.
    benchmark, metric : str, optional
        Only scores of these, but for paths.
    registry : Registry, optional
        As of `find_scores`.

    Raises
    ------
    UnknownName
        If a name fits no score, or no score of a folder that has some is on the benchmark.
    """
    files = [Path(name).expanduser() for name in names if name.endswith(ENDING)]
    found = {path.resolve(): (path, read_score(path)) for path in files}
    named = [name for name in names if not name.endswith(ENDING)]
    if named or not names:
        every = list(scores_in(folder, without=("predictions",)))
        wanted = _wanted(benchmark, metric, every, registry) if every else {}
        scores = [one for one in every if _fits(one[1], wanted)]
        for name in named:
            if not any(name in _names(score, "") for _, score in scores):
                raise _missing(name, every, folder, benchmark, metric, "", registry)
        fitting = [one for one in scores if not named or set(named) & set(_names(one[1], ""))]
        found = {**{path.resolve(): (path, score) for path, score in fitting}, **found}
    return list(found.values())


def benchmark_of(registry: Registry, score: xr.Dataset, named: Benchmark | None = None) -> Benchmark:
    """Return the benchmark of a score: `named`, the registered one, or that of the file in the score's provenance.

    Raises
    ------
    UnknownName
        If it is not registered, and its file is not recorded, is not there, or has changed since.
    BadOption
        If the score is on another benchmark than `named`.
    """
    name, recorded = score.attrs["benchmark"], provenance(score).get("benchmark_file")
    if named is not None and named.name != name:
        raise BadOption(
            f"{score.attrs['model']} was scored on {name}, not on {named.name}.",
            todo="Leave -b out, or name a score of that benchmark.",
        )
    if named is not None or name in registry.benchmarks:
        return named or registry.benchmark(name)
    todo = "If it is a YAML file, name that with -b FILE.yaml."
    if not recorded:
        raise UnknownName.of("benchmark", name, registry.benchmarks, todo=todo)
    path = Path(recorded["file"]).expanduser()
    if not path.is_file():
        raise UnknownName(f"The file of the benchmark {name}, {path}, is not here.", todo="Name it with -b FILE.yaml.")
    if digest(path.read_bytes()) != recorded["digest"]:
        raise UnknownName(
            f"The file of the benchmark {name}, {path}, has changed since the score was made.",
            todo=f"Name it with -b {path} to take it as it is now, or score again: {score_command(score)}",
        )
    return registry.benchmark(recorded["file"])


def _fits(score: xr.Dataset, wanted: dict[str, str]) -> bool:
    return all(score.attrs[key] == value for key, value in wanted.items())


def _wanted(
    benchmark: Benchmark | str | None, metric: str, scores: Sequence[Found], registry: Registry | None
) -> dict[str, str]:
    """Return the benchmark and metric that scores must have; refuse those that neither scores nor plugins have."""
    registered = (registry.benchmarks, registry.metrics) if registry else ((), ())
    name = benchmark.name if isinstance(benchmark, Benchmark) else benchmark or ""
    of_scores = [{str(score.attrs[key]) for _, score in scores} for key in ("benchmark", "metric")]
    if isinstance(benchmark, str) and name and name not in (known := {*of_scores[0], *registered[0]}):
        raise UnknownName.of("benchmark", name, known, todo="A benchmark in a YAML file: -b FILE.yaml.")
    if registry and metric and metric not in (known := {*of_scores[1], *registered[1]}):
        raise UnknownName.of("metric", metric, known)
    return {key: value for key, value in (("benchmark", name), ("metric", metric)) if value}


def _names(score: xr.Dataset, weights: str) -> list[str]:
    """Return the names that find a score; its model alone is one if no other `weights` are wanted."""
    return [name_of(score), *([score.attrs["model"]] if weights in ("", score.attrs["weights"]) else [])]


def _by_default_metric(
    name: str, fitting: Sequence[Found], registry: Registry | None, note: Callable[[str], None]
) -> list[Found]:
    """Return the one of scores, which differ in their metric alone, that is by the default metric; else all of them."""
    first = fitting[0][1]
    alike = all(score.attrs[key] == first.attrs[key] for _, score in fitting for key in ("weights", "benchmark"))
    if registry is None or not alike or any(score.attrs.get("beside") for _, score in fitting):
        return list(fitting)
    try:
        default = benchmark_of(registry, first).metric
    except ItbenchError:  # its file is needed to know
        return list(fitting)
    by_default = [found for found in fitting if found[1].attrs["metric"] == default]
    if len(by_default) != 1:
        return list(fitting)
    rest = ", ".join(dict.fromkeys(str(score.attrs["metric"]) for _, score in fitting if score is not by_default[0][1]))
    on = first.attrs["benchmark"]
    note(f"{name}: its score by {default}, the default metric of {on}; --metric takes another: {rest}.")
    return by_default


def _missing(
    name: str,
    every: Sequence[Found],
    folder: Path,
    benchmark: Benchmark | str | None,
    metric: str,
    weights: str,
    registry: Registry | None,
) -> UnknownName:
    """Return an error for a name that no score fits: with those that the model has, or the nearest names."""
    on = benchmark.name if isinstance(benchmark, Benchmark) else benchmark or ""
    argument = _argument(benchmark) if isinstance(benchmark, Benchmark) else on
    model, _, of_weights = name.partition(":")
    own = [score for _, score in every if score.attrs["model"] == model]
    same = [score for score in own if (of_weights or weights) in ("", score.attrs["weights"])]
    place = {"--results": [] if folder == folders.results() else [str(folder)]}
    if same and (on or metric):
        here = [score for score in same if on in ("", score.attrs["benchmark"])]
        has = ", ".join(sorted({f"{score.attrs['metric']} on {score.attrs['benchmark']}" for score in same}))
        what = f"{name} has no score{f' by {metric}' if metric else ''}{f' on {on}' if on else ''}."
        by = {"--metric": [metric] if metric else []}
        if here and not Setup.of(here[0]).trained:
            again = {"-b": [benchmark_argument(here[0])], **place}
            todo = command_line(shlex.join(["rescore", name_of(here[0])]), {**by, **again})
        elif here:
            todo = score_command(here[0], metric)
        else:
            todo = command_line("score", {"-m": [model], "-b": [argument] if on else [], **by, **place})
        return UnknownName(what, known=f"It has scores by: {has}.", todo=f"Make one: {todo}")
    known = [known for _, score in every if on in ("", score.attrs["benchmark"]) for known in _names(score, weights)]
    options = {"-m": [model], "-b": [argument] if on else [], **weights_options(of_weights or weights), **place}
    todo = f"Score it: {command_line('score', options)}" if _exists(registry, model) else "List models: itbench models"
    return UnknownName.of(f"score{f' on {on}' if on else ''}", name, known, todo=f"Looked for in {folder}. {todo}")


def _exists(registry: Registry | None, model: str) -> bool:
    try:
        return registry is None or bool(registry.model(model))
    except ItbenchError:
        return False


def _ambiguous(
    name: str,
    names: Sequence[str],
    fitting: Sequence[Found],
    benchmark: Benchmark | str | None,
    words: Sequence[str],
    *,
    by_path: bool,
) -> BadOption:
    """Return an error for a name that finds several scores, with a command for each: `words`, and further options."""
    keys = [tuple(score.attrs[key] for key in ("weights", "benchmark", "metric")) for _, score in fitting]
    command, *options = words
    commands = []
    for key, (path, score) in zip(keys[:LISTED], fitting, strict=False):
        named = not by_path and keys.count(key) == 1
        precise = name_of(score) if named else str(path)
        line = ["itbench", *command.split(), *(precise if other == name else other for other in names)]
        on = _argument(benchmark) if isinstance(benchmark, Benchmark) else benchmark_argument(score)
        line += ["-b", on, *([] if by_path else ["--metric", score.attrs["metric"]])]
        commands.append("  " + shlex.join([*line, *options]))
    rest = f"\n  … ({len(fitting)} in all)" if len(fitting) > LISTED else ""
    return BadOption(
        f"{name!r} stands for {len(fitting)} scores.", todo="Name one of them:\n" + "\n".join(commands) + rest
    )


def _argument(benchmark: Benchmark) -> str:
    return benchmark.name if benchmark.plugin else str(benchmark.file)
