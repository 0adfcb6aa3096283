"""The checks of a readout: what it predicts, and from what."""

from __future__ import annotations

import numpy as np

from itbench.check.findings import Broken, Check, Doubtful, one_line
from itbench.check.metric import SITES, TEST, MetricSubject, explains_its_options, imports_nothing_heavy
from itbench.metrics.protocols import ReadoutResult
from itbench.statistics.explained_variance import explained_variance
from itbench.util.arrays import Array

OUTLIER = 1e6  # standard deviations
SLACK = 1e-6  # of the predictions' scale, for sums in another order
# A prediction that saw its own row follows an outlier there by at least 1 / n of it, n training rows: its share of
# their mean. One from other rows moves only as far as another choice of the penalty moves it: by the others' scale.
FOLLOWS = 1e-3


def gives_a_reading(subject: MetricSubject) -> str:
    """It returns a `ReadoutResult` of the right shapes, and every prediction is finite."""
    reading = subject.reading
    if not isinstance(reading, ReadoutResult):
        raise Broken(f"it returns a {type(reading).__name__}, not an itbench.ReadoutResult")
    shapes = {"predictions": (TEST, SITES), "inner_predictions": (len(subject.train), SITES), "alpha": (SITES,)}
    for name, shape in shapes.items():
        values = getattr(reading, name)
        if np.shape(values) != shape:
            raise Broken(f"{name} have the shape {np.shape(values)}, not {shape}")
        if name != "alpha" and not np.isfinite(values).all():
            raise Broken(f"{name} hold NaN or infinity")
    return f"{TEST} test and {len(subject.train)} training rows at {SITES} sites, all finite"


def repeats(subject: MetricSubject) -> str:
    """Called twice, it says the same."""
    _require_same(subject.reading, subject.read(subject.responses[subject.train]), "called twice", 0.0)
    return "the same to the last bit"


def changes_no_input(subject: MetricSubject) -> str:
    """The Gram, the responses and the rows are as they were."""
    gram = subject.gram
    given = (gram.matrix, gram.row_sums, subject.responses[subject.train], subject.train.copy(), subject.test.copy())
    before = [array.copy() for array in given]
    subject.readout(gram, *given[2:])
    names = ("the Gram", "the row sums", "the responses", "the training rows", "the test rows")
    pairs = zip(names, before, given, strict=True)
    changed = [name for name, old, new in pairs if not np.array_equal(old, new)]
    if changed:
        raise Broken(f"{', '.join(changed)} changed in place: copy first, the next split uses them again")
    return "Gram, responses and rows are as they were"


def takes_each_test_row_by_itself(subject: MetricSubject) -> str:
    """Predictions of a test row do not depend on the others, and inner predictions on none of them."""
    few = subject.read(subject.responses[subject.train], test=subject.test[: TEST // 4])
    whole = subject.reading
    expected = ReadoutResult(whole.predictions[: TEST // 4], whole.inner_predictions, whole.alpha)
    _require_same(expected, few, "with fewer test rows; a centre or a scale may be learnt from training rows only")
    return "no test row enters what is said of another row"


def looks_at_its_rows_only(subject: MetricSubject) -> str:
    """Rows of the Gram that neither train nor test do not enter."""
    gram = subject.gram
    gram.matrix[subject.unused] = gram.matrix[:, subject.unused] = gram.row_sums[subject.unused] = np.nan
    try:
        reading = subject.read(subject.responses[subject.train], gram=gram)
    except Exception as error:
        raise Broken(f"with NaN in rows that neither train nor test: {one_line(error)}") from error
    _require_same(subject.reading, reading, "when rows that neither train nor test change")
    return "rows that neither train nor test do not enter"


def takes_each_site_by_itself(subject: MetricSubject) -> str:
    """Sites in another order get the same predictions."""
    order = np.arange(SITES)[::-1]
    turned = subject.read(subject.responses[subject.train][:, order])
    back = ReadoutResult(turned.predictions[:, order], turned.inner_predictions[:, order], turned.alpha[order])
    _require_same(subject.reading, back, "with the sites in another order")
    return "the same in another order of sites"


def predicts_inner_rows_from_others(subject: MetricSubject) -> str:
    """A training row's inner prediction does not follow its own response: the layer is chosen by it."""
    responses = subject.responses[subject.train]
    rows = np.arange(SITES) * 7  # of each site another one
    sites = np.arange(SITES)
    shifted = responses.copy()
    shifted[rows, sites] += OUTLIER
    moved = subject.read(shifted).inner_predictions - subject.reading.inner_predictions
    share = float((moved[rows, sites] / OUTLIER).max())
    if share > FOLLOWS:
        raise Broken(
            f"the inner prediction of a training row follows its own response by {share:.1%}: it must come from other "
            "rows only, by leave-one-out or inner folds, since the layer is chosen by it"
        )
    return "no training row predicts itself"


def finds_a_signal(subject: MetricSubject) -> str:
    """It explains sites that are linear in the features, and nothing of sites that are not related to them."""
    shuffled = np.random.default_rng(1).permutation(subject.responses)
    signal = _explained(subject.responses[subject.test], subject.reading.predictions)
    chance = _explained(shuffled[subject.test], subject.read(shuffled[subject.train]).predictions)
    said = f"EV {signal:.2f} of linear sites, {chance:.2f} of shuffled ones"
    if signal < 0.5 or chance > 0.1:
        raise Doubtful(f"{said}; above 0.5 and below 0.1 expected")
    return said


def _explained(recorded: Array, predicted: Array) -> float:
    return float(explained_variance(recorded, predicted).mean())


def _require_same(first: ReadoutResult, second: ReadoutResult, when: str, slack: float = SLACK) -> None:
    for name in ("predictions", "inner_predictions", "alpha"):
        one, other = getattr(first, name), getattr(second, name)
        scale = np.nanmax(np.abs(one), initial=0.0)
        if not np.allclose(one, other, rtol=0.0, atol=slack * scale, equal_nan=True):
            raise Broken(f"{name} differ {when}")


READOUT_CHECKS = (
    Check("listing", imports_nothing_heavy),
    Check("options", explains_its_options),
    Check("reading", gives_a_reading, needs=("options",)),
    Check("repeats", repeats, needs=("reading",)),
    Check("inputs kept", changes_no_input, needs=("reading",)),
    Check("test rows", takes_each_test_row_by_itself, needs=("repeats",)),
    Check("other rows", looks_at_its_rows_only, needs=("repeats",)),
    Check("sites", takes_each_site_by_itself, needs=("repeats",)),
    Check("inner predictions", predicts_inner_rows_from_others, needs=("repeats",)),
    Check("signal", finds_a_signal, needs=("repeats",)),
)
