"""Scores by name: a model, a model with its weights, or the path of a file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from itbench.data.benchmark import Benchmark
from itbench.errors import BadOption, UnknownName
from itbench.results.score_file import NAMES, provenance, read_score, scores_in
from itbench.util.checksum import canonical_json

Found = tuple[Path, xr.Dataset]
ENDING = ".nc"  # what ends so is a path, not a name
SHOWN = 12  # candidates that an error lists


def find_scores(
    folder: Path,
    names: Sequence[str],
    *,
    benchmark: Benchmark | None = None,
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
        Each a model, ``model:weights`` with weights as a leaderboard shows them, or the path of a ``.nc`` file. A name
        stands for the score without options, layers or settings of its own where there is one.
    benchmark, metric, weights : optional
        Only scores of these; for names that are no path, and weights for those that say none.
    command : str
        Of itbench, that an error tells to type.
    alike : bool
        Whether any score of the same activations will do where a name stands for several.

    Raises
    ------
    UnknownName
        If a name stands for no score; gives the nearest ones.
    BadOption
        If it stands for several; gives the commands that say which is meant.
    """
    wanted = {"benchmark": benchmark.name if benchmark else "", "metric": metric}
    wanted = {key: value for key, value in wanted.items() if value}
    scores: list[Found] = []
    if not all(name.endswith(ENDING) for name in names):
        every = scores_in(folder, without=("predictions",))
        scores = [found for found in every if all(found[1].attrs[key] == value for key, value in wanted.items())]

    def path_of(name: str) -> Path:
        if name.endswith(ENDING):
            return Path(name).expanduser()
        fitting = [found for found in scores if name in _names(found[1], weights)]
        if not fitting:
            raise _unknown(name, scores, folder, benchmark, weights)
        fitting = [found for found in fitting if _as_usual(found[1])] or fitting
        if len(fitting) > 1 and not (alike and _of_the_same([score for _, score in fitting])):
            raise _ambiguous(name, names, fitting, benchmark, command, by_path=alike)
        return fitting[0][0]

    return [(path, read_score(path)) for path in map(path_of, names)]


def command_of(score: xr.Dataset) -> str:
    """Return the command that makes a score anew, with its metric and the options that were given."""
    said = provenance(score)
    options = [word for key, value in said["options"]["given"].items() for word in ("-o", f"{key}={value}")]
    command = score_command(score, score.attrs["metric"]) if "sources" in said else _command_by_names(score)
    return " ".join(filter(None, (command, shlex.join(options))))


def _command_by_names(score: xr.Dataset) -> str:
    """Return the command for a score of a version that did not keep what the weights came from."""
    model, label, benchmark, metric = (score.attrs[key] for key in NAMES)
    kind, _, seed = label.partition("-")
    weights = {"pretrained": [], "none": [], "random": ["--weights", kind, "--seed", seed]}.get(
        kind, ["--weights", label]
    )
    return shlex.join(["itbench", "score", "-m", model, "-b", benchmark, *weights, "--metric", metric])


def _names(score: xr.Dataset, weights: str) -> list[str]:
    """Return what a score is called, given which weights are meant where a name says none."""
    model, label = score.attrs["model"], score.attrs["weights"]
    return [f"{model}:{label}", *([model] if weights in ("", label) else [])]


def _as_usual(score: xr.Dataset) -> bool:
    """Say whether nothing but model, weights, benchmark and metric was asked for."""
    said = provenance(score)
    asked = {key: value for key, value in said.get("asked", {}).items() if key != "weights"}
    return not any(asked.values()) and not said["options"]["given"]


def _of_the_same(scores: Sequence[xr.Dataset]) -> bool:
    """Say whether all scores are of the same activations of the same images."""
    said = [provenance(score) for score in scores]
    return len({canonical_json([one[key] for key in ("sources", "asked", "digests")]) for one in said}) == 1


def _unknown(
    name: str, scores: Sequence[Found], folder: Path, benchmark: Benchmark | None, weights: str
) -> UnknownName:
    on = f" -b {_argument(benchmark)}" if benchmark else ""
    return UnknownName.of(
        f"score{f' on {benchmark.name}' if benchmark else ''}",
        name,
        [known for _, score in scores for known in _names(score, weights)],
        todo=f"Looked for in {folder}. Score it: itbench score -m {name.partition(':')[0]}{on}",
    )


def _ambiguous(
    name: str,
    names: Sequence[str],
    fitting: Sequence[Found],
    benchmark: Benchmark | None,
    command: str,
    *,
    by_path: bool,
) -> BadOption:
    """Return an error that gives a command for each score that a name may stand for."""
    keys = [tuple(score.attrs[key] for key in ("weights", "benchmark", "metric")) for _, score in fitting]
    commands = []
    for key, (path, score) in zip(keys[:SHOWN], fitting, strict=False):
        named = not by_path and keys.count(key) == 1
        own = f"{score.attrs['model']}:{score.attrs['weights']}" if named else str(path)
        words = ["itbench", command, *(own if other == name else other for other in names)]
        on = _argument(benchmark) if benchmark else score.attrs["benchmark"]
        options = ["-b", on] if by_path else ["-b", on, "--metric", score.attrs["metric"]]
        commands.append("  " + shlex.join([*words, *options]))
    more = f"\n  … ({len(fitting)} in all)" if len(fitting) > SHOWN else ""
    return BadOption(
        f"{name!r} stands for {len(fitting)} scores.", todo="Say which is meant:\n" + "\n".join(commands) + more
    )


def _argument(benchmark: Benchmark) -> str:
    """Return what names a benchmark on the command line: its file, if it is no plugin."""
    return benchmark.name if benchmark.plugin else str(benchmark.file)


def score_command(score: xr.Dataset, metric: str = "") -> str:
    """Return the command that scores the same model again, and so keeps its Grams."""
    said, names = provenance(score), score.attrs
    weights = [_weights_text(source["weights"]) for source in said["sources"]]
    seeded = (source for source in said["sources"] if "recipe" in source or source["weights"]["kind"] == "random")
    seeds = {source["weights"]["seed"] for source in seeded}
    asked = said["asked"]
    changes = (asked.get("recipe") or {}).items()
    options = {
        "-m": [names["model"]],
        "-b": [names["benchmark"]],
        "--weights": ["+".join(weights)] if set(weights) != {"pretrained"} else [],
        "--seed": [str(seed) for seed in seeds if seed],
        "--layer": asked.get("layers") or [],
        **{f"--{key}": [str(asked[key])] for key in ("precision", "pool", "degrees") if asked.get(key)},
        "--metric": [metric] if metric else [],
        "--recipe": [f"{key}={json.dumps(value)}" for key, value in changes],
    }
    words = [word for option, values in options.items() for value in values for word in (option, value)]
    words += ["--tuned"] if asked.get("tuned") else []
    return shlex.join(["itbench", "score", *words])


def _weights_text(weights: Mapping[str, Any]) -> str:
    """Return what was typed for the weights; of a file, whose folder is not kept, its name."""
    return {"file": weights["file"], "none": "pretrained"}.get(weights["kind"], weights["kind"])
