"""Mutual nearest neighbours: how many of an image's k nearest images in a layer are also nearest in the responses.

Huh, Cheung, Wang & Isola (2024), The Platonic Representation Hypothesis, ICML. Only the order of near distances counts,
so that a few large directions of either side decide less than in CKA. Unrelated sides have k / (n - 1) of n images.
"""

from dataclasses import dataclass, field

import numpy as np

from itbench import ComparisonResult, hookimpl
from itbench.metrics import check_distance, check_neighbours, mutual_neighbours, rdm_of_gram, rdm_of_neural_data

TIES = 0.01  # of the images: where it is worth a warning


@hookimpl
def itbench_metrics(register):
    register(
        "mutual-knn",
        MutualNeighbours,
        description="share of nearest images that layer and responses share",
        bibtex="huh2024",
    )


@dataclass(frozen=True)
class MutualNeighbours:
    form = "comparison"
    measure = "mutual_knn"
    formula = (
        "mean over images of |N(i) ∩ M(i)| / k\nN(i), M(i): the k images nearest to i in the layer and in the responses"
    )

    k: int = field(default=10, metadata={"help": "nearest neighbours of each image"})
    distance: str = field(default="cosine", metadata={"help": "cosine, euclidean, correlation or crossnobis"})

    def __post_init__(self):
        check_neighbours(self.k)
        check_distance(self.distance)

    def __call__(self, gram, recorded, groups):
        model, brain = rdm_of_gram(gram, self.distance), rdm_of_neural_data(recorded, self.distance)
        (value, *without), tied = mutual_neighbours(model, brain, self.k, groups)
        return ComparisonResult(float(value), np.array(without), tuple(self.remarks(tied, len(gram))))

    def remarks(self, tied, n):
        """Say where images are equally far at the last place."""
        for count, side in zip(tied, ("layer", "responses"), strict=True):
            if count > TIES * n:
                yield f"{count} of {n} images have several {self.k}-th nearest ones in the {side}, which share a place"
