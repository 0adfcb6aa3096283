"""The layer of a model fixed by another benchmark, so that none of this one's responses take part in the choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from itbench.errors import BadOption, BadScore
from itbench.results.score_command import command_line
from itbench.results.score_file import scores_in
from itbench.results.score_variables import most_chosen_layer
from itbench.scoring.run import Run


def with_layer_from(run: Run, benchmark: str, folder: Path) -> Run:
    """Choose the layer of a run by another benchmark: the one that the same model and metric chose there most often.

    Parameters
    ----------
    run : Run
        Of one model, no layer named.
    benchmark : str
        Name of a benchmark that was scored into `folder`.
    folder : Path

    Raises
    ------
    BadOption, BadScore
        If layers are named too, or if there is no score, or several, to take the layer from.
    """
    if not run.metric.form.reads_layers:
        todo = "Read one out: --metric ridge --layer-from BENCHMARK"
        raise BadOption(f"{run.metric.name} reads no layers.", todo=todo)
    if len(run.models) > 1 or run.layers:
        raise BadOption(
            "--layer-from takes the layer of one model, and no --layer.", todo="Leave out one of the two options."
        )
    about = {**run.about, "benchmark": benchmark}
    found = (score for _, score in scores_in(folder) if all(score.attrs[key] == about[key] for key in about))
    layers = {most_chosen_layer(score) for score in found}
    if len(layers) != 1:
        outcome = f"chose {' and '.join(sorted(layers))}" if layers else "has no score"
        command = command_line("score", {"-m": [about["model"]], "-b": [benchmark], "--metric": [about["metric"]]})
        raise BadScore(
            f"{about['model']} ({about['weights']}) {outcome} by {about['metric']} on {benchmark}.",
            known=f"Looked for in {folder}.",
            todo="Name it with --layer" if layers else f"Score it there first: {command}",
        )
    return replace(run, models=(replace(run.models[0], layers=tuple(layers)),), layer_from=benchmark)
