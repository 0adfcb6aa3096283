"""Ridge regression on principal components, the penalty chosen per site by leave-one-out.

Hoerl & Kennard (1970), Technometrics 12, 55-67. Explained variance and Pearson's correlation on held-out images,
per site. Everything is fitted on the training images alone.
"""

from dataclasses import dataclass, field

from itbench import hookimpl
from itbench.metrics import check_alphas, check_components, check_kernel, kernel_gram, ridge_readout


@hookimpl
def itbench_metrics(register):
    register(
        "ridge",
        Ridge,
        description="ridge on principal components: explained variance and correlation",
        bibtex="hoerl1970",
    )


@dataclass(frozen=True)
class Ridge:
    formula = (
        "min over b, w of |y − b − T w|² + α |w|²\n"
        "T: principal components of the training images; y: a site's training responses\n"
        "α: minimises the leave-one-out error, mean of ((y − ŷ) / (1 − h))², h: leverage of an image"
    )

    components: int | None = field(default=1000, metadata={"help": "principal components at most; none: all features"})
    alphas: tuple[float, ...] | None = field(
        default=None,
        metadata={"help": "penalties to choose from: low:high:count or a,b,c; none: 1e-6:1e8:29 times trace(Kc) / n"},
    )
    alpha: float | None = field(default=None, metadata={"help": "one fixed penalty instead of the choice"})
    per_site: bool = field(default=True, metadata={"help": "choose a penalty for each site; false: one for all sites"})
    kernel: str = field(default="linear", metadata={"help": "linear, cosine or rbf"})
    width: float = field(
        default=1.0, metadata={"help": "of rbf, in units of the median squared distance between training images"}
    )

    def __post_init__(self):
        check_components(self.components)
        check_kernel(self.kernel, self.width)
        if self.alpha is not None:
            check_alphas((self.alpha,))
        object.__setattr__(self, "alphas", check_alphas(self.alphas))

    def __call__(self, gram, responses, train, test, validation=None):
        kernel = kernel_gram(gram, train, self.kernel, self.width)
        alphas = self.alphas if self.alpha is None else (self.alpha,)
        how = {"per_site": self.per_site, "validation": validation}
        return ridge_readout(kernel, responses, train, test, self.components, alphas, **how)
