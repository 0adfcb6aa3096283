"""Forward pass of a model over all images, in batches: Grams of its layers, pooled tokens, memory and batch size."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from itbench.data.stimuli import StimulusSet
from itbench.errors import BadActivations, BadOption, NoSpace, UnknownName
from itbench.extraction.gram_reducer import GramReducer, reducer_bytes
from itbench.gram import Gram
from itbench.metrics.form import require_narrow
from itbench.models.layers import LIST_LAYERS, Shapes, split_sum
from itbench.models.model import Model
from itbench.util import folders
from itbench.util.progress import Reporter
from itbench.util.threads import prefetch

VERSION = 2  # increase it when the same model and images give other numbers
LARGEST_BATCH = {"cpu": 32, "cuda": 128}


@dataclass(frozen=True)
class ExtractionSettings:
    """Settings of a forward pass: device, precision, batch size, memory, pooling.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
    precision : {"float32", "bfloat16"}
    batch_size : int, optional
        Images a forward pass; None chooses it by the width of the layers.
    memory : int
        Memory limit of the process, bytes.
    scratch : Path
        Folder for activations that do not fit into memory.
    pool : {"none", "cls", "mean"}
        Of layers (tokens, channels): all tokens, the class token, or the mean over patches.
    degrees : float, optional
        Visual angle that the model's image spans; images shown at another angle are padded or cropped.
    """

    device: str = "auto"
    precision: str = "float32"
    batch_size: int | None = None
    memory: int = 4 * 10**9
    scratch: Path = field(default_factory=folders.scratch)
    pool: str = "none"
    degrees: float | None = None


def extract_grams(
    model: Model, stimuli: StimulusSet, layers: Sequence[str], settings: ExtractionSettings, reporter: Reporter
) -> Iterator[tuple[str, Gram]]:
    """Run one forward pass over all images and yield (layer, Gram), one layer after another.

    Raises
    ------
    UnknownName, BadActivations, BadOption
        For a layer that does not exist, gives no tensor, cannot be pooled so, or gives NaN or infinity.
    NoSpace
        If memory or scratch space is too small; before any work.
    """
    with (
        forward_pass(model, stimuli, layers, settings, reporter, reducer_bytes(len(stimuli))) as reducer,
        reporter.progress("Grams", len(layers), "layers") as advance,
    ):
        for layer in layers:
            yield layer, reducer.gram(layer)
            advance(1)


@contextmanager
def forward_pass(
    model: Model,
    stimuli: StimulusSet,
    layers: Sequence[str],
    settings: ExtractionSettings,
    reporter: Reporter,
    beside: int,
    widest: int | None = None,
) -> Iterator[GramReducer]:
    """Run one forward pass over all images and yield the Gram reducer that holds the activations.

    `beside` is the memory, in bytes, that the caller needs meanwhile. Raises as `extract_grams` does, and `BadOption`
    if a layer has more than `widest` features.
    """
    shapes = model.shapes(stimuli.images[0:1][0])
    batch_size, memory = plan_batches(model, shapes, layers, len(stimuli), settings, beside)
    pools = token_pools(settings.pool, layers, shapes, model)
    widths = {layer: width_of(layer, shapes, pools) for layer in layers}
    if widest is not None:
        require_narrow(widths, widest)
    reducer = GramReducer(
        widths,
        stimuli.ids,
        memory=memory,
        scratch=settings.scratch,
        product=model.times_transpose,
    )
    with reducer:
        if reducer.scratch_bytes:
            reporter.note(
                f"{reducer.scratch_bytes / 1e9:.1f} GB of scratch space in {settings.scratch}, freed at the end"
            )
        with reporter.progress("images", len(stimuli), "images") as advance:
            for rows, batch in prepared_batches(model, stimuli, batch_size):
                for layer, activations in batch_activations(model, batch, layers, shapes, stimuli.ids[rows]).items():
                    pool = pools.get(layer)
                    reducer.put(layer, rows, pool(activations) if pool else activations)
                advance(rows.stop - rows.start)
        yield reducer


def batch_activations(
    model: Model, batch: Any, layers: Sequence[str], shapes: Shapes, ids: Sequence[str]
) -> dict[str, NDArray[np.floating]]:
    """Return the activations (batch, …) of a model's layers for a preprocessed batch, of the shape known for each.

    Raises
    ------
    BadActivations
        If a layer is missing, or is no array of real numbers, or not of its shape for one image after the number of
        images.
    """
    found = model.activations(batch, layers)
    for layer in layers:
        values = found.get(layer)
        if not isinstance(values, np.ndarray):
            raise BadActivations(f"Layer {layer!r} comes as a {type(values).__name__}, not as a NumPy array.")
        if values.dtype.kind not in "fiub":
            raise BadActivations(f"Layer {layer!r} gave values of type {values.dtype}, not real numbers.")
        expected = (len(ids), *shape_of(layer, shapes))
        if values.shape != expected:
            raise BadActivations(
                f"Layer {layer!r} gave {values.shape} for the images {ids[0]} … {ids[-1]}.",
                known=f"{expected} was expected, by the shape for one image.",
                todo="Bring the images to one size; test the model with: itbench check MODEL",
            )
    return {layer: found[layer] for layer in layers}


def layer_parts(model: Model, stimuli: StimulusSet, layer: str) -> tuple[str, ...]:
    """Return the layers of a model whose features a layer such as ``A+B`` puts side by side in the forward pass."""
    return split_sum(layer, model.shapes(stimuli.images[0:1][0]) if "+" in layer else ())


def width_of(layer: str, shapes: Shapes, pools: Mapping[str, TokenPool] | None = None) -> int:
    """Return the number of features of a layer in the forward pass, after pooling; refuse an unknown layer."""
    return math.prod(shape_of(layer, shapes, pools))


def shape_of(layer: str, shapes: Shapes, pools: Mapping[str, TokenPool] | None = None) -> tuple[int, ...]:
    """Return the shape of a layer in the forward pass, after pooling; refuse an unknown layer or one without tensor."""
    if layer not in shapes:
        raise UnknownName.of("layer", layer, shapes, todo=LIST_LAYERS)
    shape = shapes[layer]
    if isinstance(shape, str):
        raise BadActivations(
            f"Layer {layer!r} {shape}.", todo="Name a layer that gives one tensor: itbench layers MODEL"
        )
    return pools[layer].shape(shape) if pools and layer in pools else shape


def plan_batches(
    model: Model, shapes: Shapes, layers: Iterable[str], n_stimuli: int, settings: ExtractionSettings, beside: int = 0
) -> tuple[int, int]:
    """Return the batch size of a forward pass, and the bytes of memory left beside the batch and `beside`.

    Raises
    ------
    NoSpace
        If nothing is left.
    """
    kept = sum(width_of(layer, shapes) for layer in layers)
    largest = max(math.prod(shape) for shape in shapes.values() if not isinstance(shape, str))
    per_image = 4 * (2 * kept + 6 * largest)
    batch_size = settings.batch_size or _fitting_batch(model, per_image, n_stimuli, settings.memory)
    return batch_size, _memory_left(settings.memory, batch_size * per_image + beside)


def prepared_batches(
    model: Model, stimuli: StimulusSet, batch_size: int, first: int = 0
) -> Iterator[tuple[slice, Any]]:
    """Yield rows from `first` on with their preprocessed batch for the forward pass; threads prepare the next ones."""

    def prepare(rows: slice) -> Any:
        return model.prepare(stimuli.images[rows])

    starts = range(first, len(stimuli), batch_size)
    return prefetch(prepare, (slice(start, min(start + batch_size, len(stimuli))) for start in starts))


def _fitting_batch(model: Model, per_image: int, n_stimuli: int, memory: int) -> int:
    """Return the largest batch of a forward pass, a power of two, that needs an eighth of the memory at most."""
    size = LARGEST_BATCH[model.device]
    while size > 1 and (size * per_image > memory // 8 or size >= 2 * n_stimuli):
        size //= 2
    return size


def _release_freed_memory() -> None:
    """Make glibc release the memory of freed networks before a forward pass, up to a gigabyte that counts as used."""
    with suppress(OSError, AttributeError):  # other systems and C libraries have no such function
        ctypes.CDLL(None).malloc_trim(0)


def _memory_left(memory: int, needed: int) -> int:
    _release_freed_memory()
    taken = psutil.Process().memory_info().rss + needed
    if taken > memory:
        raise NoSpace(
            f"{memory / 1e9:.2f} GB of memory are too little.",
            known=f"{taken / 1e9:.2f} GB are needed before any activation is stored.",
            todo=f"Use --memory {np.ceil(taken / 1e8) / 10:.1f}GB or more, or a smaller --batch-size.",
        )
    return memory - taken


POOLS = ("none", "cls", "mean")


@dataclass(frozen=True)
class TokenPool:
    """Pooling of the tokens of one layer to a single vector.

    Parameters
    ----------
    how : {"cls", "mean"}
        ``cls`` takes the class token, ``mean`` the mean over the image's patches.
    extra : int
        Tokens before those of the patches: the class token and registers.
    """

    how: str
    extra: int

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape after pooling."""
        return shape[1:]

    def __call__(self, activations: NDArray[np.floating]) -> NDArray[np.floating]:
        """Pool token activations (batch, tokens, channels) to (batch, channels)."""
        if self.how == "cls":
            return activations[:, 0]
        return np.asarray(activations[:, self.extra :].mean(axis=1, dtype=np.float64), activations.dtype)


def token_pools(how: str, layers: Iterable[str], shapes: Shapes, model: Model) -> dict[str, TokenPool]:
    """Return the token pooling of each token layer among `layers`; layers of another shape are not pooled.

    Parameters
    ----------
    how : {"none", "cls", "mean"}
    layers : iterable of str
    shapes : mapping
        Shapes of all layers of the model. A layer with fewer tokens than the largest, such as the patch embedding, has
        no extra tokens.
    model : Model

    Raises
    ------
    BadOption
        If none of the layers has tokens, or a layer pooled by ``cls`` has no class token.
    """
    if how == "none":
        return {}
    if how not in POOLS:
        raise BadOption(f"No pooling {how!r}.", known=f"Known: {', '.join(POOLS)}.")
    tokens = {name: shape[0] for name, shape in shapes.items() if isinstance(shape, tuple) and len(shape) == 2}
    chosen = [layer for layer in layers if layer in tokens]
    if not chosen:
        raise BadOption(
            f"--pool {how} needs layers of shape (tokens, channels), and none of those chosen has it.",
            todo="Leave --pool out; itbench layers MODEL shows the shapes.",
        )
    extra = {layer: model.extra_tokens if tokens[layer] == max(tokens.values()) else 0 for layer in chosen}
    without = [layer for layer in chosen if not (model.class_token and extra[layer])]
    if how == "cls" and without:
        raise BadOption(
            f"Layer {without[0]!r} has no class token.", todo="Use --pool mean, or other layers: itbench layers MODEL"
        )
    return {layer: TokenPool(how, extra[layer]) for layer in chosen}
