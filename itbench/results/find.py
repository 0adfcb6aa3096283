"""Find scores in a folder by name: a model, a model with its weights, or the path of a score file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.errors import BadOption, UnknownName
from itbench.results.score_command import command_line, weights_options
from itbench.results.score_file import read_score, scores_in
from itbench.results.score_setup import Setup, name_of

Found = tuple[Path, xr.Dataset]
ENDING = ".nc"  # of a path; all else is a name
LISTED = 12  # scores in an error


def find_scores(
    folder: Path,
    names: Sequence[str],
    *,
    benchmark: Benchmark | None = None,
    metric: str = "",
    weights: str = "",
    command: str = "compare",
    more: Sequence[str] = (),
    alike: bool = False,
    several: bool = False,
    prefer: Callable[[str, list[Found]], list[Found]] | None = None,
) -> list[Found]:
    """Find the scores of names in a folder: return the path and the score of each name.

    Parameters
    ----------
    folder : Path
        Of scores.
    names : sequence of str
        Each a model, ``model:weights`` with weights as a leaderboard prints them, or the path of a ``.nc`` file. Of
        several scores that a name fits, one without options, layers and settings named by the user is preferred.
    benchmark, metric, weights : optional
        Only scores of these; for names that are no path, and weights for names without any.
    command : str
        Of itbench, for the commands in an error.
    more : sequence of str
        Further options of these commands.
    alike : bool
        Whether any score of the same activations will do where a name fits several.
    several : bool
        Whether a name stands for all the scores that it fits; each is returned once.
    prefer : function, optional
        Of a name and the scores that it fits, which are read without predictions, returns those to choose from.

    Raises
    ------
    UnknownName
        If a name fits no score; gives the nearest ones.
    BadOption
        If it fits several; gives the command for each.
    """
    wanted = {"benchmark": benchmark.name if benchmark else "", "metric": metric}
    wanted = {key: value for key, value in wanted.items() if value}
    scores: list[Found] = []
    every: list[Found] = []
    if not all(name.endswith(ENDING) for name in names):
        every = list(scores_in(folder, without=("predictions",)))
        scores = [found for found in every if all(found[1].attrs[key] == value for key, value in wanted.items())]

    def paths_of(name: str) -> list[Path]:
        if name.endswith(ENDING):
            return [Path(name).expanduser()]
        fitting = [found for found in scores if name in _names(found[1], weights)]
        path = Path(name).expanduser()
        if not fitting and (path.is_file() or (path.is_dir() and path.name != name)):
            return [path]  # which is read, and refused for what it is
        if not fitting:
            raise _unknown(name, scores, folder, benchmark, weights, metric, every)
        fitting = prefer(name, fitting) if prefer else fitting
        if several:
            return [path for path, _ in fitting]
        fitting = [found for found in fitting if Setup.of(found[1]).default] or fitting
        if len(fitting) > 1 and not (alike and len({Setup.of(score).activations for _, score in fitting}) == 1):
            raise _ambiguous(name, names, fitting, benchmark, command, more, by_path=alike)
        return [fitting[0][0]]

    paths = [path for name in names for path in paths_of(name)]
    return [(path, read_score(path)) for path in (dict.fromkeys(paths) if several else paths)]


def select_scores(folder: Path, names: Sequence[str] = (), benchmark: str = "", metric: str = "") -> list[Found]:
    """Select every score of a folder that one of the names fits, each once: return their paths and scores.

    Parameters
    ----------
    folder : Path
        Of scores.
    names : sequence of str
        As of `find_scores`; without any, all scores of the folder.
    benchmark, metric : str, optional
        Only scores of these, but for paths.

    Raises
    ------
    UnknownName
        If a name fits no score.
    """
    files = [Path(name).expanduser() for name in names if name.endswith(ENDING)]
    found = {path.resolve(): (path, read_score(path)) for path in files}
    named = [name for name in names if not name.endswith(ENDING)]
    if named or not names:
        wanted = {key: value for key, value in (("benchmark", benchmark), ("metric", metric)) if value}
        every = list(scores_in(folder, without=("predictions",)))
        scores = [one for one in every if all(one[1].attrs[key] == value for key, value in wanted.items())]
        for name in named:
            if not any(name in _names(score, "") for _, score in scores):
                raise _unknown(name, scores, folder, None, "", metric, every)
        fitting = [one for one in scores if not named or set(named) & set(_names(one[1], ""))]
        found = {**{path.resolve(): (path, score) for path, score in fitting}, **found}
    return list(found.values())


def _names(score: xr.Dataset, weights: str) -> list[str]:
    """Return the names that find a score; its model alone is one if no other `weights` are wanted."""
    return [name_of(score), *([score.attrs["model"]] if weights in ("", score.attrs["weights"]) else [])]


def _unknown(
    name: str,
    scores: Sequence[Found],
    folder: Path,
    benchmark: Benchmark | None,
    weights: str,
    metric: str,
    every: Sequence[Found],
) -> UnknownName:
    """Return an error for a name that fits none of the scores; it says which of every score differ in metric alone."""
    model, _, label = name.partition(":")
    options = {"-m": [model], "-b": [_argument(benchmark)] if benchmark else [], **weights_options(label or weights)}
    options["--metric"] = [metric] if metric else []
    named = [score for _, score in every if name in _names(score, weights)]
    others = {score.attrs["metric"] for score in named if not benchmark or score.attrs["benchmark"] == benchmark.name}
    other = (
        f"It has scores by {', '.join(sorted(others))}, such as --metric {min(others)}. " if metric and others else ""
    )
    return UnknownName.of(
        f"score{f' on {benchmark.name}' if benchmark else ''}",
        name,
        [known for _, score in scores for known in _names(score, weights)],
        todo=f"{other}Looked for in {folder}. Score it: {command_line('score', options)}",
    )


def _ambiguous(
    name: str,
    names: Sequence[str],
    fitting: Sequence[Found],
    benchmark: Benchmark | None,
    command: str,
    more: Sequence[str],
    *,
    by_path: bool,
) -> BadOption:
    """Return an error for a name that finds several scores, with a command for each."""
    keys = [tuple(score.attrs[key] for key in ("weights", "benchmark", "metric")) for _, score in fitting]
    commands = []
    for key, (path, score) in zip(keys[:LISTED], fitting, strict=False):
        named = not by_path and keys.count(key) == 1
        precise = name_of(score) if named else str(path)
        words = ["itbench", *command.split(), *(precise if other == name else other for other in names)]
        on = _argument(benchmark) if benchmark else score.attrs["benchmark"]
        options = ["-b", on] if by_path else ["-b", on, "--metric", score.attrs["metric"]]
        commands.append("  " + shlex.join([*words, *options, *more]))
    rest = f"\n  … ({len(fitting)} in all)" if len(fitting) > LISTED else ""
    return BadOption(
        f"{name!r} stands for {len(fitting)} scores.", todo="Name one of them:\n" + "\n".join(commands) + rest
    )


def _argument(benchmark: Benchmark) -> str:
    return benchmark.name if benchmark.plugin else str(benchmark.file)
