"""itbench plot: pictures of scores."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli import completion
from itbench.cli.options import (
    Command,
    given_options,
    load_registry,
    named_benchmark,
    with_metric,
    with_naming,
    with_plugins,
    with_results,
)
from itbench.cli.output import say
from itbench.errors import BadOption, BadScore, ItbenchError, UnknownName

if TYPE_CHECKING:
    import xarray as xr

    from itbench.registry import Registry
    from itbench.results.find import Found

OF_ALL = ("models", "heatmap")  # kinds that show all scores where none is named
OF_SEVERAL = (*OF_ALL, "time")  # kinds in which a name stands for all its scores
GIVEN = ("measure", "layer", "site", "by")  # options that some kinds take
STYLES = ("default", "paper")
OF_SITES, OF_ANY = ("EV", "correlation"), ("EV", "correlation", "EV/ceiling", "Brain-Score")  # measures
BY = {"sites": ("animal", "region", "none")}  # coordinates that kinds divide by; others divide images
BY_IMAGES = ("category", "object")


def _kind(context: click.Context) -> str:
    """Return the kind in an unfinished command line, whose words click leaves in either place."""
    return next(iter([*(context.params.get("words") or ()), *context.args]), "")


_styles = completion.completion(lambda context, incomplete: STYLES)
_measures = completion.completion(
    lambda context, incomplete: OF_SITES if _kind(context) in ("sites", "scatter") else OF_ANY
)
_by = completion.completion(lambda context, incomplete: BY.get(_kind(context), BY_IMAGES))


def _size(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[float, float] | None:
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*[x×]\s*(\d+(?:\.\d+)?)", value.strip())
    if not found:
        raise click.BadParameter(f"{value!r} is not a width and a height in mm, such as 89x60.")
    return float(found[1]), float(found[2])


@click.command(cls=Command)
@click.argument("words", metavar="[KIND] [SCORE]...", nargs=-1, shell_complete=completion.plots)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: .png, .svg or .pdf.  [default: KIND--SCORE.png]",
)
@click.option("--replace", is_flag=True, help="Replace an existing file.")
@click.option(
    "--style",
    default="default",
    show_default=True,
    shell_complete=_styles,
    help="default, or paper: 89 mm wide, text of 7 points.",
)
@click.option("--size", callback=_size, metavar="WxH", help="Width and height, mm, such as 89x60.")
@click.option(
    "--measure",
    default="",
    shell_complete=_measures,
    help="Another measure than the headline, such as correlation or EV/ceiling.",
)
@click.option("--layer", default="", help="Layer of rdms and mds.  [default: the one chosen]")
@click.option("--site", default="", help="Site of predictions.  [default: the one of the median EV]")
@click.option(
    "--by",
    default="",
    shell_complete=_by,
    help="Coordinate of sites, or of images, that divides them, such as animal.",
)
@with_naming
@with_metric
@with_results
@with_plugins
def plot(
    words: tuple[str, ...],
    output: Path | None,
    replace: bool,
    style: str,
    size: tuple[float, float] | None,
    benchmark: str | None,
    weights: str,
    metric: str,
    results: Path | None,
    plugin_files: tuple[str, ...],
    **given: str,
) -> None:
    """Draw a picture of scores into a file.

    A SCORE is a score file, or a model that has a score (MODEL, or MODEL:WEIGHTS). Without KIND, the kind that fits is
    drawn. models and heatmap without a SCORE show all of the folder; montage without one needs --benchmark. In models,
    heatmap and time, a name stands for all its scores; elsewhere, for that by the benchmark's default metric.

    \b
    Kinds:
      layers       a measure by layer, with intervals and the ceiling
      models       models with intervals and the leaderboard's ranks
      heatmap      models × benchmarks
      sites        distribution over sites, by region or animal
      scatter      two models site by site, with the sites that differ
      ceiling      histogram of ceilings, and EV against the ceiling
      penalties    penalty of the readout at every site
      predictions  predicted against recorded responses, with images
      rdms, mds    dissimilarities of images in a layer and in the brain
      time         a measure over time windows
      training     loss and validation score by epoch of a trained model
      montage      images of a benchmark

    \b
    Examples:
      itbench plot itbench-tiny:pretrained itbench-tiny:random-0 -b synthetic-it
      itbench plot layers itbench-tiny:pretrained itbench-tiny:random-0 --style paper --output layers.pdf
      itbench plot models -b synthetic-it --metric ridge
      itbench plot montage -b synthetic-it --by category

    In Python, itbench.plot.layers(score) returns a matplotlib figure.
    """
    from itbench import plot as plots
    from itbench.plot import KINDS, check_matplotlib

    check_matplotlib()
    from itbench.plot.figure import check_picture_path, style_of
    from itbench.plot.scores import fitting_kind, possible_kinds
    from itbench.results.score_setup import name_of
    from itbench.util import folders
    from itbench.util.tables import counted

    style_of(style)
    if output:
        check_picture_path(output, replace=replace)
    registry = load_registry(plugin_files)
    kind, names = (words[0], words[1:]) if words and words[0] in KINDS else ("", words)
    folder = results or folders.results()
    scores = (
        []
        if kind == "montage" and benchmark and not names
        else _scores(kind, names, registry, folder, benchmark, weights=weights, metric=metric)
    )
    if not kind:
        kind = fitting_kind(scores)
        others = ", ".join(other for other in possible_kinds(scores) if other != kind)
        say(f"Draws {kind}: {KINDS[kind]}.{f' Other kinds: {others}.' if others else ''}")
    function = getattr(plots, kind)
    taken = inspect.signature(function).parameters
    options: dict[str, Any] = {key: value for key, value in given.items() if value}
    for key in options:
        if key not in taken:
            takes = [f"--{one}" for one in GIVEN if one in taken]
            none = f"none of {', '.join(f'--{one}' for one in GIVEN)}"
            raise BadOption(f"{kind} takes no --{key}.", known=f"It takes {', '.join(takes) or none}.")
    needed = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in taken.values())
    if needed and scores and len(scores) != needed:
        named = "1 is named" if len(scores) == 1 else f"{len(scores)} are named"
        raise BadOption(f"{kind} shows {counted(needed, 'score')}; {named}.")
    if "benchmark" in taken and benchmark and scores:
        found = named_benchmark(registry, benchmark)
        options |= {"benchmark": found} if not isinstance(found, str) else {}
    options |= {"plugins": plugin_files} if "plugins" in taken else {}
    path = check_picture_path(output or Path(f"{_name(kind, scores, benchmark)}.png"), replace=replace)
    shown: list[Any] = [*scores] or [registry.benchmark(str(benchmark))]
    try:
        figure = function(*shown, style=style, size=size, **options)
    except BadScore as error:
        if not (metrics := _other_metrics(kind, scores, folder)):
            raise
        models = [name_of(score) if name.endswith(".nc") else name for name, score in zip(names, scores, strict=False)]
        command = shlex.join(["itbench", "plot", kind, *models, "--metric", metrics[0], *given_options({"metric"})])
        raise BadScore(error.what, known=error.known, todo=f"Draw the score by {metrics[0]}: {command}") from error
    plots.save(figure, path)
    say(f"Wrote {path}")


def _other_metrics(kind: str, scores: Sequence[xr.Dataset], folder: Path) -> list[str]:
    """Return the metrics of scores of the same models in the folder that a kind can draw, where it cannot draw some."""
    from itbench.plot.scores import suits
    from itbench.results.score_file import scores_in

    keys = ("model", "weights", "benchmark")
    lacking = [tuple(score.attrs[key] for key in keys) for score in scores if not suits(kind, score)]
    every = [score for _, score in scores_in(folder, without=("predictions",))] if lacking else []
    able = [
        {one.attrs["metric"] for one in every if tuple(one.attrs[key] for key in keys) == names and suits(kind, one)}
        for names in lacking
    ]
    return sorted(set.intersection(*able)) if able else []


def _scores(
    kind: str,
    names: Sequence[str],
    registry: Registry,
    folder: Path,
    benchmark: str | None,
    **which: str,
) -> list[xr.Dataset]:
    """Return the scores that are named, or all of the folder."""
    from itbench.cli.options import find
    from itbench.plot import KINDS
    from itbench.results.score_command import command_line
    from itbench.results.score_file import scores_in

    if names:
        how: dict[str, Any] = {"command": f"plot {kind}".strip()}
        how |= {"several": kind in OF_SEVERAL, "prefer": partial(_preferred, kind, registry, benchmark)}
        try:
            return find(names, registry, folder, benchmark, **how, **which)
        except UnknownName as error:
            if not kind and repr(names[0]) in error.what:  # it may be meant as a kind
                meant = UnknownName.of("kind of picture", names[0], KINDS)
                known = f"Kinds: {meant.known}\nScores: {error.known}"
                raise UnknownName(
                    f"{names[0]!r} is no kind of picture, and no score.", known=known, todo=error.todo
                ) from error
            raise
    if kind and kind not in OF_ALL:
        metric = ["--metric", which["metric"]] if which["metric"] else []
        command = shlex.join(["itbench", "plot", kind, "MODEL", *metric, *given_options({"metric"})])
        more = ", or its benchmark: itbench plot montage -b BENCHMARK" if kind == "montage" else ""
        raise BadOption(f"Which score shall {kind} show?", todo=f"Name one: {command}{more}")
    named = named_benchmark(registry, benchmark)
    wanted = {"benchmark": getattr(named, "name", named), **which}
    scores = [
        score
        for _, score in scores_in(folder)
        if all(score.attrs[key] == value for key, value in wanted.items() if value)
    ]
    if not scores:
        asked = {"-b": [benchmark] if benchmark else [], "--metric": [which["metric"]] if which["metric"] else []}
        todo = command_line("score", {"-m": ["pixels", "itbench-tiny"], **asked})
        raise BadOption(f"No score to draw in {folder}.", todo=f"Make some: {todo}")
    return scores


def _preferred(kind: str, registry: Registry, benchmark: str | None, name: str, fitting: list[Found]) -> list[Found]:
    """Return those of the scores of a name that a kind can draw, by the default metric where there are several."""
    from itbench.plot.scores import suits
    from itbench.results.score_file import NAMES
    from itbench.results.score_setup import Setup

    def is_default(score: xr.Dataset) -> bool:
        with suppress(ItbenchError):  # of a benchmark that is not registered
            return bool(registry.benchmark(benchmark or score.attrs["benchmark"]).metric == score.attrs["metric"])
        return False

    def metrics(found: list[Found]) -> list[str]:
        return sorted({score.attrs["metric"] for _, score in found})

    kept = [found for found in fitting if suits(kind, found[1])] or fitting
    if kind != "heatmap" and len(metrics(kept)) > 1:
        kept = [found for found in kept if is_default(found[1])] or kept
    if len(metrics(kept)) < len(metrics(fitting)):
        others = [metric for metric in metrics(fitting) if metric not in metrics(kept)]
        say(f"{name}: by {', '.join(metrics(kept))}. It also has scores by {', '.join(others)}: --metric {others[0]}")
    if kind in OF_SEVERAL and kind != "models":  # one of each
        keys = [tuple(score.attrs[key] for key in NAMES) for _, score in kept]
        default = [Setup.of(score).default for _, score in kept]
        with_default = {key for key, one in zip(keys, default, strict=True) if one}
        kept = [found for found, key, one in zip(kept, keys, default, strict=True) if one or key not in with_default]
    return kept


def _name(kind: str, scores: Sequence[xr.Dataset], benchmark: str | None) -> str:
    """Return the name of a picture: its kind, and the score or the benchmark that it shows."""
    if len(scores) == 1:
        return f"{kind}--{scores[0].attrs['file_stem']}"
    benchmarks = {str(score.attrs["benchmark"]) for score in scores} or {Path(str(benchmark)).stem}
    return "--".join([kind, *(benchmarks if len(benchmarks) == 1 else [])])
