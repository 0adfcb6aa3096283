"""Activation checks: a model's activations do not depend on batch, pass or process, and no input is changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from itbench.check.checked_model import (
    TOLERANCE,
    CheckedModel,
    CountsCalls,
    difference,
    grey_image,
    require_equal,
    sample_images,
)
from itbench.check.findings import Check, CheckFailed, CheckSkipped, CheckWarning, one_line
from itbench.models.layers import evenly_spaced

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


def runs_layers_equally_often(subject: CheckedModel) -> str:
    """Model check: every layer runs equally often for every image; of one that does not, the last output is read."""
    if not isinstance(subject.model, CountsCalls):
        raise CheckSkipped("no itbench.Network: it does not count the calls of its layers")
    counts = [subject.calls(one) for one in (*subject.images[:, None], *KINDS.values())]
    for layer in subject.layers:
        calls = {count.get(layer, 0) for count in counts}
        if len(calls) > 1:
            raise CheckWarning(
                f"layer {layer!r} runs {min(calls)} to {max(calls)} times, depending on the image: its last output is "
                "read, in a batch that of the image with most"
            )
    return "every layer runs equally often for every image"


def repeats(subject: CheckedModel) -> str:
    """Model check: a second pass over an image, after others, gives the same activations."""
    first, *_ = subject.single_activations
    hint = "dropout, or a random number without a seed?"
    return require_equal(first, subject.activations(subject.images[:1]), "In a second pass", hint)


def is_independent_of_the_batch(subject: CheckedModel) -> str:
    """Model check: the activations of an image do not depend on the other images of its batch."""
    single = {layer: np.concatenate([one[layer] for one in subject.single_activations]) for layer in subject.layers}
    hint = "batch norm in training mode, or a mean over the batch?"
    agreement = require_equal(subject.batch_activations, single, "Alone and in a batch", hint)
    require_equal(subject.batch_activations, subject.reversed_activations, "In another order", hint)
    return f"alone, in a batch and in another order: {agreement}"


def reads_layers_independently(subject: CheckedModel) -> str:
    """Model check: a layer read alone gives the same activations as when it is read with other layers."""
    chosen = evenly_spaced(subject.layers, ALONE)
    alone = {layer: subject.activations(subject.images[:1], [layer])[layer] for layer in chosen}
    hint = "an operation in place overwrites what a hook caught: copy it there"
    return require_equal(alone, subject.first_activations, "Read alone and with other layers", hint)


def returns_copies(subject: CheckedModel) -> str:
    """Model check: activations returned earlier do not change when the model runs again."""
    if subject.changed:
        raise CheckFailed(f"the arrays of {', '.join(subject.changed)} change when the model runs again: return copies")
    names = list(subject.layers)
    for index, layer in enumerate(names):
        for other in names[index + 1 :]:
            if np.shares_memory(subject.given[layer], subject.given[other]):
                raise CheckWarning(f"{layer} and {other} share memory: if either is in place, copy what a hook catches")
    return "activations returned earlier stay unchanged"


def leaves_images_unchanged(subject: CheckedModel) -> str:
    """Model check: the model does not change its input images in place."""
    if not (subject.batch_activations and subject.leaves_images):
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
            found = subject.alone(images)
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
    Check("calls", runs_layers_equally_often, needs=("any image",)),
    Check("cost", measures_cost, needs=("batch",)),
)
