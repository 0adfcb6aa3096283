"""The checks of a comparison: what it says of a layer, in another order of images, and of no relation at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from itbench.check.findings import Broken, Check, Doubtful
from itbench.check.metric import MetricSubject, explains_its_options, imports_nothing_heavy
from itbench.data.responses import make_responses
from itbench.metrics.neural_data import NeuralData
from itbench.metrics.protocols import Comparison, ComparisonResult
from itbench.statistics.jackknife import jackknife_groups
from itbench.util.arrays import Array

SLACK = 1e-6  # for sums in another order


def gives_numbers(subject: MetricSubject) -> str:
    """It returns a `ComparisonResult`: a finite value, and one without each group of images."""
    said = compare(subject)
    if not isinstance(said, ComparisonResult):
        raise Broken(f"it returns a {type(said).__name__}, not an itbench.ComparisonResult")
    n_groups = int(groups_of(subject).max()) + 1
    if np.shape(said.without) != (n_groups,):
        raise Broken(f"without has the shape {np.shape(said.without)}, not {(n_groups,)}: a value without each group")
    if not (np.isfinite(said.value) and np.isfinite(said.without).all()):
        raise Broken("a value is NaN or infinite")
    return f"{said.value:.3f} of all images, and {n_groups} values without a group"


def repeats(subject: MetricSubject) -> str:
    """Called twice, it says the same."""
    _require_same(compare(subject), compare(subject), "called twice", 0.0)
    return "the same to the last bit"


def changes_no_input(subject: MetricSubject) -> str:
    """The Gram, the responses and the groups are as they were."""
    gram, recorded, groups = subject.gram, recorded_of(subject.responses), groups_of(subject)
    assert recorded.responses is not None
    given = {"the Gram": gram.matrix, "the responses": recorded.responses.values, "the groups": groups}
    before = {name: array.copy() for name, array in given.items()}
    _metric(subject)(gram, recorded, groups)
    changed = [name for name, array in given.items() if not np.array_equal(array, before[name])]
    if changed:
        raise Broken(f"{', '.join(changed)} changed in place: copy first, the next layer needs them again")
    return "Gram, responses and groups are as they were"


def minds_no_order(subject: MetricSubject) -> str:
    """Images in another order, the same in Gram, responses and groups, give the same."""
    order = np.random.default_rng(1).permutation(len(subject.gram))
    turned = _metric(subject)(
        subject.gram.take(order), recorded_of(subject.responses).take(order), groups_of(subject)[order]
    )
    _require_same(compare(subject), turned, "with the images in another order", SLACK)
    return "the same in another order of images"


def finds_a_relation(subject: MetricSubject) -> str:
    """It is higher for sites that are linear in the features than for the same sites with their images shuffled."""
    shuffled = np.random.default_rng(1).permutation(subject.responses)
    related = compare(subject).value
    chance = _metric(subject)(subject.gram, recorded_of(shuffled), groups_of(subject)).value
    said = f"{related:.2f} of linear sites, {chance:.2f} of shuffled ones"
    if related < chance + 0.05:
        raise Doubtful(f"{said}: the first should be higher")
    return said


def compare(subject: MetricSubject) -> ComparisonResult:
    """Return what the comparison says of the simulated sites."""
    return _metric(subject)(subject.gram, recorded_of(subject.responses), groups_of(subject))


def recorded_of(responses: Array) -> NeuralData:
    """Return the neural side that holds these responses (stimulus, site)."""
    ids = tuple(map(str, range(len(responses))))
    return NeuralData(ids, make_responses(responses.copy(), ids))


def groups_of(subject: MetricSubject) -> NDArray[np.intp]:
    """Return the groups of images to leave out."""
    return jackknife_groups(len(subject.gram))


def _metric(subject: MetricSubject) -> Comparison:
    made: Comparison = subject.metric
    return made


def _require_same(first: ComparisonResult, second: ComparisonResult, when: str, slack: float) -> None:
    one, other = (np.array([said.value, *said.without]) for said in (first, second))
    if not np.allclose(one, other, rtol=0.0, atol=slack * max(1.0, np.abs(one).max())):
        raise Broken(f"values differ {when}")


COMPARISON_CHECKS = (
    Check("listing", imports_nothing_heavy),
    Check("options", explains_its_options),
    Check("numbers", gives_numbers, needs=("options",)),
    Check("repeats", repeats, needs=("numbers",)),
    Check("inputs kept", changes_no_input, needs=("numbers",)),
    Check("order", minds_no_order, needs=("repeats",)),
    Check("relation", finds_a_relation, needs=("repeats",)),
)
