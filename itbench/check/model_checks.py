"""What a model says of itself: registration, layers, identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from itbench.check.findings import SKIPPED, Broken, Check, Doubtful, Finding, NotHere, Report, conduct, count, one_line
from itbench.check.fresh_process import FreshLook
from itbench.check.model import TOLERANCE, ModelSubject, difference, plain, probe, require_equal
from itbench.errors import BadActivations, ItbenchError, UnknownName
from itbench.extraction.forward import width_of
from itbench.models.layer_names import evenly_spaced
from itbench.models.weights import Weights
from itbench.registry import ModelEntry

INPUT_KEYS = ("preprocessing", "function")  # of an identity: either says what happens to an image


def imports_nothing_heavy(subject: ModelSubject) -> str:
    """Listing models takes no framework: the plugin imports none when it is loaded."""
    return subject.fresh().require_light(subject.entry.file)


def makes_a_model(subject: ModelSubject) -> str:
    """The factory returns an `itbench.Model`."""
    return f"the factory returns a {type(subject.model).__name__}, weights {subject.weights.label}"


def names_its_layers(subject: ModelSubject) -> str:
    """There are candidate layers, and the registration and the model name the same ones."""
    registered, own = tuple(subject.entry.layers), tuple(subject.model.layers)
    if registered and own and registered != own:
        apart = sorted(set(registered) ^ set(own))
        difference = f"{', '.join(apart)} in one only" if apart else "in another order"
        raise Broken(f"the layers registered are not those of the model: {difference}; give both the same tuple")
    if not registered and not own:
        raise Doubtful("no candidate layers: every score will have to name its layers with -l")
    return f"{count(own or registered, 'candidate layer')}: {_first_and_last(own or registered)}"


def has_its_layers(subject: ModelSubject) -> str:
    """Every layer exists and gives one array per image, of the shape that the model says."""
    if not subject.layers:
        raise Broken("no layer gives a tensor")
    faults = []
    for layer in subject.layers:
        try:
            width_of(layer, subject.shapes)
        except (UnknownName, BadActivations) as error:
            faults.append(f"{error.what} {error.known}")
    if faults:
        raise Broken(" ".join(faults))
    for layer, values in subject.together.items():
        expected = (len(subject.images), *subject.shapes[layer])
        if values.shape != expected or not np.issubdtype(values.dtype, np.floating):
            raise Broken(f"layer {layer!r} gives {values.dtype} of shape {values.shape}, not floats of {expected}")
    return f"{count(subject.layers, 'layer')}, each with one array per image"


def says_what_it_is(subject: ModelSubject) -> str:
    """The identity says all that changes the numbers, in text that is the same in every process."""
    identity = subject.model.identity
    missing = [key for key in ("weights", "precision") if key not in identity]
    if not any(key in identity for key in INPUT_KEYS):
        missing.append(" or ".join(INPUT_KEYS))
    if missing:
        raise Broken(f"the identity lacks {', '.join(missing)}; cached Grams are found by it")
    other = [key for key, value in identity.items() if not (isinstance(key, str) and isinstance(value, str))]
    if other:
        raise Broken(f"the identity must map text to text; {', '.join(map(repr, other))} does not")
    passing = [key for key, value in identity.items() if " at 0x" in value]
    if passing:
        raise Broken(f"{', '.join(passing)} holds a memory address, another in each process; give it a __repr__")
    return ", ".join(identity)


def is_made_alike_twice(subject: ModelSubject) -> str:
    """Made twice with the same weights, the model has the same identity and activations."""
    again = subject.make()
    _require_same_identity(subject.model.identity, again.identity, "made twice with the same weights")
    second = subject.activations(subject.images[:1], model=again)
    return require_equal(subject.first, second, "Made twice with the same weights", "is every random number seeded?")


def is_alike_in_another_process(subject: ModelSubject) -> str:
    """Another process finds the same identity, and so what was computed before."""
    identity = subject.fresh().identities[subject.entry.name]
    if isinstance(identity, str):
        raise Broken(f"it cannot be made in another process: {identity}")
    _require_same_identity(subject.identity, identity, "in another process")
    return "the same identity in another process"


def follows_its_seed(subject: ModelSubject) -> str:
    """Another seed of random weights gives another identity and other activations."""
    if subject.weights.kind != "random":
        raise NotHere(f"weights {subject.weights.label}: no seed")
    other = subject.make(replace(subject.weights, seed=subject.weights.seed + 1))
    if other.identity == subject.model.identity:
        raise Broken("another seed gives the same identity: its scores would come from cached Grams of this one")
    values = subject.activations(subject.images[:1], model=other)
    if all(np.array_equal(values[layer], subject.first[layer]) for layer in subject.layers):
        raise Broken("another seed changes the identity, but no activation")
    return "another seed, another identity and other activations"


def follows_its_precision(subject: ModelSubject) -> str:
    """Another precision gives another identity, or is refused."""
    before = subject.model.identity
    try:
        subject.model.place("cpu", "bfloat16")
    except ItbenchError as error:
        return f"bfloat16 is refused: {error.what}"
    after = subject.model.identity
    subject.model.place("cpu", "float32")
    if after == before:
        raise Broken("the identity is the same in bfloat16: its Grams would be taken for those in float32")
    return "bfloat16 has an identity of its own"


def _require_same_identity(first: Mapping[str, str], second: Mapping[str, str], when: str) -> None:
    apart = sorted(key for key in {*first, *second} if first.get(key) != second.get(key))
    if apart:
        raise Broken(
            f"{when}, the identity differs in {', '.join(apart)}: what was computed before would never be found"
        )


def _first_and_last(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"


SELF_DESCRIPTION_CHECKS = (
    Check("listing", imports_nothing_heavy),
    Check("factory", makes_a_model),
    Check("candidates", names_its_layers, needs=("factory",)),
    Check("layers", has_its_layers, needs=("factory",)),
    Check("identity", says_what_it_is, needs=("factory",)),
)
AFTER_BEHAVIOUR = (
    Check("made twice", is_made_alike_twice, needs=("identity", "batch")),
    Check("other process", is_alike_in_another_process, needs=("made twice",)),
    Check("seed", follows_its_seed, needs=("made twice",)),
    Check("precision", follows_its_precision, needs=("identity",)),
)

ALONE = 3  # layers that get a pass of their own
# Of a layer's largest activation: what rounding to bytes and clipping after a resize make of an image with hard edges,
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

    def left_in_training_mode(self) -> Sequence[str]:
        """Return the names of parts that train or keep gradients."""


def is_settled(subject: ModelSubject) -> str:
    """No part is in training mode or keeps gradients, also after a pass."""
    if not isinstance(subject.model, Settling):
        raise NotHere("no itbench.Network: what its parts do is known from its activations only")
    found = subject.model.left_in_training_mode()
    if found:
        raise Broken(f"after a pass, in training mode or keeping gradients: {', '.join(found[:5])}")
    return "no part trains or keeps gradients after a pass"


def repeats(subject: ModelSubject) -> str:
    """A second pass over the same images gives the same activations."""
    hint = "dropout, or a random number without a seed?"
    return require_equal(subject.together, subject.again, "In a second pass", hint)


def takes_each_image_by_itself(subject: ModelSubject) -> str:
    """An image gives the same alone, in a batch, and at another place in it."""
    alone = [subject.activations(image[None]) for image in subject.images]
    single = {layer: np.concatenate([one[layer] for one in alone]) for layer in subject.layers}
    hint = "batch norm in training mode, or a mean over the batch?"
    said = require_equal(subject.together, single, "Alone and in a batch", hint)
    turned = {layer: values[::-1] for layer, values in subject.activations(subject.images[::-1]).items()}
    require_equal(subject.together, turned, "In another order", hint)
    return f"alone, in a batch and in another order: {said}"


def gives_a_layer_alone_as_with_others(subject: ModelSubject) -> str:
    """A layer asked for alone gives what it gives with others: nothing overwrote it."""
    chosen = evenly_spaced(subject.layers, ALONE)
    alone = {layer: subject.activations(subject.images[:1], [layer])[layer] for layer in chosen}
    hint = "an operation in place overwrites what a hook caught: copy it there"
    return require_equal(alone, subject.first, "Asked for alone and with other layers", hint)


def keeps_what_it_gave(subject: ModelSubject) -> str:
    """Arrays given earlier do not change when the model runs again."""
    model = subject.model
    given = model.activations(model.prepare(subject.images[:1].copy()), subject.layers)
    before = {layer: values.copy() for layer, values in given.items()}
    model.activations(model.prepare(subject.images[1:2].copy()), subject.layers)
    changed = [layer for layer in subject.layers if difference(before[layer], given[layer])]
    if changed:
        raise Broken(f"the arrays of {', '.join(changed)} change when the model runs again: return copies")
    names = list(subject.layers)
    for index, layer in enumerate(names):
        for other in names[index + 1 :]:
            if np.shares_memory(given[layer], given[other]):
                raise Doubtful(f"{layer} and {other} share memory: if either is in place, copy what a hook catches")
    return "what was given stays as it was"


def leaves_images_alone(subject: ModelSubject) -> str:
    """The images put in are not changed in place."""
    images = subject.images[:1].copy()
    subject.model.activations(subject.model.prepare(images), subject.layers)
    if not np.array_equal(images, subject.images[:1]):
        raise Broken("the images put in are changed in place: copy them first")
    return "the images put in are as they were"


def is_finite(subject: ModelSubject) -> str:
    """No activation is NaN or infinite."""
    bad = [layer for layer, values in subject.together.items() if not np.isfinite(values).all()]
    if bad:
        raise Broken(f"NaN or infinity in {', '.join(bad)}: look at the preprocessing and the weights")
    return "every activation is finite"


def tells_images_apart(subject: ModelSubject) -> str:
    """No layer gives the same for different images."""
    dead = [
        layer
        for layer, values in subject.together.items()
        if max(difference(values[:1], other[None]) for other in values[1:]) <= TOLERANCE / 100
    ]
    if dead:
        raise Doubtful(f"the same for different images: {', '.join(dead)}")
    return "different images differ in every layer"


def takes_any_image(subject: ModelSubject) -> str:
    """Black, white, tiny, oblong and larger images give finite activations."""
    for kind, images in KINDS.items():
        try:
            found = subject.activations(images)
        except Exception as error:
            raise Broken(f"an image that is {kind}: {one_line(error)}") from error
        bad = [layer for layer, values in found.items() if not np.isfinite(values).all()]
        if bad:
            raise Broken(f"an image that is {kind} gives NaN or infinity in {', '.join(bad)}")
    return ", ".join(KINDS)


def takes_float_images(subject: ModelSubject) -> str:
    """Float images, which recordings have that are not exact to 8 bits, give what bytes give."""
    as_floats = subject.images[:1].astype(np.float32)
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
    each = 1000 * subject.seconds / len(subject.images)
    memory = f"{subject.memory / 1e6:.0f} MB beside the model at the peak"
    return f"{each:.0f} ms an image in a batch of {len(subject.images)}, {memory}"


ACTIVATION_CHECKS = (
    Check("eval mode", is_settled, needs=("layers",)),
    Check("repeats", repeats, needs=("eval mode",)),
    Check("batch", takes_each_image_by_itself, needs=("repeats",)),
    Check("layer alone", gives_a_layer_alone_as_with_others, needs=("batch",)),
    Check("arrays kept", keeps_what_it_gave, needs=("layer alone",)),
    Check("images kept", leaves_images_alone, needs=("layers",)),
    Check("finite", is_finite, needs=("layers",)),
    Check("alive", tells_images_apart, needs=("finite",)),
    Check("any image", takes_any_image, needs=("finite",)),
    Check("float images", takes_float_images, needs=("finite", "batch")),
    Check("cost", costs, needs=("repeats",)),
)

MODEL_CHECKS = (*SELF_DESCRIPTION_CHECKS, *ACTIVATION_CHECKS, *AFTER_BEHAVIOUR)


def check_model(
    entry: ModelEntry, weights: Weights, fresh: Callable[[], FreshLook], layers: Sequence[str] = ()
) -> Report:
    """Check a model on the CPU in float32.

    Parameters
    ----------
    entry : ModelEntry
    weights : Weights
    fresh : callable
        Returns what another process saw of it, as `itbench.check.fresh_process.look_afresh` does.
    layers : sequence of str, optional
        Names or patterns of the layers to look at; else the model's candidates.
    """
    if entry.names is not None:
        member = entry.name.replace("*", "NAME")
        many = Finding("members", SKIPPED, f"a family of models; check one with: itbench check {member}")
        return Report("model", entry.name, (many,))
    findings = conduct(MODEL_CHECKS, ModelSubject(entry, weights, layers, fresh))
    return Report("model", entry.name, tuple(findings), weights.label)
