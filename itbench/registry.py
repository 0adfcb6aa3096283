"""Models, metrics, data sets and benchmarks that plugins registered, looked up by name."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from itbench.data.benchmark import Benchmark
from itbench.data.catalog import Dataset
from itbench.errors import BadOption, BadPlugin, NoWeights, UnknownName
from itbench.metrics import options
from itbench.metrics.form import Form
from itbench.metrics.forms import FORMS
from itbench.models.recipe import Recipe
from itbench.models.weights import Weights
from itbench.util.checksum import digest

FAMILY = "/*"  # the ending of a family's name


@dataclass(frozen=True)
class ModelEntry:
    """A registered model: its name, what makes it, and what a table says of it.

    With `names`, a family of models: it is called ``PREFIX/*``, and its factory gets the rest of the name too.

    With a `recipe`, a model that learns from recordings; `metric` is by what it is scored unless another is named. If
    the recipe names a core, or the model is a family, its factory gets the core, a model that does not learn, in place
    of the weights; the member ``PREFIX/CORE`` of a family is built on CORE.
    """

    name: str
    factory: Callable[..., Any]  # an itbench.Model, or an itbench.TrainableModel
    layers: Sequence[str] = ()
    source: str = ""
    weights: Sequence[str] = ("pretrained", "random")
    description: str = ""
    degrees: float | None = None
    names: Callable[[], Sequence[str]] | None = None
    recipe: str = ""
    metric: str = ""
    core: str = ""
    file: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        for key in ("layers", "weights"):
            if isinstance(getattr(self, key), str):
                raise TypeError(f"{key} of the model {self.name!r} must be a sequence of names, not one text")
        if not callable(self.factory):
            raise TypeError(f"the factory of the model {self.name!r} cannot be called")
        is_family = self.names is not None or (self.trainable and self.name.endswith(FAMILY))
        if self.name.endswith(FAMILY) != is_family:
            raise TypeError(f"a family of models is called PREFIX{FAMILY} and has names; {self.name!r} has only one")

    @property
    def plugin_digest(self) -> str:
        """SHA-256 of the plugin's file; empty for a model that no plugin registered."""
        return digest(Path(self.file).read_bytes()) if self.file else ""

    @property
    def trainable(self) -> bool:
        """Whether the model is trained on recordings."""
        return bool(self.recipe)

    def read_recipe(self) -> Recipe:
        """Return how it learns unless the user says otherwise.

        Raises
        ------
        BadOption, UnknownName
        """
        recipe = Recipe.read(Path(self.file).parent / self.recipe)
        return replace(recipe, core=self.core) if self.core else recipe

    def member(self, name: str) -> ModelEntry:
        """Return the model of this family whose whole name is `name`.

        Raises
        ------
        UnknownName
            If the family has none.
        """
        own = name.removeprefix(self.name.removesuffix("*"))
        if self.names is None:
            return replace(self, name=name, core=own)
        known = self.names()
        if own not in known:
            raise UnknownName.of(f"model of {self.name}", own, known, todo=f"Search them: itbench models '{name}*'")
        return replace(self, name=name, factory=partial(self.factory, name=own), names=None)


@dataclass(frozen=True)
class MetricEntry:
    """A registered metric: a dataclass whose fields are its options."""

    name: str
    readout: type[Any]
    description: str = ""
    file: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not (isinstance(self.readout, type) and is_dataclass(self.readout)):
            raise TypeError(f"the readout of the metric {self.name!r} must be a dataclass")
        form = getattr(self.readout, "form", "readout")
        if form not in FORMS:
            raise TypeError(f"the form of the metric {self.name!r} is {form!r}, not one of {', '.join(FORMS)}")

    @property
    def form(self) -> Form:
        """The form of the metric: what it needs, what it refuses, how it measures a model."""
        return FORMS[getattr(self.readout, "form", "readout")]

    @property
    def measure(self) -> str:
        """Its headline number."""
        return str(getattr(self.readout, "measure", "explained_variance"))

    @property
    def formula(self) -> str:
        """What it computes, in lines of symbols, each explained; empty if it does not say."""
        return str(getattr(self.readout, "formula", ""))


@dataclass(frozen=True)
class Registry:
    """Everything that the plugins offer, by name."""

    models: Mapping[str, ModelEntry]
    metrics: Mapping[str, MetricEntry]
    benchmarks: Mapping[str, Benchmark]
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    def __post_init__(self) -> None:
        attached = {name: replace(one, datasets=self.datasets) for name, one in self.benchmarks.items()}
        object.__setattr__(self, "benchmarks", attached)

    def model(self, name: str) -> ModelEntry:
        """Return the model called `name`, be it of a family."""
        if name.endswith(FAMILY) and name in self.models:
            raise UnknownName(f"{name} is a family of models.", todo=f"Name one of them: itbench models '{name}'")
        family = self.models.get(f"{name.partition('/')[0]}{FAMILY}")
        if name not in self.models and family and "*" not in name:
            member = family.member(name)
            if member.core:
                self.core(member.core)
            return member
        return _look_up("model", name, {key: one for key, one in self.models.items() if not key.endswith(FAMILY)})

    def core(self, name: str) -> ModelEntry:
        """Return the model called `name`, on which others can be built: one that does not learn."""
        entry = self.model(name)
        if entry.trainable:
            raise BadOption(f"{name} learns from recordings itself.", todo="Name a core that does not: itbench models")
        return entry

    def find_models(self, pattern: str) -> list[ModelEntry]:
        """Return the models whose name fits a pattern such as ``resnet*`` or ``timm/*resnet*``.

        Families are opened only if the pattern holds their prefix, since that imports their framework.
        """
        prefix = pattern.partition("/")[0] + FAMILY if "/" in pattern else ""
        opened: list[ModelEntry] = []
        family = self.models.get(prefix)
        if family and family.names:
            opened = [replace(family, name=f"{prefix[:-1]}{own}", names=None) for own in family.names()]
        elif family:
            cores = [name for name, entry in self.models.items() if not (entry.trainable or entry.names)]
            opened = [family.member(f"{prefix[:-1]}{core}") for core in cores]
        return [entry for entry in [*self.models.values(), *opened] if fnmatch.fnmatch(entry.name, pattern)]

    def metric(self, name: str) -> MetricEntry:
        """Return the metric called `name`."""
        return _look_up("metric", name, self.metrics)

    def benchmark(self, name: str) -> Benchmark:
        """Return the benchmark called `name`, or the one in the YAML file at that path."""
        if not name.endswith((".yaml", ".yml")):
            return _look_up("benchmark", name, self.benchmarks)
        benchmark = replace(Benchmark.read(Path(name).expanduser()), datasets=self.datasets)
        other = self.benchmarks.get(benchmark.name, benchmark)
        if other.file.resolve() != benchmark.file.resolve():
            raise _two("benchmark", benchmark.name, other.file, benchmark.file)
        return benchmark

    def model_rows(self, pattern: str = "*") -> list[dict[str, Any]]:
        """Return a table of the registered models whose name fits a pattern, one row a model."""
        return [
            {
                "model": entry.name,
                "source": entry.source,
                "layers": len(entry.layers) or None,
                "weights": list(entry.weights),
                "description": entry.description if entry.name in self.models else "",
            }
            for entry in self.find_models(pattern)
        ]

    def benchmark_rows(self) -> list[dict[str, Any]]:
        """Return a table of the registered benchmarks with the state of their recordings, one row a benchmark."""
        return [
            {
                "benchmark": bench.name,
                "region": bench.region,
                "metric": bench.metric,
                "splits": bench.splits.kind,
                "data": bench.state(),
                "description": bench.description,
            }
            for bench in self.benchmarks.values()
        ]

    def metric_rows(self) -> list[dict[str, Any]]:
        """Return a table of the registered metrics with their options, one row an option."""
        return [
            {"metric": entry.name, **option}
            for entry in self.metrics.values()
            for option in options.describe(entry.readout) or [{}]
        ]


def _two(kind: str, name: str, *files: str | Path) -> BadPlugin:
    return BadPlugin(
        f"Two files register the {kind} {name!r}: {files[0]} and {files[1]}.", todo="Rename or leave out one of them."
    )


def _look_up(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise UnknownName.of(kind, name, known, todo=f"List them with: itbench {kind}s")
    return known[name]


@dataclass(frozen=True)
class ModelSpec:
    """A registered model with the weights that it is to have and the layers to read.

    Parameters
    ----------
    entry : ModelEntry
    weights : Weights
    layers : tuple of str
        Names and patterns; the model's candidate layers if there are none.
    """

    entry: ModelEntry
    weights: Weights
    layers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the registered model."""
        return self.entry.name

    @property
    def label(self) -> str:
        """What tables call the weights: ``pretrained``, ``random-0``, the name of a file."""
        return self.weights.label


def weights_of(source: ModelEntry, text: str, seed: int = 0) -> Weights:
    """Return the weights that `text` names, if the model can have them.

    Raises
    ------
    BadOption, NoWeights
    """
    weights = Weights.parse(text, seed)
    if not source.weights:
        return Weights("none")
    if weights.kind not in (*source.weights, "file"):
        raise NoWeights(
            f"{source.name} has no {weights.kind} weights of its own.",
            todo=f"Use --weights FILE{' or --weights random' if 'random' in source.weights else ''}.",
        )
    return weights
