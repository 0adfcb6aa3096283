"""score, grams, extract: run a model, by name or as an object, from Python."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr
from numpy.typing import ArrayLike, NDArray

from itbench.api.sources import Images, benchmark_of_objects, model_entry, model_spec, stimuli_of
from itbench.data.benchmark import Benchmark
from itbench.data.recordings import Recordings
from itbench.data.splits import SplitPlan
from itbench.extraction.activations import extract_activations
from itbench.extraction.forward import ExtractionSettings, extract_grams
from itbench.extraction.gram_cache import GramCache
from itbench.extraction.loaded_model import load_model
from itbench.gram import Gram
from itbench.models.model import is_function
from itbench.plugins import load_plugins
from itbench.registry import Registry
from itbench.results.seeds import SeedScores
from itbench.scoring.evaluate import evaluate
from itbench.scoring.plan import plan_run, plan_seeds
from itbench.util import folders
from itbench.util.progress import Reporter, SilentReporter

if TYPE_CHECKING:
    from itbench.models.model import Model

    ModelLike = str | Model | Any | Callable[[NDArray[Any]], Any]


def score(
    model: ModelLike,
    benchmark: str | Path | Benchmark | Recordings | None = None,
    *,
    images: Images | None = None,
    responses: ArrayLike | xr.DataArray | None = None,
    stimuli: Mapping[str, ArrayLike] | None = None,
    splits: Mapping[str, Any] | SplitPlan | None = None,
    metric: str | None = None,
    options: Mapping[str, Any] | None = None,
    layers: Sequence[str] = (),
    weights: str | Path = "pretrained",
    seed: int = 0,
    seeds: int | None = None,
    preprocess: Callable[[Any], Any] | None = None,
    name: str = "",
    recipe: Mapping[str, Any] | None = None,
    tuned: bool = False,
    pool: str = "none",
    degrees: float | None = None,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int | None = None,
    memory: int = 4 * 10**9,
    scratch: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    cache: str | Path | None = None,
    reporter: Reporter | None = None,
) -> xr.Dataset | Any:
    """Score a model on a benchmark, both by name or as Python objects.

    Parameters
    ----------
    model : str, itbench.Model, torch.nn.Module or callable
        Name of a model (``A+B`` for two together), a module in memory, or a function from images (batch, y, x, 3),
        uint8, to activations (batch, …) or a mapping of layer to them.
    benchmark : str, Path, Benchmark or Recordings, optional
        Name of a benchmark, its YAML file, or objects. ``synthetic-it`` unless images and responses are given.
    images : array of shape (stimulus, y, x, 3) or (stimulus, 3, y, x), folder, zip, or StimulusSet, optional
        RGB, uint8 or floats in [0, 1] or 0…255; with `responses`, in place of a benchmark.
    responses : array of shape (stimulus, site) or (repetition, stimulus, site), or DataArray, optional
        NaN where there was no repetition.
    stimuli : mapping of str to array of shape (stimulus,), optional
        Coordinates of the stimuli, such as ``object``, by which `splits` may stratify or keep groups whole.
    splits : mapping or SplitPlan, optional
        Of recordings in memory, as in a benchmark's file; five shuffled folds without.
    metric : str, optional
        The benchmark's own without.
    options : mapping, optional
        Options of the metric, such as ``{"components": 100}``.
    layers : sequence of str, optional
        Names, patterns such as ``blocks.*``, sums ``A+B``; the model's candidates without.
    weights : str or Path
        Of a model by name: ``pretrained``, ``random`` or a file.
    seed : int
        Of random weights and of training.
    seeds : int, optional
        Score by so many seeds, `seed` and those that follow, and return `SeedScores`.
    preprocess : callable, optional
        Of a module: PIL image to tensor (3, y, x), or a torchvision ``Weights`` entry. timm's modules know theirs.
    name : str, optional
        What tables call a model that is an object.
    recipe : mapping, optional
        Changes of the recipe of a trainable model, such as ``{"epochs": 20}``.
    tuned : bool
        Whether every split uses the best recipe of its tuning study.
    pool : {"none", "cls", "mean"}
        Of token layers.
    degrees : float, optional
        Visual angle that the model's image spans.
    device : {"auto", "cpu", "cuda"}
    precision : {"float32", "bfloat16"}
    batch_size : int, optional
    memory : int
        Bytes that the process shall not exceed.
    scratch : str or Path, optional
        Folder for activations that do not fit into memory.
    plugins : sequence of str or Path, optional
        Plugin files to load.
    cache : str or Path, optional
        Folder of cached Grams.
    reporter : Reporter, optional
        Told of progress.

    Returns
    -------
    Dataset
        As `itbench.scoring.evaluate.evaluate` says; see `summary` and `to_dataframe`. With `seeds`, a `SeedScores`:
        such a Dataset a seed in ``scores``, and in ``summary`` their mean, ``value``, its interval, ``low`` and
        ``high``, which has the spread between seeds, the values ``by_seed`` and their deviation ``between_seeds``.

    Raises
    ------
    ItbenchError
        For whatever does not exist or does not fit, before any work where that can be known.

    Examples
    --------
    >>> score = itbench.score("resnet50", "synthetic-it")  # doctest: +SKIP
    >>> score = itbench.score(module, images=images, responses=rates, preprocess=itbench.resized(224))  # doctest: +SKIP
    """
    registry = load_plugins(plugins)
    bench = benchmark_of_objects(registry, benchmark, images, responses, stimuli, splits, metric)
    settings = _settings(device, precision, batch_size, memory, scratch, pool, degrees)
    source = model if isinstance(model, str) else model_entry(model, bench, layers, preprocess, name, reporter)
    changes = [f"{key}={json.dumps(value)}" for key, value in (recipe or {}).items()]
    how: dict[str, Any] = {
        "metric": metric,
        "metric_options": options,
        "weights": str(weights),
        "seed": seed,
        "layers": tuple(layers),
        "settings": settings,
        "recipe": changes,
        "tuned": tuned,
    }
    if seeds is None:
        runs = [plan_run(registry, source, bench, **how)]
    else:
        runs = plan_seeds(registry, source, bench, seeds, **how)
    with tempfile.TemporaryDirectory() as unshared:  # nobody could tell when a plain function has changed
        folder = Path(unshared) if is_function(model) and cache is None else cache and Path(cache)
        scores = [evaluate(run, GramCache(folder or None), reporter or SilentReporter()) for run in runs]
    return scores[0] if seeds is None else SeedScores(tuple(scores))


def score_model(
    model: str,
    benchmark: str = "synthetic-it",
    *,
    registry: Registry | None = None,
    cache: GramCache | None = None,
    reporter: Reporter | None = None,
    **how: Any,
) -> xr.Dataset:
    """Score one model on one benchmark by names: the former name of `score`, with arguments of `plan_run`."""
    run = plan_run(registry or load_plugins(), model, benchmark, **how)
    return evaluate(run, cache or GramCache(), reporter or SilentReporter())


def grams(
    model: ModelLike,
    stimuli: str | Path | Benchmark | Recordings | Images,
    layers: Sequence[str] = (),
    *,
    weights: str | Path = "pretrained",
    seed: int = 0,
    preprocess: Callable[[Any], Any] | None = None,
    pool: str = "none",
    device: str = "auto",
    precision: str = "float32",
    batch_size: int | None = None,
    memory: int = 4 * 10**9,
    plugins: Sequence[str | Path] = (),
    reporter: Reporter | None = None,
) -> dict[str, Gram]:
    """Python API: return the Gram matrix of every layer of a model over stimuli, from one forward pass.

    Parameters
    ----------
    model
        As of `score`.
    stimuli : str, Path, Benchmark, Recordings, array or StimulusSet
        Name of a benchmark, a folder or zip, or objects as of `score`.
    layers : sequence of str, optional
        The model's candidates without.
    weights, seed, preprocess, pool, device, precision, batch_size, memory, plugins, reporter : optional
        As of `score`.

    Raises
    ------
    UnknownName, BadOption, NoWeights, BadActivations, NoSpace

    Examples
    --------
    >>> itbench.grams("pixels", images)["pixels"].matrix.shape  # doctest: +SKIP
    (640, 640)
    """
    registry = load_plugins(plugins)
    shown = stimuli_of(registry, stimuli, reporter)
    settings = _settings(device, precision, batch_size, memory, None, pool, None)
    spec = model_spec(registry, model, shown, layers, str(weights), seed, preprocess)
    loaded = load_model(spec, settings, shown, shown_by="the stimuli", degrees=None)
    found = extract_grams(loaded.model, loaded.stimuli, loaded.layers, settings, reporter or SilentReporter())
    by_layer = dict(found)
    return {layer: by_layer[layer] for layer in loaded.layers}


def extract(
    model: str,
    images: str | Path,
    output: str | Path,
    *,
    layers: Sequence[str] = (),
    weights: str | Path = "pretrained",
    seed: int = 0,
    pool: str = "none",
    degrees: float | None = None,
    device: str = "auto",
    precision: str = "float32",
    batch_size: int | None = None,
    memory: int = 4 * 10**9,
    compress: bool = False,
    replace: bool = False,
    restart: bool = False,
    plugins: Sequence[str | Path] = (),
    reporter: Reporter | None = None,
) -> Path:
    """Python API: extract the activations of a model's layers to an HDF5 file, and return its path.

    Parameters
    ----------
    model : str
    images : str or Path
        A benchmark, recordings, or a folder or zip of images.
    output : str or Path
    compress, replace, restart : bool
        As of `itbench.extract_activations`.
    layers, weights, seed, pool, degrees, device, precision, batch_size, memory, plugins, reporter : optional
        As of `score`.
    """
    return extract_activations(
        model,
        images,
        output,
        layers=layers,
        weights=str(weights),
        seed=seed,
        settings=_settings(device, precision, batch_size, memory, None, pool, degrees),
        compress=compress,
        replace=replace,
        restart=restart,
        registry=load_plugins(plugins),
        reporter=reporter,
    )


def _settings(
    device: str,
    precision: str,
    batch_size: int | None,
    memory: int,
    scratch: str | Path | None,
    pool: str,
    degrees: float | None,
) -> ExtractionSettings:
    folder = Path(scratch).expanduser() if scratch else folders.scratch()
    return ExtractionSettings(device, precision, batch_size, memory, folder, pool, degrees)
