"""Scores by name: a model, a model with its weights, or the path of a file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from itbench.errors import BadOption, UnknownName
from itbench.files import canonical_json
from itbench.rescore import score_command
from itbench.score import provenance, read_score, scores_in

Found = tuple[Path, xr.Dataset]
ENDING = ".nc"  # what ends so is a path, not a name
SHOWN = 12  # candidates that an error lists


def find_scores(
    folder: Path,
    names: Sequence[str],
    *,
    benchmark: str = "",
    metric: str = "",
    weights: str = "",
    command: str = "compare",
    alike: bool = False,
) -> list[Found]:
    """Return the path and the score of each name.

    Parameters
    ----------
    folder : Path
        Of scores.
    names : sequence of str
        Each a model, ``model:weights`` with weights as a leaderboard shows them, or the path of a ``.nc`` file.
    benchmark, metric, weights : str, optional
        Only scores of these; for names that are no path, and weights for those that say none.
    command : str
        Of itbench, to say what to type.
    alike : bool
        Whether any score of the same activations will do where a name stands for several.

    Raises
    ------
    UnknownName
        If a name stands for no score; gives the nearest ones.
    BadOption
        If it stands for several; gives the commands that say which is meant.
    """
    wanted = {key: value for key, value in (("benchmark", benchmark), ("metric", metric)) if value}
    scores: list[Found] = []
    if not all(name.endswith(ENDING) for name in names):
        scores = [found for found in scores_in(folder) if all(found[1].attrs[key] == wanted[key] for key in wanted)]
    chosen = []
    for name in names:
        if name.endswith(ENDING):
            chosen.append((Path(name), read_score(Path(name).expanduser())))
            continue
        fitting = [found for found in scores if name in _names(found[1], weights)]
        if not fitting:
            known = [name for _, score in scores for name in _names(score, weights)]
            command = f"itbench score -m {name.partition(':')[0]} -b {benchmark or 'BENCHMARK'}"
            where = "".join(
                f" {preposition} {value}" for preposition, value in (("on", benchmark), ("by", metric)) if value
            )
            raise UnknownName.of(f"score{where}", name, known, todo=f"Look in {folder}, or score it: {command}")
        if len(fitting) > 1 and not (alike and _of_the_same([score for _, score in fitting])):
            raise _ambiguous(name, names, fitting, ["itbench", command], by_path=alike)
        chosen.append(fitting[0])
    return chosen


def command_of(score: xr.Dataset) -> str:
    """Return the command that makes a score anew, with its metric and the options that were given."""
    given = provenance(score)["options"]["given"]
    options = [word for key, value in given.items() for word in ("-o", f"{key}={value}")]
    return " ".join(filter(None, (score_command(score, score.attrs["metric"]), shlex.join(options))))


def _names(score: xr.Dataset, weights: str) -> list[str]:
    """Return what a score is called, given which weights are meant where a name says none."""
    model, label = score.attrs["model"], score.attrs["weights"]
    return [f"{model}:{label}", *([model] if weights in ("", label) else [])]


def _of_the_same(scores: Sequence[xr.Dataset]) -> bool:
    """Say whether all scores are of the same activations of the same pictures."""
    said = [provenance(score) for score in scores]
    return len({canonical_json([one[key] for key in ("sources", "asked", "digests")]) for one in said}) == 1


def _ambiguous(
    name: str, names: Sequence[str], fitting: Sequence[Found], command: Sequence[str], *, by_path: bool
) -> BadOption:
    """Return an error that gives a command for each score that a name may stand for."""
    keys = [tuple(score.attrs[key] for key in ("weights", "benchmark", "metric")) for _, score in fitting]
    commands = []
    for key, (path, score) in zip(keys[:SHOWN], fitting, strict=False):
        named = not by_path and keys.count(key) == 1
        own = f"{score.attrs['model']}:{score.attrs['weights']}" if named else str(path)
        words = [*command, *(own if other == name else other for other in names)]
        options = ["-b", score.attrs["benchmark"], "--metric", score.attrs["metric"]] if named else []
        commands.append("  " + shlex.join([*words, *options]))
    more = f"\n  … ({len(fitting)} in all)" if len(fitting) > SHOWN else ""
    return BadOption(
        f"{name!r} stands for {len(fitting)} scores.", todo="Say which is meant:\n" + "\n".join(commands) + more
    )
