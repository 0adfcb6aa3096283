"""A loaded model: on its device, with the stimuli at its visual angle and the layers to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from itbench.data.stimuli import StimulusSet, at_degrees, degrees_label
from itbench.errors import BadOption
from itbench.extraction.forward import VERSION, ExtractionSettings, layer_parts, width_of
from itbench.models.layers import expand_patterns, is_pattern
from itbench.models.model import Model
from itbench.registry import ModelEntry, ModelSpec


class LoadedModel(NamedTuple):
    """A loaded model on its device, with the stimuli at its visual angle and the layers to read.

    Parameters
    ----------
    model : Model
    stimuli : StimulusSet
    layers : tuple of str
    identity : mapping
        All that a layer's activations depend on, but for the stimuli.
    """

    model: Model
    stimuli: StimulusSet
    layers: tuple[str, ...]
    identity: Mapping[str, Any]

    def parts(self, layer: str) -> tuple[str, ...]:
        """Return the layers of the loaded model whose features a layer such as ``A+B`` puts side by side."""
        return layer_parts(self.model, self.stimuli, layer)


def load_model(
    spec: ModelSpec, settings: ExtractionSettings, stimuli: StimulusSet, *, shown_by: str, degrees: float | None
) -> LoadedModel:
    """Load a model on its device, bring the stimuli to its visual angle, and choose its layers.

    Parameters
    ----------
    spec : ModelSpec
    settings, stimuli
    shown_by : str
        The benchmark, or whatever else the stimuli come from.
    degrees : float, optional
        Width of the images on the screen, degrees of visual angle; unknown if it is None.

    Raises
    ------
    NoWeights, UnknownName, BadOption
    """
    seen, how = at_model_degrees(stimuli, degrees, settings.degrees, spec.entry.degrees, shown_by)
    return place_model(spec.entry.make(spec.weights), spec, settings, seen, how)


def place_model(
    model: Model, spec: ModelSpec, settings: ExtractionSettings, seen: StimulusSet, how: str
) -> LoadedModel:
    """Return a loaded model: on its device, before stimuli that are at its visual angle already."""
    model.place(settings.device, settings.precision)
    identity = {
        **model.identity,
        "degrees": how,
        "pool": settings.pool,
        "plugin": spec.entry.plugin_digest,
        "extraction": VERSION,
    }
    return LoadedModel(model, seen, _layers(spec.entry, model, spec.layers, seen), identity)


def require_layers(model: Model, names: Sequence[str], stimuli: StimulusSet) -> None:
    """Raise if a loaded model lacks a layer, or no layer matches a pattern.

    Raises
    ------
    UnknownName, BadActivations
    """
    shapes = model.shapes(stimuli.images[0:1][0])
    for layer in expand_patterns(names, shapes):
        for part in layer_parts(model, stimuli, layer):
            width_of(part, shapes)


def at_model_degrees(
    stimuli: StimulusSet, shown: float | None, requested: float | None, usual: float | None, shown_by: str
) -> tuple[StimulusSet, str]:
    """Return the stimuli at the visual angle of a model to be loaded, and how they were changed.

    Parameters
    ----------
    stimuli : StimulusSet
    shown, requested, usual : float, optional
        Width of the images, degrees of visual angle: as they were shown, as the user asks, as the model expects.
    shown_by : str

    Raises
    ------
    BadOption
        If degrees are requested, and the size of the images on the screen is not known.
    """
    if requested and shown is None:
        raise BadOption(
            f"--degrees needs a benchmark that says how large its images were; {shown_by} does not.",
            todo="Add a line such as 'degrees: 8' to a benchmark's file.",
        )
    expected = requested or usual
    if expected is None or shown is None or expected == shown:
        return stimuli, ""
    return at_degrees(stimuli, shown, expected), degrees_label(shown, expected)


def _layers(source: ModelEntry, model: Model, named: Sequence[str], stimuli: StimulusSet) -> tuple[str, ...]:
    names = tuple(named or model.layers or source.layers)  # `ModelEntry.make` gave the model those registered
    if not names:
        raise BadOption(f"{source.name} names no candidate layers.", todo="Choose some: itbench layers MODEL")
    return expand_patterns(names, model.shapes(stimuli.images[0:1][0])) if any(map(is_pattern, names)) else names
