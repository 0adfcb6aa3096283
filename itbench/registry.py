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
from itbench.metrics.comparison import ComparisonForm
from itbench.metrics.features import FeatureComparisonForm, FeatureReadoutForm
from itbench.metrics.form import Form
from itbench.metrics.readout_forms import DirectForm, JointReadoutForm, ReadoutForm
from itbench.metrics.single_feature import SingleFeatureForm
from itbench.models.recipe import Recipe
from itbench.models.weights import Weights
from itbench.util.code_versions import sources_digest

FORMS: dict[str, Form] = {  # of metrics, by the name that a metric's class attribute ``form`` says
    form.name: form
    for form in (
        *(ReadoutForm(), JointReadoutForm(), ComparisonForm(), SingleFeatureForm()),
        *(FeatureReadoutForm(), FeatureComparisonForm(), DirectForm()),
    )
}
FAMILY = "/*"  # the ending of a family's name


@dataclass(frozen=True)
class ModelEntry:
    """Registered model: its name, its factory, candidate layers, weights and description.

    With `names`, a family of models: it is called ``PREFIX/*``, and its factory gets the rest of the name too.

    With a `recipe`, a trainable model; `metric` scores it unless another is named. If the recipe names a core, or the
    model is a family, its factory gets the core, a model that is not trainable, in place of the weights; the member
    ``PREFIX/CORE`` of a family is built on CORE.
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
    bibtex: str = ""
    file: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        for key in ("layers", "weights"):
            if isinstance(getattr(self, key), str):
                raise TypeError(f"{key} of the model {self.name!r} must be a sequence of names, not one text")
        if not isinstance(self.bibtex, str):
            raise TypeError(f"bibtex of the model {self.name!r} must be one text: BibTeX, or keys separated by spaces")
        if not callable(self.factory):
            raise TypeError(f"the factory of the model {self.name!r} cannot be called")
        is_family = self.names is not None or (self.trainable and self.name.endswith(FAMILY))
        if self.name.endswith(FAMILY) != is_family:
            raise TypeError(f"a family of models is called PREFIX{FAMILY} and has names; {self.name!r} has only one")

    @property
    def plugin_digest(self) -> str:
        """SHA-256 of the file that registered the model, with those beside it that it imports; empty in memory."""
        return sources_digest(self.file) if self.file else ""

    def make(self, weights: Weights) -> Any:
        """Make the registered model; it gets the registered candidate layers if it names none of its own."""
        model = self.factory(weights)
        if self.layers and getattr(model, "named_layers", None) == ():
            model.named_layers = tuple(self.layers)
        return model

    @property
    def trainable(self) -> bool:
        """Whether the registered model is trained on recordings."""
        return bool(self.recipe)

    def read_recipe(self) -> Recipe:
        """Return the recipe that the registered model is trained by, unless the user changes it.

        Raises
        ------
        BadOption, UnknownName
        """
        recipe = Recipe.read(Path(self.file).parent / self.recipe)
        return replace(recipe, core=self.core) if self.core else recipe

    def member(self, name: str) -> ModelEntry:
        """Return the registered model of this family whose whole name is `name`.

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
    """Registered metric: a dataclass whose fields are its options."""

    name: str
    readout: type[Any]
    description: str = ""
    bibtex: str = ""
    file: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not (isinstance(self.readout, type) and is_dataclass(self.readout)):
            raise TypeError(f"the readout of the metric {self.name!r} must be a dataclass")
        if not isinstance(self.bibtex, str):
            raise TypeError(f"bibtex of the metric {self.name!r} must be one text: BibTeX, or keys separated by spaces")
        form = getattr(self.readout, "form", "readout")
        if form not in FORMS:
            raise TypeError(f"the form of the metric {self.name!r} is {form!r}, not one of {', '.join(FORMS)}")

    @property
    def form(self) -> Form:
        """Form of the registered metric: what it needs, what it refuses, how it measures a model."""
        return FORMS[getattr(self.readout, "form", "readout")]

    @property
    def measure(self) -> str:
        """Its headline number."""
        return str(getattr(self.readout, "measure", "explained_variance"))

    @property
    def formula(self) -> str:
        """Formula of the registered metric, in lines of explained symbols; empty without one."""
        return str(getattr(self.readout, "formula", ""))


@dataclass(frozen=True)
class Registry:
    """Registry of the models, metrics, data sets and benchmarks that plugins registered, by name."""

    models: Mapping[str, ModelEntry]
    metrics: Mapping[str, MetricEntry]
    benchmarks: Mapping[str, Benchmark]
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    def __post_init__(self) -> None:
        attached = {name: replace(one, datasets=self.datasets) for name, one in self.benchmarks.items()}
        object.__setattr__(self, "benchmarks", attached)

    def model(self, name: str) -> ModelEntry:
        """Return the registered model called `name`, also a member of a family."""
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
        """Return the registered model called `name` that can be the core of a trainable one."""
        entry = self.model(name)
        if entry.trainable:
            raise BadOption(
                f"{name} is trained on recordings itself.", todo="Name a core that does not: itbench models"
            )
        return entry

    def find_models(self, pattern: str) -> list[ModelEntry]:
        """Return the registered models whose name fits a pattern such as ``resnet*`` or ``timm/*resnet*``.

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
        """Return the registered benchmark called `name`, or the one in the YAML file at that path."""
        if not name.endswith((".yaml", ".yml")):
            return _look_up("benchmark", name, self.benchmarks)
        benchmark = replace(Benchmark.read(Path(name).expanduser()), datasets=self.datasets)
        other = self.benchmarks.get(benchmark.name, benchmark)
        if other.file.resolve() != benchmark.file.resolve():
            raise _two("benchmark", benchmark.name, other.file, benchmark.file)
        return benchmark

    def model_rows(self, pattern: str = "*") -> list[dict[str, Any]]:
        """Return the registry's models whose name fits a pattern as table rows."""
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
        """Return the registry's benchmarks with the state of their recordings as table rows."""
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
        """Return the registry's metrics with their options as table rows."""
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
    """Registered model together with the weights and the layers that a run names.

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
        """Weights of the registered model in tables: ``pretrained``, ``random-0``, the name of a file."""
        return self.weights.label


def weights_of(source: ModelEntry, text: str, seed: int = 0) -> Weights:
    """Return the weights that `text` names, if the registered model has them.

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
