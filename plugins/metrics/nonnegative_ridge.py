"""Ridge regression on single features with weights of 0 or more, the penalty chosen per site by inner folds.

Lawson & Hanson (1974), Solving Least Squares Problems, chapter 23. Features may excite a site and not inhibit it, so
that the axes of a layer matter. A Gram does not hold single features, so the network runs for every score.
"""

from dataclasses import dataclass, field

from itbench import BadOption, hookimpl
from itbench.metrics import check_alphas, check_features, non_negative_ridge_readout


@hookimpl
def itbench_metrics(register):
    register(
        "nonnegative-ridge",
        NonNegativeRidge,
        description="ridge on single features, weights of 0 or more",
        bibtex="lawson1974",
    )


@dataclass(frozen=True)
class NonNegativeRidge:
    form = "feature-readout"
    formula = (
        "min over b, w ≥ 0 of |y − b − X w|² + α |w|²\n"
        "X: single features of the training images; y: a site's training responses\n"
        "α: minimises the squared error of predictions of inner folds"
    )

    features: int = field(default=512, metadata={"help": "features of a layer at most; wider ones are refused"})
    alphas: tuple[float, ...] | None = field(
        default=None,
        metadata={"help": "penalties to choose from: low:high:count or a,b,c; none: 1e-3:1e4:8 times trace(Kc) / n"},
    )
    inner_folds: int = field(default=5, metadata={"help": "folds of the training images, whose predictions choose α"})

    def __post_init__(self):
        check_features(self.features)
        if self.inner_folds < 2:
            raise BadOption(f"Option inner_folds={self.inner_folds} must be at least 2.")
        object.__setattr__(self, "alphas", check_alphas(self.alphas))

    def __call__(self, gram, responses, train, test):
        return non_negative_ridge_readout(gram, responses, train, test, self.alphas, self.inner_folds)
