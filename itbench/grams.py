"""The Grams of a model's layers: from the cache where they are, from one pass over the pictures where they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from itbench.cache import GramCache
from itbench.extract import ExtractionSettings, extract_grams
from itbench.gram import Gram
from itbench.layers import parts
from itbench.protocols import Model, Reporter
from itbench.stimuli import StimulusSet

Single = Callable[[Sequence[str]], Iterator[tuple[str, Gram]]]  # of layers that are no sums


@dataclass(frozen=True, eq=False)
class GramSource:
    """Where the Grams of a model on a stimulus set come from.

    Parameters
    ----------
    model, stimuli, settings, reporter
        As of `itbench.extract.extract_grams`.
    identity : mapping
        All that the numbers depend on beside the layer: with it, the cache's key.
    cache : GramCache
    about : mapping
        What a listing of the cache says of them.
    """

    model: Model
    stimuli: StimulusSet
    settings: ExtractionSettings
    identity: Mapping[str, Any]
    cache: GramCache
    about: Mapping[str, str]
    reporter: Reporter

    def grams(self, layers: Sequence[str]) -> Iterator[tuple[str, Gram]]:
        """Yield (layer, Gram) for every layer, one after another, in the order in which they come."""
        return summed(layers, self._single)

    def _single(self, layers: Sequence[str]) -> Iterator[tuple[str, Gram]]:
        """Yield the Grams of layers that are no sums: first those in the cache, then the others."""
        keys = {layer: {**self.identity, "layer": layer} for layer in layers}
        absent = []
        for layer in layers:
            gram = self.cache.read(keys[layer])
            if gram is None:
                absent.append(layer)
            else:
                yield layer, gram
        if absent:
            for layer, gram in extract_grams(self.model, self.stimuli, absent, self.settings, self.reporter):
                self.cache.write(keys[layer], gram, **self.about, layer=layer)
                yield layer, gram


def summed(layers: Sequence[str], single: Single) -> Iterator[tuple[str, Gram]]:
    """Yield (layer, Gram) for every layer, in the order in which they come.

    A sum ``A+B`` gives the Gram of both layers' features side by side; what is cached are its parts.

    Parameters
    ----------
    layers : sequence of str
    single : callable
        Yields (part, Gram) for every part of the layers, each once, in any order.
    """
    missing = {layer: set(parts(layer)) for layer in layers}
    sums: dict[str, Gram] = {}
    for part, gram in single(single_layers(layers)):
        for layer in [layer for layer, wanted in missing.items() if part in wanted]:
            sums[layer] = sums[layer] + gram if layer in sums else gram
            missing[layer].remove(part)
            if not missing[layer]:
                yield layer, sums.pop(layer)


def single_layers(layers: Sequence[str]) -> list[str]:
    """Return the layers that are no sums, or parts of one, each once."""
    return list(dict.fromkeys(part for layer in layers for part in parts(layer)))
