"""Model checks: registration, layers, activations and identity of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from itbench.check.checked_model import TOLERANCE, CheckedModel, difference, grey_image, require_equal, sample_images
from itbench.check.findings import (
    SKIPPED,
    Check,
    CheckFailed,
    CheckSkipped,
    CheckWarning,
    Finding,
    Report,
    count,
    one_line,
    run_checks,
)
from itbench.check.fresh_process import FreshProcess
from itbench.errors import BadActivations, ItbenchError, UnknownName
from itbench.extraction.forward import width_of
from itbench.models.layer_names import evenly_spaced
from itbench.models.weights import Weights
from itbench.registry import ModelEntry

INPUT_KEYS = ("preprocessing", "function")  # an identity has either: how an image is prepared


def imports_no_framework(subject: CheckedModel) -> str:
    """Model check: loading the model's plugin imports no framework, so that listing models is fast."""
    return subject.fresh_process().require_light(subject.entry.file)


def factory_returns_a_model(subject: CheckedModel) -> str:
    """Model check: the factory returns an `itbench.Model`."""
    return f"the factory returns a {type(subject.model).__name__}, weights {subject.weights.label}"


def names_candidate_layers(subject: CheckedModel) -> str:
    """Model check: there are candidate layers, the same in the registration and in the model."""
    registered, of_model = tuple(subject.entry.layers), tuple(subject.model.layers)
    if registered and of_model and registered != of_model:
        apart = sorted(set(registered) ^ set(of_model))
        difference = f"{', '.join(apart)} in one only" if apart else "in another order"
        raise CheckFailed(f"the layers registered are not those of the model: {difference}; give both the same tuple")
    candidates = of_model or registered
    if not candidates:
        raise CheckWarning("no candidate layers: every score will have to name its layers with -l")
    return f"{count(candidates, 'candidate layer')}: {_first_and_last(candidates)}"


def gives_every_layer(subject: CheckedModel) -> str:
    """Model check: every layer exists and gives one array per image, of the shape that the model states."""
    if not subject.layers:
        raise CheckFailed("no layer gives a tensor")
    faults = []
    for layer in subject.layers:
        try:
            width_of(layer, subject.shapes)
        except (UnknownName, BadActivations) as error:
            faults.append(f"{error.what} {error.known}")
    if faults:
        raise CheckFailed(" ".join(faults))
    for layer, values in subject.batch_activations.items():
        expected = (len(subject.images), *subject.shapes[layer])
        if values.shape != expected or not np.issubdtype(values.dtype, np.floating):
            raise CheckFailed(f"layer {layer!r} gives {values.dtype} of shape {values.shape}, not floats of {expected}")
    return f"{count(subject.layers, 'layer')}, each with one array per image"


def has_a_complete_identity(subject: CheckedModel) -> str:
    """Model check: the identity holds all that changes the activations, as text that is the same in every process."""
    identity = subject.model.identity
    missing = [key for key in ("weights", "precision") if key not in identity]
    if not any(key in identity for key in INPUT_KEYS):
        missing.append(" or ".join(INPUT_KEYS))
    if missing:
        raise CheckFailed(f"the identity lacks {', '.join(missing)}; cached Grams are found by it")
    other = [key for key, value in identity.items() if not (isinstance(key, str) and isinstance(value, str))]
    if other:
        raise CheckFailed(f"the identity must map text to text; {', '.join(map(repr, other))} does not")
    unstable = [key for key, value in identity.items() if " at 0x" in value]
    if unstable:
        raise CheckFailed(f"{', '.join(unstable)} holds a memory address, another in each process; give it a __repr__")
    return ", ".join(identity)


def is_reproducible(subject: CheckedModel) -> str:
    """Model check: made twice with the same weights, it has the same identity and activations."""
    again = subject.make()
    _require_same_identity(subject.model.identity, again.identity, "made twice with the same weights")
    second = subject.activations(subject.images[:1], model=again)
    return require_equal(
        subject.first_activations, second, "Made twice with the same weights", "is every random number seeded?"
    )


def has_one_identity_in_every_process(subject: CheckedModel) -> str:
    """Model check: a fresh process gives the model the same identity, so that cached Grams are found."""
    identity = subject.fresh_process().identities[subject.entry.name]
    if isinstance(identity, str):
        raise CheckFailed(f"it cannot be made in another process: {identity}")
    _require_same_identity(subject.identity, identity, "in another process")
    return "the same identity in another process"


def depends_on_its_seed(subject: CheckedModel) -> str:
    """Model check: another seed of random weights gives another identity and other activations."""
    if subject.weights.kind != "random":
        raise CheckSkipped(f"weights {subject.weights.label}: no seed")
    other = subject.make(replace(subject.weights, seed=subject.weights.seed + 1))
    if other.identity == subject.model.identity:
        raise CheckFailed("another seed gives the same identity: its scores would come from cached Grams of this one")
    values = subject.activations(subject.images[:1], model=other)
    if all(np.array_equal(values[layer], subject.first_activations[layer]) for layer in subject.layers):
        raise CheckFailed("another seed changes the identity, but no activation")
    return "another seed, another identity and other activations"


def records_its_precision(subject: CheckedModel) -> str:
    """Model check: another precision gives another identity, or is refused."""
    before = subject.model.identity
    try:
        subject.model.place("cpu", "bfloat16")
    except ItbenchError as error:
        return f"bfloat16 is refused: {error.what}"
    after = subject.model.identity
    subject.model.place("cpu", "float32")
    if after == before:
        raise CheckFailed("the identity is the same in bfloat16: its Grams would be taken for those in float32")
    return "bfloat16 has an identity of its own"


def _require_same_identity(first: Mapping[str, str], second: Mapping[str, str], when: str) -> None:
    apart = sorted(key for key in {*first, *second} if first.get(key) != second.get(key))
    if apart:
        raise CheckFailed(f"{when}, the identity differs in {', '.join(apart)}: cached results would never be found")


def _first_and_last(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


REGISTRATION_CHECKS = (
    Check("listing", imports_no_framework),
    Check("factory", factory_returns_a_model),
    Check("candidates", names_candidate_layers, needs=("factory",)),
    Check("layers", gives_every_layer, needs=("factory",)),
    Check("identity", has_a_complete_identity, needs=("factory",)),
)
IDENTITY_CHECKS = (
    Check("made twice", is_reproducible, needs=("identity", "batch")),
    Check("other process", has_one_identity_in_every_process, needs=("made twice",)),
    Check("seed", depends_on_its_seed, needs=("made twice",)),
    Check("precision", records_its_precision, needs=("identity",)),
)

ALONE = 3  # layers that get a pass of their own
# In units of a layer's largest activation: rounding to bytes and clipping after a resize change an image with hard
# edges by less; floats in the wrong range differ by more.
ROUNDING = 0.5
KINDS = {
    "black": grey_image(0),
    "white": grey_image(255),
    "32 × 32": sample_images(32, 32, 1),
    "160 × 240": sample_images(160, 240, 1),
    "256 × 256": sample_images(256, 256, 1),
}


@runtime_checkable
class ReportsTrainingMode(Protocol):
    """Model that can report its modules in training mode to a model check, as `itbench.Network` can."""

    def left_in_training_mode(self) -> Sequence[str]:
        """Return the modules that train or keep gradients."""


def is_in_eval_mode(subject: CheckedModel) -> str:
    """Model check: no module is in training mode or keeps gradients, also after a pass."""
    if not isinstance(subject.model, ReportsTrainingMode):
        raise CheckSkipped("no itbench.Network: it does not report the mode of its modules")
    found = subject.model.left_in_training_mode()
    if found:
        raise CheckFailed(f"after a pass, in training mode or keeping gradients: {', '.join(found[:5])}")
    return "no module trains or keeps gradients after a pass"


def repeats(subject: CheckedModel) -> str:
    """Model check: a second pass over the same images gives the same activations."""
    hint = "dropout, or a random number without a seed?"
    return require_equal(subject.batch_activations, subject.repeated_activations, "In a second pass", hint)


def is_independent_of_the_batch(subject: CheckedModel) -> str:
    """Model check: the activations of an image do not depend on the other images of its batch."""
    alone = [subject.activations(image[None]) for image in subject.images]
    single = {layer: np.concatenate([one[layer] for one in alone]) for layer in subject.layers}
    hint = "batch norm in training mode, or a mean over the batch?"
    agreement = require_equal(subject.batch_activations, single, "Alone and in a batch", hint)
    reversed_order = {layer: values[::-1] for layer, values in subject.activations(subject.images[::-1]).items()}
    require_equal(subject.batch_activations, reversed_order, "In another order", hint)
    return f"alone, in a batch and in another order: {agreement}"


def reads_layers_independently(subject: CheckedModel) -> str:
    """Model check: a layer read alone gives the same activations as when it is read with other layers."""
    chosen = evenly_spaced(subject.layers, ALONE)
    alone = {layer: subject.activations(subject.images[:1], [layer])[layer] for layer in chosen}
    hint = "an operation in place overwrites what a hook caught: copy it there"
    return require_equal(alone, subject.first_activations, "Read alone and with other layers", hint)


def returns_copies(subject: CheckedModel) -> str:
    """Model check: activations returned earlier do not change when the model runs again."""
    model = subject.model
    given = model.activations(model.prepare(subject.images[:1].copy()), subject.layers)
    before = {layer: values.copy() for layer, values in given.items()}
    model.activations(model.prepare(subject.images[1:2].copy()), subject.layers)
    changed = [layer for layer in subject.layers if difference(before[layer], given[layer])]
    if changed:
        raise CheckFailed(f"the arrays of {', '.join(changed)} change when the model runs again: return copies")
    names = list(subject.layers)
    for index, layer in enumerate(names):
        for other in names[index + 1 :]:
            if np.shares_memory(given[layer], given[other]):
                raise CheckWarning(f"{layer} and {other} share memory: if either is in place, copy what a hook catches")
    return "activations returned earlier stay unchanged"


def leaves_images_unchanged(subject: CheckedModel) -> str:
    """Model check: the model does not change its input images in place."""
    images = subject.images[:1].copy()
    subject.model.activations(subject.model.prepare(images), subject.layers)
    if not np.array_equal(images, subject.images[:1]):
        raise CheckFailed("the input images are changed in place: copy them first")
    return "the input images are unchanged"


def is_finite(subject: CheckedModel) -> str:
    """Model check: no activation is NaN or infinite."""
    bad = [layer for layer, values in subject.batch_activations.items() if not np.isfinite(values).all()]
    if bad:
        raise CheckFailed(f"NaN or infinity in {', '.join(bad)}: look at the preprocessing and the weights")
    return "every activation is finite"


def distinguishes_images(subject: CheckedModel) -> str:
    """Model check: different images give different activations in every layer."""
    dead = [
        layer
        for layer, values in subject.batch_activations.items()
        if max(difference(values[:1], other[None]) for other in values[1:]) <= TOLERANCE / 100
    ]
    if dead:
        raise CheckWarning(f"the same for different images: {', '.join(dead)}")
    return "different images differ in every layer"


def accepts_any_image(subject: CheckedModel) -> str:
    """Model check: black, white, tiny, oblong and larger images give finite activations."""
    for kind, images in KINDS.items():
        try:
            found = subject.activations(images)
        except Exception as error:
            raise CheckFailed(f"an image that is {kind}: {one_line(error)}") from error
        bad = [layer for layer, values in found.items() if not np.isfinite(values).all()]
        if bad:
            raise CheckFailed(f"an image that is {kind} gives NaN or infinity in {', '.join(bad)}")
    return ", ".join(KINDS)


def accepts_float_images(subject: CheckedModel) -> str:
    """Model check: float images in 0…255 give the same activations as uint8 images."""
    as_floats = subject.images[:1].astype(np.float32)
    try:
        found = subject.activations(as_floats)
    except Exception as error:
        raise CheckWarning(f"takes bytes only: {one_line(error)} (torchvision.transforms.v2 takes both)") from error
    for layer, values in found.items():
        apart = difference(subject.first_activations[layer], values)
        if apart > ROUNDING:
            raise CheckWarning(f"layer {layer!r} differs by {apart:.1e} of its largest activation from the same bytes")
    return "float32 in 0…255 gives what uint8 gives"


def measures_cost(subject: CheckedModel) -> str:
    """Model check: measure the time and the memory of a pass; it never fails."""
    each = 1000 * subject.seconds / len(subject.images)
    memory = f"{subject.memory / 1e6:.0f} MB beside the model at the peak"
    return f"{each:.0f} ms an image in a batch of {len(subject.images)}, {memory}"


ACTIVATION_CHECKS = (
    Check("eval mode", is_in_eval_mode, needs=("layers",)),
    Check("repeats", repeats, needs=("eval mode",)),
    Check("batch", is_independent_of_the_batch, needs=("repeats",)),
    Check("layer alone", reads_layers_independently, needs=("batch",)),
    Check("arrays kept", returns_copies, needs=("layer alone",)),
    Check("images kept", leaves_images_unchanged, needs=("layers",)),
    Check("finite", is_finite, needs=("layers",)),
    Check("alive", distinguishes_images, needs=("finite",)),
    Check("any image", accepts_any_image, needs=("finite",)),
    Check("float images", accepts_float_images, needs=("finite", "batch")),
    Check("cost", measures_cost, needs=("repeats",)),
)

MODEL_CHECKS = (*REGISTRATION_CHECKS, *ACTIVATION_CHECKS, *IDENTITY_CHECKS)


def check_model(
    entry: ModelEntry, weights: Weights, fresh_process: Callable[[], FreshProcess], layers: Sequence[str] = ()
) -> Report:
    """Run the model checks on one model, on the CPU in float32, and return the report.

    Parameters
    ----------
    entry : ModelEntry
    weights : Weights
    fresh_process : callable
        Returns the result of a fresh process that made the model (`itbench.check.fresh_process.run_fresh_process`).
    layers : sequence of str, optional
        Names or patterns of the layers to check; by default the model's candidates.
    """
    if entry.names is not None:
        member = entry.name.replace("*", "NAME")
        family = Finding("members", SKIPPED, f"a family of models; check one with: itbench check {member}")
        return Report("model", entry.name, (family,))
    findings = run_checks(MODEL_CHECKS, CheckedModel(entry, weights, layers, fresh_process))
    return Report("model", entry.name, tuple(findings), weights.label)
