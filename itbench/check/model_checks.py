"""Model checks: registration, layers and identity of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from itbench.check.activation_checks import ACTIVATION_CHECKS
from itbench.check.checked_model import TOLERANCE, CheckedModel, fingerprint, require_equal
from itbench.check.findings import (
    SKIPPED,
    Check,
    CheckFailed,
    CheckSkipped,
    CheckWarning,
    Finding,
    FreshProcess,
    Report,
    count,
    run_checks,
)
from itbench.errors import BadActivations, ItbenchError, UnknownName
from itbench.extraction.forward import width_of
from itbench.models.layers import COMPLEX, IMAGES_FIRST
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


def puts_images_first(subject: CheckedModel) -> str:
    """Model check: the first dimension of every layer is that of the images, in batches of 2 and of 3."""
    return _no_layer(subject, IMAGES_FIRST, "the first dimension is that of the images in batches of 2 and 3")


def gives_real_numbers(subject: CheckedModel) -> str:
    """Model check: no layer gives complex numbers, of which a score would have to leave out a part."""
    return _no_layer(subject, COMPLEX, "every layer gives real numbers")


def _no_layer(subject: CheckedModel, fault: str, good: str) -> str:
    for layer in subject.layers:
        shape = subject.shapes.get(layer, "")
        if isinstance(shape, str) and fault in shape:
            raise CheckFailed(f"layer {layer!r} {shape}")
    return good


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


def computes_the_same_in_every_process(subject: CheckedModel) -> str:
    """Model check: a fresh process gives the model the same activations of an image, not only the same identity."""
    there = subject.fresh_process().fingerprints.get(subject.entry.name, {})
    here = {layer: fingerprint(values) for layer, values in subject.first_activations.items() if layer in there}
    for layer, numbers in here.items():
        if not np.allclose(numbers, there[layer], rtol=0, atol=TOLERANCE * max(map(abs, numbers))):
            raise CheckFailed(f"in another process, layer {layer!r} has other activations under the same identity")
    if not here:
        raise CheckSkipped("none of the layers checked is a candidate")
    return f"the same activations in another process, in {count(here, 'layer')}"


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
    Check("images first", puts_images_first, needs=("factory",)),
    Check("real numbers", gives_real_numbers, needs=("factory",)),
    Check("layers", gives_every_layer, needs=("factory", "images first", "real numbers")),
    Check("identity", has_a_complete_identity, needs=("factory",)),
)
IDENTITY_CHECKS = (
    Check("made twice", is_reproducible, needs=("identity", "batch")),
    Check("other process", has_one_identity_in_every_process, needs=("made twice",)),
    Check("fingerprint", computes_the_same_in_every_process, needs=("other process", "finite")),
    Check("seed", depends_on_its_seed, needs=("made twice",)),
    Check("precision", records_its_precision, needs=("identity",)),
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
