"""itbench plot: pictures of scores."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from itbench.cli import completion
from itbench.cli.options import (
    Command,
    load_registry,
    named_benchmark,
    with_metric,
    with_naming,
    with_plugins,
    with_results,
)
from itbench.cli.output import say
from itbench.errors import BadOption, UnknownName

if TYPE_CHECKING:
    import xarray as xr

    from itbench.registry import Registry

OF_ALL = ("models", "heatmap")  # kinds that show all scores where none is named
GIVEN = ("measure", "layer", "site", "by")  # options that some kinds take


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
@click.option("--style", default="default", show_default=True, help="default, or paper: 89 mm wide, text of 7 points.")
@click.option("--size", callback=_size, metavar="WxH", help="Width and height, mm, such as 89x60.")
@click.option("--measure", default="", help="Another measure than the headline, such as correlation or EV/ceiling.")
@click.option("--layer", default="", help="Layer of rdms and mds.  [default: the one chosen]")
@click.option("--site", default="", help="Site of predictions.  [default: the one of the median EV]")
@click.option("--by", default="", help="Coordinate of sites, or of images, that divides them, such as animal.")
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
    drawn. models and heatmap without a SCORE show all of the folder; montage without one needs --benchmark.

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
    from itbench.plot.scores import fitting_kind

    style_of(style)
    if output:
        check_picture_path(output, replace=replace)
    registry = load_registry(plugin_files)
    kind, names = (words[0], words[1:]) if words and words[0] in KINDS else ("", words)
    scores = (
        []
        if kind == "montage" and benchmark and not names
        else _scores(kind, names, KINDS, registry, results, benchmark, weights=weights, metric=metric)
    )
    if not kind:
        kind = fitting_kind(scores)
        say(f"Draws {kind}: {KINDS[kind]}. Other kinds: {', '.join(other for other in KINDS if other != kind)}.")
    function = getattr(plots, kind)
    taken = inspect.signature(function).parameters
    options: dict[str, Any] = {key: value for key, value in given.items() if value}
    for key in options:
        if key not in taken:
            takes = [f"--{one}" for one in GIVEN if one in taken]
            raise BadOption(f"{kind} takes no --{key}.", known=f"It takes {', '.join(takes) or 'none of its kind'}.")
    needed = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in taken.values())
    if needed and scores and len(scores) != needed:
        raise BadOption(f"{kind} shows {needed} score{'s' * (needed > 1)}, and {len(scores)} are named.")
    if "benchmark" in taken and benchmark and scores:
        named = named_benchmark(registry, benchmark)
        options |= {"benchmark": named} if not isinstance(named, str) else {}
    options |= {"plugins": plugin_files} if "plugins" in taken else {}
    path = check_picture_path(output or Path(f"{_name(kind, scores, benchmark)}.png"), replace=replace)
    shown: list[Any] = [*scores] or [registry.benchmark(str(benchmark))]
    figure = function(*shown, style=style, size=size, **options)
    plots.save(figure, path)
    click.echo(f"Wrote {path}")


def _scores(
    kind: str,
    names: Sequence[str],
    kinds: dict[str, str],
    registry: Registry,
    results: Path | None,
    benchmark: str | None,
    **which: str,
) -> list[xr.Dataset]:
    """Return the scores that are named, or all of the folder."""
    from itbench.cli.options import find
    from itbench.results.score_file import scores_in
    from itbench.util import folders

    if names:
        try:
            return find(names, registry, results, benchmark, command=f"plot {kind}".strip(), **which)
        except UnknownName as error:
            if not kind and repr(names[0]) in error.what:  # it may be meant as a kind
                meant = UnknownName.of("kind of picture", names[0], kinds)
                known = f"Kinds: {meant.known}\nScores: {error.known}"
                raise UnknownName(
                    f"{names[0]!r} is no kind of picture, and no score.", known=known, todo=error.todo
                ) from error
            raise
    if kind and kind not in OF_ALL:
        raise BadOption(f"Which score shall {kind} show?", todo=f"Name one: itbench plot {kind} MODEL")
    named = named_benchmark(registry, benchmark)
    wanted = {"benchmark": getattr(named, "name", named), **which}
    scores = [
        score
        for _, score in scores_in(results or folders.results())
        if all(score.attrs[key] == value for key, value in wanted.items() if value)
    ]
    if not scores:
        raise BadOption(
            f"No score to draw in {results or folders.results()}.",
            todo="Make some: itbench score -m pixels -m itbench-tiny",
        )
    return scores


def _name(kind: str, scores: Sequence[xr.Dataset], benchmark: str | None) -> str:
    """Return the name of a picture: its kind, and the score or the benchmark that it shows."""
    if len(scores) == 1:
        return f"{kind}--{scores[0].attrs['file_stem']}"
    benchmarks = {str(score.attrs["benchmark"]) for score in scores} or {Path(str(benchmark)).stem}
    return "--".join([kind, *(benchmarks if len(benchmarks) == 1 else [])])
