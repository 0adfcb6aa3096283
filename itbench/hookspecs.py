"""The four hooks. A plugin implements those it needs and calls ``register`` once for each thing it adds."""

from __future__ import annotations

from collections.abc import Callable

import pluggy

hookspec = pluggy.HookspecMarker("itbench")
hookimpl = pluggy.HookimplMarker("itbench")


@hookspec
def itbench_models(register: Callable[..., None]) -> None:
    """Add models: ``register(name, factory, layers=(...), weights=(...), source="", description="", degrees=None,
    bibtex="")``.

    ``weights`` names the kinds it has: ``("pretrained", "random")`` unless said otherwise, ``()`` for a model without.
    ``factory(weights)`` gets an `itbench.Weights` and returns an `itbench.Model`; it runs when the model is used.
    ``degrees`` is the visual angle that it expects its image to span: others are then padded or cropped to it.

    ``bibtex`` is what ``itbench cite`` prints: BibTeX entries, or keys of entries in ``references.bib`` beside the
    plugin or in that of the built-in ones. Metrics, data sets and benchmark files have it too.

    ``recipe`` names a YAML file beside the plugin's, by which the model is trained on recordings, and ``metric`` the
    metric that scores it then. ``factory(weights, **options)`` returns an `itbench.TrainableModel`; where the recipe
    names a core, ``factory(core, **options)`` gets it instead. ``register("prefix/*", factory, recipe=...)`` takes any
    core.

    Many models at once: ``register("prefix/*", factory, names=list_names)``. The user writes ``prefix/NAME``, and
    ``factory(weights, name="NAME")`` is called; ``list_names()`` returns every NAME, when one is searched or used.
    """


@hookspec
def itbench_metrics(register: Callable[..., None]) -> None:
    """Add metrics: ``register(name, readout, description="", bibtex="")``.

    ``readout`` is a dataclass whose fields are the metric's options and whose instances are `itbench.Readout`, or, as
    its class attribute ``form`` says, `itbench.JointReadout`, `itbench.Comparison` or `itbench.Channels`.
    """


@hookspec
def itbench_datasets(register: Callable[..., None]) -> None:
    """Add data sets: ``register(name, read, files=(...), description="", citation="", licence="", bibtex="")``.

    ``files`` are `itbench.data.RemoteFile`, which are downloaded, verified and removed once the recordings are packed.
    ``read(files, reporter)`` gets their paths by name and returns `itbench.Recordings`. Without ``files`` it draws or
    simulates them; ``edition=1`` is raised when it changes, so that older recordings are made again.

    ``repetitions`` names the data set that holds every repetition, where this one holds means over them.
    """


@hookspec
def itbench_benchmarks(register: Callable[..., None]) -> None:
    """Add benchmarks: ``register(path)`` with the path of a YAML file."""
