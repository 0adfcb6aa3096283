"""What a model that learns must do: the same from the same, nothing from what it must not see."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from itbench.check.findings import SKIPPED, Broken, Check, Finding, NotHere, Report, conduct, count
from itbench.check.fresh_process import FreshLook
from itbench.check.model import Activations, require_equal
from itbench.check.model_checks import ACTIVATION_CHECKS, AFTER_BEHAVIOUR, SELF_DESCRIPTION_CHECKS, Settling
from itbench.check.trainable import SITES, LearnerSubject
from itbench.registry import FAMILY, ModelEntry, Registry

NUDGE = 1e-3  # Hz: what is learnt from it shows, and no choice among epochs or penalties turns on it


def has_its_recipe(subject: LearnerSubject) -> str:
    """The recipe can be read, its options are those of the factory, and the metric is one that there is."""
    recipe = subject.learner.recipe
    assert recipe is not None
    if subject.entry.metric:
        subject.registry.metric(subject.entry.metric)
    try:
        inspect.signature(subject.entry.factory).bind(None, **recipe.options)
    except TypeError as error:
        raise Broken(f"the options of {subject.entry.recipe} are not those of the factory: {error}") from error
    core = f"built on {recipe.core}, " if recipe.core else ""
    return f"{subject.entry.recipe}: {core}{count(recipe.options, 'option')}"


def makes_a_trainable(subject: LearnerSubject) -> str:
    """The factory returns an `itbench.TrainableModel`."""
    return f"the factory returns a {type(subject.trainable).__name__}, weights {subject.learner.weights.label}"


def learns(subject: LearnerSubject) -> str:
    """A fit gives an `itbench.Predictor`, whose predictions have their shape and are finite."""
    said = subject.says(subject.model)
    if not subject.predicts:
        return "it learns no responses: its layers are read out"
    shape = (len(subject.images), SITES)
    if said["output"].shape != shape:
        raise Broken(f"predict gives an array of shape {said['output'].shape}, not {shape}")
    _require_finite(said)
    return f"fitted on a few images, it predicts {SITES} sites"


def keeps_inputs(subject: LearnerSubject) -> str:
    """What a fit is given is as it was."""
    given, kept = subject.given.arrays(), subject.kept.arrays()
    changed = [name for name, array in given.items() if not np.array_equal(array, kept[name])]
    if changed:
        raise Broken(f"{' and '.join(changed)} changed in place: copy first, the next split uses them again")
    return "images, responses and rows are as they were"


def keeps_its_core(subject: LearnerSubject) -> str:
    """The model that it is built on is as it was."""
    core = subject.core
    if core is None:
        return "it is built on no other model"
    unsettled = core.left_in_training_mode() if isinstance(core, Settling) else []
    after = subject.core_says()
    changed = [layer for layer, values in subject.before.items() if not np.array_equal(values, after[layer])]
    if changed or unsettled:
        what = f"gives other activations in {changed[0]}" if changed else f"is left in training mode: {unsettled[0]}"
        raise Broken(f"after a fit its core {what}; train a copy, copy.deepcopy(core.module)")
    return "the core is as it was"


def predicts_each_image_by_itself(subject: LearnerSubject) -> str:
    """An image has the same prediction alone, in a batch, and at another place in it."""
    _needs_predictions(subject)
    together, model = subject.says(subject.model), subject.model
    alone = np.concatenate([subject.says(model, image[None])["output"] for image in subject.images])
    turned = subject.says(model, subject.images[::-1])["output"][::-1]
    hint = "batch norm in training mode, or a mean over the batch?"
    said = require_equal(together, {"output": alone}, "Alone and in a batch", hint)
    require_equal(together, {"output": turned}, "In another order", hint)
    return f"alone, in a batch and in another order: {said}"


def comes_back_from_its_state(subject: LearnerSubject) -> str:
    """What another process restores from the state predicts the same to the bit, and has the same identity."""
    restored = subject.restored()
    _require_same(subject.says(subject.model), subject.says(restored), "restored from its state")
    if dict(restored.identity) != dict(subject.model.identity):
        raise Broken("restored from its state, it has another identity: cached Grams would never be found")
    return f"{count(subject.model.state, 'array')} hold all that was learnt"


def learns_alike_twice(subject: LearnerSubject) -> str:
    """Two fits with one seed give the same."""
    again = subject.says(subject.fit_again())
    hint = "is every random number drawn from the training's seed?"
    return require_equal(subject.says(subject.model), again, "Fitted twice with one seed", hint)


def follows_its_seed(subject: LearnerSubject) -> str:
    """A fit with another seed gives something else."""
    if not subject.entry.weights:
        raise NotHere("it registers no weights: nothing in it is random")
    other = subject.fit_again(seed=1)
    if _equal(subject.says(subject.model), subject.says(other)):
        raise Broken("another seed gives the same: the members of an ensemble would be one; register weights=() if so")
    if dict(other.identity) == dict(subject.model.identity):
        raise Broken("another seed gives the same identity: its layers would come from cached Grams of this one")
    return "another seed gives other predictions, and another identity"


def keeps_nothing_between_fits(subject: LearnerSubject) -> str:
    """A fit does not depend on what the same model learnt before."""
    subject.refuse_large()
    first, other = subject.lesson(), subject.lesson()
    other.responses[:] = other.responses[::-1]
    trainable = subject.begin()[0]
    subject.fit(trainable, other, seed=2)
    again = subject.fit(trainable, first)
    hint = "begin anew in fit: every split has its own"
    return require_equal(
        subject.says(subject.model), subject.says(again), "Fitted after it had learnt from other responses", hint
    )


def learns_from_what_there_is(subject: LearnerSubject) -> str:
    """With responses missing, the others are learnt from, and predictions are finite."""
    _needs_predictions(subject)
    lesson = subject.lesson()
    lesson.responses[::2, 0] = np.nan
    lesson.responses[:, 1] = np.nan
    said = subject.says(subject.fit_again(lesson=lesson))
    _require_finite(said, " where responses are missing (NaN)")
    return "half of the responses of a site missing, and all of another: predictions are finite"


def leaves_validation_rows_alone(subject: LearnerSubject) -> str:
    """Validation rows stop the training and choose; they are not learnt from."""
    _needs_predictions(subject)
    lesson = subject.lesson()
    lesson.responses[lesson.validation] += NUDGE
    nudged = subject.fit_again(lesson=lesson)
    _require_same(
        subject.says(subject.model), subject.says(nudged), "when the responses of validation rows change a little"
    )
    return "validation rows are not learnt from"


def _needs_predictions(subject: LearnerSubject) -> None:
    if not subject.predicts:
        raise NotHere("it learns no responses")


def _require_finite(said: Activations, where: str = "") -> None:
    if not all(np.isfinite(values).all() for values in said.values()):
        raise Broken(f"predictions hold NaN or infinity{where}")


def _require_same(first: Activations, second: Activations, when: str) -> None:
    if not _equal(first, second):
        raise Broken(f"predictions differ {when}")


def _equal(first: Activations, second: Activations) -> bool:
    return all(np.array_equal(values, second[name]) for name, values in first.items())


TRAINING_CHECKS = (
    Check("recipe", has_its_recipe),
    Check("factory", makes_a_trainable, needs=("recipe",)),
    Check("fit", learns, needs=("factory",)),
    Check("inputs kept", keeps_inputs, needs=("fit",)),
    Check("core kept", keeps_its_core, needs=("fit",)),
    Check("alone", predicts_each_image_by_itself, needs=("fit",)),
    Check("state", comes_back_from_its_state, needs=("fit",)),
    Check("same seed", learns_alike_twice, needs=("fit",)),
    Check("other seed", follows_its_seed, needs=("same seed",)),
    Check("fits apart", keeps_nothing_between_fits, needs=("same seed",)),
    Check("missing responses", learns_from_what_there_is, needs=("same seed",)),
    Check("validation rows", leaves_validation_rows_alone, needs=("same seed",)),
)

_OF_MODELS: dict[str, Check] = {check.name: check for check in (*SELF_DESCRIPTION_CHECKS, *AFTER_BEHAVIOUR)}
TRAINABLE_CHECKS: tuple[Check, ...] = (
    _OF_MODELS["listing"],
    *TRAINING_CHECKS,
    *(replace(_OF_MODELS[name], needs=("fit",)) for name in ("candidates", "layers", "identity")),
    *ACTIVATION_CHECKS,
    replace(_OF_MODELS["other process"], needs=("factory",)),
    _OF_MODELS["precision"],
)


def check_trainable(
    entry: ModelEntry,
    registry: Registry,
    start: str | None,
    fresh: Callable[[], FreshLook],
    layers: Sequence[str] = (),
) -> Report:
    """Check a model that learns on the CPU in float32, by small fits to simulated responses.

    Parameters
    ----------
    entry, registry, start
        As of `itbench.check.trainable.LearnerSubject`.
    fresh, layers
        As of `itbench.check.model_checks.check_model`.
    """
    if entry.name.endswith(FAMILY):
        member = entry.name.replace("*", "itbench-tiny")
        many = Finding("members", SKIPPED, f"built on any model; check it on a small one with: itbench check {member}")
        return Report("model", entry.name, (many,))
    findings = conduct(TRAINABLE_CHECKS, LearnerSubject(entry, registry, start, layers, fresh))
    return Report("model", entry.name, tuple(findings), start or "")
