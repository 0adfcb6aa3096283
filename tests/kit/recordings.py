"""Small simulated recordings with missing responses."""

import numpy as np

from itbench.data.recordings import Recordings
from itbench.data.responses import make_responses
from itbench.data.stimuli import StimulusSet

CATEGORIES = ["cat", "dög", "", "car", "cat", "cat"]


def recordings(values=None, metadata=None, sites=None, about=None, images=None):
    """Six images of 4 × 5 pixels, three sites, two repetitions, of which some are missing."""
    if values is None:
        values = np.random.default_rng(0).standard_normal((2, 6, 3))
        values[1, 2, 0] = values[:, 4, 1] = np.nan
    if images is None:
        images = np.random.default_rng(1).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    ids = tuple(f"bild ä {number}" for number in range(6))
    metadata = {"category": np.array(CATEGORIES, dtype=object)} if metadata is None else metadata
    return Recordings("mine", StimulusSet(ids, images, metadata), make_responses(values, ids, sites=sites), about or {})
