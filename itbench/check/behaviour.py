"""What a model's activations do: repeat, and depend on the picture alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from itbench.check.findings import Broken, Check, Doubtful, NotHere, one_line
from itbench.check.probes import TOLERANCE, difference, plain, probe, require_equal
from itbench.check.subject import ModelSubject
from itbench.layers import spread

ALONE = 3  # layers that get a pass of their own
# Of a layer's largest activation: what rounding to bytes and clipping after a resize make of a picture with hard edges,
# at most. Floats in the wrong range differ by more.
ROUNDING = 0.5
KINDS = {
    "black": plain(0),
    "white": plain(255),
    "32 × 32": probe(32, 32, 1),
    "160 × 240": probe(160, 240, 1),
    "256 × 256": probe(256, 256, 1),
}


@runtime_checkable
class Settling(Protocol):
    """A model that can say which of its parts are not as they must be for scoring, as `itbench.Network` can."""

    def unsettled(self) -> Sequence[str]:
        """Return the names of parts that train or keep gradients."""


def is_settled(subject: ModelSubject) -> str:
    """No part is in training mode or keeps gradients, also after a pass."""
    if not isinstance(subject.model, Settling):
        raise NotHere("no itbench.Network: what its parts do is known from its activations only")
    found = subject.model.unsettled()
    if found:
        raise Broken(f"after a pass, in training mode or keeping gradients: {', '.join(found[:5])}")
    return "no part trains or keeps gradients after a pass"


def repeats(subject: ModelSubject) -> str:
    """A second pass over the same pictures gives the same activations."""
    hint = "dropout, or a random number without a seed?"
    return require_equal(subject.together, subject.again, "In a second pass", hint)


def takes_each_picture_by_itself(subject: ModelSubject) -> str:
    """A picture gives the same alone, in a batch, and at another place in it."""
    alone = [subject.activations(picture[None]) for picture in subject.pictures]
    single = {layer: np.concatenate([one[layer] for one in alone]) for layer in subject.layers}
    hint = "batch norm in training mode, or a mean over the batch?"
    said = require_equal(subject.together, single, "Alone and in a batch", hint)
    turned = {layer: values[::-1] for layer, values in subject.activations(subject.pictures[::-1]).items()}
    require_equal(subject.together, turned, "In another order", hint)
    return f"alone, in a batch and in another order: {said}"


def gives_a_layer_alone_as_with_others(subject: ModelSubject) -> str:
    """A layer asked for alone gives what it gives with others: nothing overwrote it."""
    chosen = spread(subject.layers, ALONE)
    alone = {layer: subject.activations(subject.pictures[:1], [layer])[layer] for layer in chosen}
    hint = "an operation in place overwrites what a hook caught: copy it there"
    return require_equal(alone, subject.first, "Asked for alone and with other layers", hint)


def keeps_what_it_gave(subject: ModelSubject) -> str:
    """Arrays given earlier do not change when the model runs again."""
    model = subject.model
    given = model.activations(model.prepare(subject.pictures[:1].copy()), subject.layers)
    before = {layer: values.copy() for layer, values in given.items()}
    model.activations(model.prepare(subject.pictures[1:2].copy()), subject.layers)
    changed = [layer for layer in subject.layers if difference(before[layer], given[layer])]
    if changed:
        raise Broken(f"the arrays of {', '.join(changed)} change when the model runs again: return copies")
    names = list(subject.layers)
    for index, layer in enumerate(names):
        for other in names[index + 1 :]:
            if np.shares_memory(given[layer], given[other]):
                raise Doubtful(f"{layer} and {other} share memory: if either is in place, copy what a hook catches")
    return "what was given stays as it was"


def leaves_pictures_alone(subject: ModelSubject) -> str:
    """The pictures put in are not changed in place."""
    pictures = subject.pictures[:1].copy()
    subject.model.activations(subject.model.prepare(pictures), subject.layers)
    if not np.array_equal(pictures, subject.pictures[:1]):
        raise Broken("the pictures put in are changed in place: copy them first")
    return "the pictures put in are as they were"


def is_finite(subject: ModelSubject) -> str:
    """No activation is NaN or infinite."""
    bad = [layer for layer, values in subject.together.items() if not np.isfinite(values).all()]
    if bad:
        raise Broken(f"NaN or infinity in {', '.join(bad)}: look at the preprocessing and the weights")
    return "every activation is finite"


def tells_pictures_apart(subject: ModelSubject) -> str:
    """No layer gives the same for different pictures."""
    dead = [
        layer
        for layer, values in subject.together.items()
        if max(difference(values[:1], other[None]) for other in values[1:]) <= TOLERANCE / 100
    ]
    if dead:
        raise Doubtful(f"the same for different pictures: {', '.join(dead)}")
    return "different pictures differ in every layer"


def takes_any_picture(subject: ModelSubject) -> str:
    """Black, white, tiny, oblong and larger pictures give finite activations."""
    for kind, pictures in KINDS.items():
        try:
            found = subject.activations(pictures)
        except Exception as error:
            raise Broken(f"a picture that is {kind}: {one_line(error)}") from error
        bad = [layer for layer, values in found.items() if not np.isfinite(values).all()]
        if bad:
            raise Broken(f"a picture that is {kind} gives NaN or infinity in {', '.join(bad)}")
    return ", ".join(KINDS)


def takes_float_pictures(subject: ModelSubject) -> str:
    """Float pictures, which recordings have that are not exact to 8 bits, give what bytes give."""
    as_floats = subject.pictures[:1].astype(np.float32)
    try:
        found = subject.activations(as_floats)
    except Exception as error:
        raise Doubtful(f"takes bytes only: {one_line(error)} (torchvision.transforms.v2 takes both)") from error
    for layer, values in found.items():
        apart = difference(subject.first[layer], values)
        if apart > ROUNDING:
            raise Doubtful(f"layer {layer!r} differs by {apart:.1e} of its largest activation from the same bytes")
    return "float32 in 0…255 gives what uint8 gives"


def costs(subject: ModelSubject) -> str:
    """Time of a second pass and memory of the first, for information."""
    each = 1000 * subject.seconds / len(subject.pictures)
    memory = f"{subject.memory / 1e6:.0f} MB beside the model at the peak"
    return f"{each:.0f} ms a picture in a batch of {len(subject.pictures)}, {memory}"


CHECKS = (
    Check("eval mode", is_settled, needs=("layers",)),
    Check("repeats", repeats, needs=("eval mode",)),
    Check("batch", takes_each_picture_by_itself, needs=("repeats",)),
    Check("layer alone", gives_a_layer_alone_as_with_others, needs=("batch",)),
    Check("arrays kept", keeps_what_it_gave, needs=("layer alone",)),
    Check("pictures kept", leaves_pictures_alone, needs=("layers",)),
    Check("finite", is_finite, needs=("layers",)),
    Check("alive", tells_pictures_apart, needs=("finite",)),
    Check("any picture", takes_any_picture, needs=("finite",)),
    Check("float pictures", takes_float_pictures, needs=("finite", "batch")),
    Check("cost", costs, needs=("repeats",)),
)
