"""Trainable-model checks: recipe, fit, seeds, restored state, missing responses and validation rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from itbench.check.activation_checks import ACTIVATION_CHECKS, ReportsTrainingMode
from itbench.check.checked_model import Activations, require_equal
from itbench.check.checked_trainable import SITES, CheckedTrainable
from itbench.check.findings import (
    SKIPPED,
    Check,
    CheckFailed,
    CheckSkipped,
    Finding,
    FreshProcess,
    Report,
    count,
    run_checks,
)
from itbench.check.model_checks import IDENTITY_CHECKS, REGISTRATION_CHECKS
from itbench.registry import FAMILY, ModelEntry, Registry

NUDGE = 1e-3  # Hz: changes a fit to these rows, but no choice among epochs or penalties


def has_a_valid_recipe(subject: CheckedTrainable) -> str:
    """Trainable-model check: the recipe can be read, and its options are those of the factory."""
    recipe = subject.spec.recipe
    assert recipe is not None
    if subject.entry.metric:
        subject.registry.metric(subject.entry.metric)
    try:
        inspect.signature(subject.entry.factory).bind(None, **recipe.options)
    except TypeError as error:
        raise CheckFailed(f"the options of {subject.entry.recipe} are not those of the factory: {error}") from error
    core = f"built on {recipe.core}, " if recipe.core else ""
    return f"{subject.entry.recipe}: {core}{count(recipe.options, 'option')}"


def factory_returns_a_trainable_model(subject: CheckedTrainable) -> str:
    """Trainable-model check: the factory returns an `itbench.TrainableModel`."""
    return f"the factory returns a {type(subject.trainable).__name__}, weights {subject.spec.weights.label}"


def fit_returns_a_predictor(subject: CheckedTrainable) -> str:
    """Trainable-model check: `fit` returns an `itbench.Predictor` with finite predictions of the right shape."""
    outputs = subject.outputs(subject.model)
    if not subject.predicts:
        return "it predicts no responses: its layers are read out"
    shape = (len(subject.images), SITES)
    if outputs["output"].shape != shape:
        raise CheckFailed(f"predict gives an array of shape {outputs['output'].shape}, not {shape}")
    _require_finite(outputs)
    return f"fitted on a few images, it predicts {SITES} sites"


def leaves_inputs_unchanged(subject: CheckedTrainable) -> str:
    """Trainable-model check: `fit` does not change images, responses or row numbers in place."""
    after, before = subject.fit_inputs.arrays(), subject.inputs_before.arrays()
    changed = [name for name, array in after.items() if not np.array_equal(array, before[name])]
    if changed:
        raise CheckFailed(f"{' and '.join(changed)} changed in place: copy first, the next split uses them again")
    return "images, responses and rows are unchanged"


def leaves_its_core_unchanged(subject: CheckedTrainable) -> str:
    """Trainable-model check: `fit` does not change the core, the model that it is built on."""
    core = subject.core
    if core is None:
        return "it is built on no other model"
    unsettled = core.left_in_training_mode() if isinstance(core, ReportsTrainingMode) else []
    before, after = subject.core_activations_before, subject.core_activations()
    changed = [layer for layer, values in before.items() if not np.array_equal(values, after[layer])]
    if changed or unsettled:
        what = f"gives other activations in {changed[0]}" if changed else f"is left in training mode: {unsettled[0]}"
        raise CheckFailed(f"after a fit its core {what}; train a copy, copy.deepcopy(core.module)")
    return "the core is unchanged"


def predicts_images_independently(subject: CheckedTrainable) -> str:
    """Trainable-model check: the prediction for an image does not depend on the other images of its batch."""
    _needs_predictions(subject)
    batch, model = subject.outputs(subject.model), subject.model
    alone = np.concatenate([subject.outputs(model, image[None])["output"] for image in subject.images])
    reversed_order = subject.outputs(model, subject.images[::-1])["output"][::-1]
    hint = "batch norm in training mode, or a mean over the batch?"
    agreement = require_equal(batch, {"output": alone}, "Alone and in a batch", hint)
    require_equal(batch, {"output": reversed_order}, "In another order", hint)
    return f"alone, in a batch and in another order: {agreement}"


def is_restored_from_its_state(subject: CheckedTrainable) -> str:
    """Trainable-model check: a predictor restored from the state has the same predictions and the same identity."""
    restored = subject.restored()
    _require_same(subject.outputs(subject.model), subject.outputs(restored), "restored from its state")
    if dict(restored.identity) != dict(subject.model.identity):
        raise CheckFailed("restored from its state, it has another identity: cached Grams would never be found")
    return f"{count(subject.model.state, 'array')} hold all that was trained"


def trains_reproducibly(subject: CheckedTrainable) -> str:
    """Trainable-model check: two fits with one seed give the same predictions."""
    again = subject.outputs(subject.fit_again())
    hint = "is every random number drawn from the training's seed?"
    return require_equal(subject.outputs(subject.model), again, "Fitted twice with one seed", hint)


def depends_on_its_seed(subject: CheckedTrainable) -> str:
    """Trainable-model check: a fit with another seed gives other predictions and another identity."""
    if not subject.entry.weights:
        raise CheckSkipped("it registers no weights: nothing in it is random")
    other = subject.fit_again(seed=1)
    if _equal(subject.outputs(subject.model), subject.outputs(other)):
        raise CheckFailed(
            "another seed gives the same predictions: members of an ensemble would be equal; "
            "register weights=() if nothing is random"
        )
    if dict(other.identity) == dict(subject.model.identity):
        raise CheckFailed("another seed gives the same identity: its layers would come from cached Grams of this one")
    return "another seed gives other predictions, and another identity"


def starts_every_fit_anew(subject: CheckedTrainable) -> str:
    """Trainable-model check: a fit does not depend on an earlier fit of the same model."""
    subject.skip_if_large()
    first, other = subject.training_set(), subject.training_set()
    other.responses[:] = other.responses[::-1]
    trainable = subject.make_anew()[0]
    subject.fit(trainable, other, seed=2)
    again = subject.fit(trainable, first)
    hint = "start anew in fit, which every split calls"
    return require_equal(
        subject.outputs(subject.model), subject.outputs(again), "Fitted after a fit to other responses", hint
    )


def tolerates_missing_responses(subject: CheckedTrainable) -> str:
    """Trainable-model check: a fit to responses with missing values (NaN) gives finite predictions."""
    _needs_predictions(subject)
    training_set = subject.training_set()
    training_set.responses[::2, 0] = np.nan
    training_set.responses[:, 1] = np.nan
    outputs = subject.outputs(subject.fit_again(training_set=training_set))
    _require_finite(outputs, " where responses are missing (NaN)")
    return "half of the responses of a site missing, and all of another: predictions are finite"


def does_not_train_on_validation_rows(subject: CheckedTrainable) -> str:
    """Trainable-model check: validation rows stop the training and choose its epoch, and are not trained on."""
    _needs_predictions(subject)
    training_set = subject.training_set()
    training_set.responses[training_set.validation] += NUDGE
    nudged = subject.fit_again(training_set=training_set)
    _require_same(
        subject.outputs(subject.model), subject.outputs(nudged), "when the responses of validation rows change a little"
    )
    return "validation rows are not trained on"


def _needs_predictions(subject: CheckedTrainable) -> None:
    if not subject.predicts:
        raise CheckSkipped("it predicts no responses")


def _require_finite(outputs: Activations, where: str = "") -> None:
    if not all(np.isfinite(values).all() for values in outputs.values()):
        raise CheckFailed(f"predictions hold NaN or infinity{where}")


def _require_same(first: Activations, second: Activations, when: str) -> None:
    if not _equal(first, second):
        raise CheckFailed(f"predictions differ {when}")


def _equal(first: Activations, second: Activations) -> bool:
    return all(np.array_equal(values, second[name]) for name, values in first.items())


TRAINING_CHECKS = (
    Check("recipe", has_a_valid_recipe),
    Check("factory", factory_returns_a_trainable_model, needs=("recipe",)),
    Check("fit", fit_returns_a_predictor, needs=("factory",)),
    Check("inputs kept", leaves_inputs_unchanged, needs=("fit",)),
    Check("core kept", leaves_its_core_unchanged, needs=("fit",)),
    Check("alone", predicts_images_independently, needs=("fit",)),
    Check("state", is_restored_from_its_state, needs=("fit",)),
    Check("same seed", trains_reproducibly, needs=("fit",)),
    Check("other seed", depends_on_its_seed, needs=("same seed",)),
    Check("fits apart", starts_every_fit_anew, needs=("same seed",)),
    Check("missing responses", tolerates_missing_responses, needs=("same seed",)),
    Check("validation rows", does_not_train_on_validation_rows, needs=("same seed",)),
)

_BY_NAME: dict[str, Check] = {check.name: check for check in (*REGISTRATION_CHECKS, *IDENTITY_CHECKS)}
_AFTER_FIT = ("candidates", "images first", "real numbers", "layers", "identity")
TRAINABLE_CHECKS: tuple[Check, ...] = (
    _BY_NAME["listing"],
    *TRAINING_CHECKS,
    *(replace(_BY_NAME[name], needs=("fit",)) for name in _AFTER_FIT),
    *ACTIVATION_CHECKS,
    replace(_BY_NAME["other process"], needs=("factory",)),
    _BY_NAME["precision"],
)


def check_trainable(
    entry: ModelEntry,
    registry: Registry,
    start: str | None,
    fresh_process: Callable[[], FreshProcess],
    layers: Sequence[str] = (),
) -> Report:
    """Run the trainable-model checks on one model, on the CPU in float32, by short fits to simulated responses.

    Parameters
    ----------
    entry, registry, start
        See `itbench.check.checked_trainable.CheckedTrainable`.
    fresh_process, layers
        See `itbench.check.model_checks.check_model`.
    """
    if entry.name.endswith(FAMILY):
        member = entry.name.replace("*", "itbench-tiny")
        family = Finding("members", SKIPPED, f"built on any model; check a small one with: itbench check {member}")
        return Report("model", entry.name, (family,))
    findings = run_checks(TRAINABLE_CHECKS, CheckedTrainable(entry, registry, start, layers, fresh_process))
    return Report("model", entry.name, tuple(findings), start or "")
