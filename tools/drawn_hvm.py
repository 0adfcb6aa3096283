"""A drawn stand-in for the experiment of Majaj & Hong (2015), of its full size, for the tools that write its files."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from majaj_files import Experiment, resized
from numpy.typing import NDArray

from plugins.datasets.majaj_course.course_file import CATEGORY_OF
from plugins.datasets.synthetic_it.drawing.objects import CATEGORIES, make_object
from plugins.datasets.synthetic_it.drawing.scene import View, draw, sample_view
from plugins.datasets.synthetic_it.simulation import simulate_signal

DRAWN = 64  # pixels that the objects are drawn at; then enlarged
GRAIN = 1.5  # standard deviation of the noise over the enlarged image, so that files compress as photographs do

cached_object = lru_cache(maxsize=64)(make_object)


@dataclass(frozen=True)
class DrawnExperiment(Experiment):
    """3,200 images of 64 drawn objects, 168 IT and 88 V4 sites simulated on them, 28 or 51 repetitions."""

    n: int = 3200
    size: int = 256
    n_objects: int = 64
    neuroids: Mapping[str, int] = field(default_factory=lambda: {"IT": 168, "V4": 88})
    repetitions: Mapping[int, int] = field(default_factory=lambda: {0: 28, 3: 51})

    @cached_property
    def numbers(self) -> list[int]:
        """Of each image's object, among the 64."""
        order = {name: number for number, name in enumerate(CATEGORY_OF)}
        return [order[name] for name in self.objects]

    @cached_property
    def views(self) -> list[View]:
        return [sample_view(self.rng(8, row)) if varied else View() for row, varied in enumerate(self.variation)]

    @cached_property
    def drawn(self) -> NDArray[np.uint8]:
        """All images (stimulus, y, x, 3), small."""
        with ProcessPoolExecutor() as pool:
            images = pool.map(draw_one, self.numbers, self.views, range(self.n), chunksize=64)
            return np.stack(list(images))

    @cached_property
    def signal(self) -> NDArray[np.float64]:
        """Responses (stimulus, neuroid) without noise."""
        objects, sites = np.array(self.numbers), len(self.regions)
        return simulate_signal(self.drawn, objects, self.views, sites, self.seed)[0]

    def image(self, row: int) -> NDArray[np.uint8]:
        grain = GRAIN * self.rng(5, row).standard_normal((self.size, self.size, 3), dtype=np.float32)
        return np.clip(resized(self.drawn[row], self.size) + grain, 0, 255).astype(np.uint8)

    def responses(self, row: int) -> NDArray[np.float32]:
        noise = super().responses(row)
        return (self.signal[row] + np.linspace(2, 5, noise.shape[1]) * noise).astype(np.float32)


def draw_one(number: int, view: View, seed: int) -> NDArray[np.uint8]:
    """Draw one image of one of the 64 objects."""
    return draw(cached_object(CATEGORIES[number // 8], number % 8), view, seed=seed, size=DRAWN)
