"""The command `itbench score …` that makes a score again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from itbench.results.score_file import NAMES, provenance


def score_command(score: xr.Dataset, metric: str = "") -> str:
    """Return the command that makes a score again from its model, weights, benchmark, layers and settings.

    Parameters
    ----------
    score : Dataset
        One without ``sources`` in its provenance, as former versions wrote it, gives a command by its names.
    metric : str, optional
        Another metric, with its default options. By default that of the score, with the options that were given.
    """
    record = provenance(score)
    given = {} if metric else record["options"]["given"]
    options = _of_sources(score, record) if "sources" in record else _of_names(score)
    options["--metric"] = [metric or score.attrs["metric"]]
    options["-o"] = [f"{key}={value}" for key, value in given.items()]
    return command_line("score", options, *(["--tuned"] if record.get("asked", {}).get("tuned") else []))


def command_line(command: str, options: Mapping[str, Sequence[str]], *more: str) -> str:
    """Return an itbench command with each option repeated for each of its values, quoted for a shell."""
    words = [word for option, values in options.items() for value in values for word in (option, value)]
    return shlex.join(["itbench", *shlex.split(command), *words, *more])


def benchmark_argument(score: xr.Dataset) -> str:
    """Return what names the benchmark of a score to a command: its YAML file, where one was named, else its name."""
    return str((provenance(score).get("benchmark_file") or {}).get("file") or score.attrs["benchmark"])


def _of_sources(score: xr.Dataset, record: Mapping[str, Any]) -> dict[str, list[str]]:
    sources, requested = record["sources"], record["asked"]
    weights = [_weights_option(source["weights"]) for source in sources]
    seeded = (source for source in sources if "recipe" in source or source["weights"]["kind"] == "random")
    seeds = {source["weights"]["seed"] for source in seeded}
    return {
        "-m": [score.attrs["model"]],
        "-b": [benchmark_argument(score)],
        "--weights": ["+".join(weights)] if set(weights) != {"pretrained"} else [],
        "--seed": [str(seed) for seed in seeds if seed],
        "--layer": requested.get("layers") or [],
        **{f"--{key}": [str(requested[key])] for key in ("precision", "pool", "degrees") if requested.get(key)},
        "--recipe": [f"{key}={json.dumps(value)}" for key, value in (requested.get("recipe") or {}).items()],
    }


def _of_names(score: xr.Dataset) -> dict[str, list[str]]:
    model, label, _, _ = (score.attrs[key] for key in NAMES)
    return {"-m": [model], "-b": [benchmark_argument(score)], **weights_options(label)}


def weights_options(label: str) -> dict[str, list[str]]:
    """Return the options of a command that gives weights which a leaderboard calls by a label, such as random-0."""
    kind, _, seed = label.partition("-")
    random = {"--weights": [kind], "--seed": [seed] if seed not in ("", "0") else []}
    named: dict[str, dict[str, list[str]]] = {"": {}, "pretrained": {}, "none": {}, "random": random}
    return named.get(kind, {"--weights": [label]})


def _weights_option(weights: Mapping[str, Any]) -> str:
    """Of a file, only its name is recorded."""
    return {"file": weights["file"], "none": "pretrained"}.get(weights["kind"], weights["kind"])
