"""Draw the images of synthetic-it and simulate IT sites on them.

Majaj, Hong, Solomon & DiCarlo (2015), J. Neurosci. 35, 13402-13418, showed 64 objects of 8 categories at varied
position, size and pose on unrelated backgrounds. Here everything is drawn and simulated from a seed, and every site's
signal and noise variance are known, so that its ceiling is known in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from itbench.data import Recordings, StimulusSet, make_responses

from .drawing.objects import CATEGORIES, make_object
from .drawing.scene import View, draw, sample_view

OBJECTS = 8  # of each category: seeds 0 … 7, which no training set may use
VIEWS = 10  # of each object
SITES = 168
REPETITIONS = 30
PIXELS = 128
ANIMALS = ("A", "B")  # of the first half of the sites, and of the second
SHARES = (6.0, 3.0, 2.0)  # identity, pose, energy: concentrations of the Dirichlet from which a site's shares come
RELIABILITY = (0.6, 0.95)  # of the mean over repetitions, from the noisiest site to the best


def synthetic_it(seed: int = 0, *, views: int = VIEWS, sites: int = SITES, pixels: int = PIXELS) -> Recordings:
    """Draw the images and simulate the sites.

    The response of site s to image i in repetition r is ``signal[s, i] + noise[s, i, r]``. The signal has variance 1
    over the images, and is a sum of three parts in shares that are the site's own: tuning to the object's identity
    (the same at every position, size and pose), tuning to position, size and rotation, and the energy of one Gabor
    filter. The noise is Gaussian with variance v, so the mean over R repetitions has the reliability 1 / (1 + v / R):
    the explained variance that a perfect model reaches, its square root being the correlation.

    Parameters
    ----------
    seed : int
    views : int
        Images of each of the 64 objects.
    sites, pixels : int

    Returns
    -------
    Recordings
        With the site coordinates ``animal`` (two, with half of the sites each), ``signal_variance``,
        ``noise_variance`` (of one repetition), ``reliability`` and the shares ``identity``, ``pose`` and ``energy``.
    """
    objects = [(category, number) for category in CATEGORIES for number in range(OBJECTS)]
    shown = [(category, number) for category, number in objects for _ in range(views)]
    rng = np.random.default_rng((seed, 1))
    seen = [sample_view(rng) for _ in shown]
    images = draw_images(shown, seen, seed=seed, pixels=pixels)
    signal, shares = simulate_signal(images, np.repeat(np.arange(len(objects)), views), seen, sites, seed)
    rng = np.random.default_rng((seed, 2))
    reliability = rng.permutation(np.linspace(*RELIABILITY, sites))
    noise_variance = REPETITIONS * (1 - reliability) / reliability
    noise = rng.standard_normal((REPETITIONS, len(shown), sites)) * np.sqrt(noise_variance)
    ids = [f"{category}{number}-{index % views:02d}" for index, (category, number) in enumerate(shown)]
    metadata = {
        "category": np.array([category for category, _ in shown], dtype=object),
        "object": np.array([f"{category}{number}" for category, number in shown], dtype=object),
        **{name: np.array([getattr(view, name) for view in seen]) for name in View.__dataclass_fields__},
    }
    columns = {
        "animal": [ANIMALS[2 * site // sites] for site in range(sites)],
        "signal_variance": np.ones(sites),
        "noise_variance": noise_variance,
        "reliability": reliability,
        **dict(zip(("identity", "pose", "energy"), shares.T, strict=True)),
    }
    responses = make_responses((signal + noise).astype(np.float32), ids, sites=columns)
    about = {"region": "IT", "source": "drawn and simulated by itbench", "seed": seed}
    return Recordings("synthetic-it", StimulusSet(tuple(ids), images, metadata), responses, about)


def draw_images(
    objects: Sequence[tuple[str, int]], views: Sequence[View], *, seed: int, pixels: int
) -> NDArray[np.uint8]:
    """Draw one image (pixels, pixels, 3) of each object (category, seed) as its view says."""
    solids = {which: make_object(*which) for which in dict.fromkeys(objects)}
    return np.stack(
        [
            draw(solids[which], view, seed=seed * 1_000_003 + index, size=pixels)
            for index, (which, view) in enumerate(zip(objects, views, strict=True))
        ]
    )


def simulate_signal(
    images: NDArray[np.uint8], objects: NDArray[np.intp], views: Sequence[View], sites: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return noiseless responses (stimulus, site) of variance 1, and the shares (site, 3) of their parts."""
    rng = np.random.default_rng((seed, 3))
    parts = simulate_parts(images, objects, views, sites, rng)
    shares = rng.dirichlet(SHARES, sites)
    return mix_parts(parts, shares), shares


def simulate_parts(
    images: NDArray[np.uint8],
    objects: NDArray[np.intp],
    views: Sequence[View],
    sites: int,
    rng: np.random.Generator,
) -> list[NDArray[np.float64]]:
    """Return tuning to identity, tuning to pose, and filter energy of sites, each (stimulus, site)."""
    return [_identity(objects, sites, rng), _pose(views, sites, rng), _energy(images, sites, rng)]


def mix_parts(parts: Sequence[NDArray[np.float64]], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return responses (stimulus, site) of variance 1 of which each part has its share (site, 3)."""
    signal = sum(_standard(part) * np.sqrt(share) for part, share in zip(parts, shares.T, strict=True))
    return _standard(np.asarray(signal))


def objects_and_views(stimuli: StimulusSet) -> tuple[NDArray[np.intp], list[View]]:
    """Return the number of the object (stimulus,) and the view of each drawn image."""
    names = list(dict.fromkeys(stimuli.metadata["object"]))
    objects = np.array([names.index(name) for name in stimuli.metadata["object"]])
    views = [View(*row) for row in zip(*(stimuli.metadata[name] for name in View.__dataclass_fields__), strict=True)]
    return objects, views


def _identity(objects: NDArray[np.intp], sites: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Preferences for categories and for single objects, the same whatever the view."""
    n_objects = int(objects.max()) + 1
    category = rng.standard_normal((len(CATEGORIES), sites))
    single = rng.standard_normal((n_objects, sites))
    preference = category[np.arange(n_objects) // OBJECTS] + 0.5 * single
    return preference[objects]


def _pose(views: Sequence[View], sites: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A Gaussian receptive field, a preferred size and a preferred rotation about the vertical."""
    x, y, size, yaw = (np.array([getattr(view, name) for view in views])[:, None] for name in ("x", "y", "size", "yaw"))
    centre_x, centre_y = rng.uniform(-0.4, 0.4, (2, sites))
    width = rng.uniform(0.2, 0.5, sites)
    field = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * width**2))
    scaling = size * rng.choice([-1.0, 1.0], sites)
    rotation = np.cos(np.deg2rad(yaw - rng.uniform(-90, 90, sites)))
    return _standard(field) + _standard(scaling) + _standard(rotation)


def _energy(images: NDArray[np.uint8], sites: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The energy of one Gabor filter a site: tolerant to phase, not to place."""
    luminance = images.mean(axis=3, dtype=np.float32) / 255 - 0.5
    n, pixels, _ = luminance.shape
    axis = np.linspace(-1, 1, pixels)
    x, y = np.meshgrid(axis, axis)
    energy = np.empty((n, sites))
    for site in range(sites):
        centre = rng.uniform(-0.5, 0.5, 2)
        angle, cycles = rng.uniform(0, np.pi), rng.uniform(2, 6)
        window = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * (0.8 / cycles) ** 2))
        wave = np.exp(1j * np.pi * cycles * (np.cos(angle) * x + np.sin(angle) * y)) * window
        flat = luminance.reshape(n, -1)
        even, odd = flat @ wave.real.ravel().astype(np.float32), flat @ wave.imag.ravel().astype(np.float32)
        energy[:, site] = np.log(even**2 + odd**2 + 1.0)
    return energy


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns of mean 0 and variance 1."""
    return (values - values.mean(axis=0)) / values.std(axis=0)
