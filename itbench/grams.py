"""The Grams of a model's layers: from the cache where they are, from one pass over the pictures where they are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from itbench.cache import GramCache
from itbench.extract import ExtractionSettings, extract_grams
from itbench.gram import Gram
from itbench.layers import parts
from itbench.protocols import Model, Reporter
from itbench.stimuli import StimulusSet


def layer_grams(
    model: Model,
    stimuli: StimulusSet,
    layers: Sequence[str],
    settings: ExtractionSettings,
    *,
    identity: Mapping[str, Any],
    cache: GramCache,
    about: Mapping[str, str],
    reporter: Reporter,
) -> Iterator[tuple[str, Gram]]:
    """Yield (layer, Gram) for every layer, a sum ``A+B`` being the Gram of both layers' features side by side.

    Parameters
    ----------
    model, stimuli, layers, settings, reporter
        As of `extract_grams`; a layer may be a sum.
    identity : mapping
        All that the numbers depend on beside the layer: with it, the cache's key.
    cache : GramCache
    about : mapping
        What a listing of the cache says of them.
    """
    single = list(dict.fromkeys(part for layer in layers for part in parts(layer)))
    waiting = {layer: list(parts(layer)) for layer in layers}
    sums: dict[str, Gram] = {}
    for part, gram in _single_grams(model, stimuli, single, settings, identity, cache, about, reporter):
        for layer in [layer for layer, missing in waiting.items() if part in missing]:
            sums[layer] = sums[layer] + gram if layer in sums else gram
            waiting[layer].remove(part)
            if not waiting[layer]:
                del waiting[layer]
                yield layer, sums.pop(layer)


def _single_grams(
    model: Model,
    stimuli: StimulusSet,
    layers: Sequence[str],
    settings: ExtractionSettings,
    identity: Mapping[str, Any],
    cache: GramCache,
    about: Mapping[str, str],
    reporter: Reporter,
) -> Iterator[tuple[str, Gram]]:
    """Yield the Grams of single layers: first those in the cache, then the others."""
    keys = {layer: {**identity, "layer": layer} for layer in layers}
    missing = []
    for layer in layers:
        gram = cache.read(keys[layer])
        if gram is None:
            missing.append(layer)
        else:
            yield layer, gram
    if missing:
        for layer, gram in extract_grams(model, stimuli, missing, settings, reporter):
            cache.write(keys[layer], gram, **about, layer=layer)
            yield layer, gram
