"""Simulate spike counts of IT sites on the images of synthetic-it: shared noise, drift, 2 to 10 repetitions.

Counts that vary more than a Poisson process, by gains that sites share: Goris, Movshon & Simoncelli (2014), Nat.
Neurosci. 17, 858-865; by gains and offsets: Lin, Okun, Carandini & Harris (2015), Neuron 87, 644-656.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itbench.data import Recordings, make_responses

from .simulation import mix_parts, objects_and_views, simulate_parts

Array = NDArray[np.float64]
BLOCKS = 10  # of the session: in each, an image is shown once or not at all
FEWEST = 2  # repetitions of an image; at most, it is shown in every block
SPREAD = 0.5  # of the logarithm of a site's mean count
SELECTIVITY = (0.3, 0.8)  # range of the standard deviation of the logarithm of a site's tuned rate
SATURATION = 2.0  # standard deviations of the signal beyond which rates do not change: no image decides over a site
BASELINE = (0.1, 0.4)  # range of the share of a site's mean count that does not depend on the image
SILENT_COUNT = 0.05  # mean count of a nearly silent site


@dataclass(frozen=True)
class Animal:
    """Animal whose spike counts are simulated: how many sites it has and how they respond.

    Parameters
    ----------
    name : str
    sites, untuned, silent : int
        All sites; of these, sites whose expected count is the same for all images, and nearly silent ones.
    shares : tuple of float
        Concentrations of the Dirichlet from which a site's shares of identity, pose and filter energy come.
    count : float
        Median over sites of the mean count of a presentation.
    gain, offset : float
        Largest standard deviation of the logarithm of a shared gain (of two), and of the shared offset.
    overdispersion : float
        Mean over sites of the variance of a site's private gain.
    drift : float
        Largest standard deviation over blocks of a site's sensitivity, as a share of its mean.
    waves : int
        Half waves of the drift in a session.
    """

    name: str
    sites: int
    untuned: int
    silent: int
    shares: tuple[float, float, float]
    count: float
    gain: float
    offset: float
    overdispersion: float
    drift: float
    waves: int


ANIMALS = (  # drifts of unlike waves are orthogonal over blocks: noise is shared within an animal only
    Animal("A", 60, 3, 3, (6.0, 3.0, 2.0), 8.0, 0.25, 0.4, 0.05, 0.10, waves=1),
    Animal("B", 40, 3, 3, (3.0, 6.0, 2.0), 4.0, 0.4, 0.5, 0.10, 0.15, waves=2),
    Animal("C", 20, 2, 2, (2.0, 2.0, 6.0), 2.0, 0.6, 0.6, 0.20, 0.20, waves=3),
)


def synthetic_it_noisy(drawn: Recordings, seed: int = 0, *, animals: tuple[Animal, ...] = ANIMALS) -> Recordings:
    """Simulate spike counts of the sites of several animals on the images of synthetic-it.

    Given the image i and the block k, the count of site s is Poisson with the rate ``d[s, k] * p * (t[i, s] * g[s] +
    b[s] * h[s])``. The tuned part t is exp(selectivity * signal) times a number of the site, of a signal made as in
    synthetic-it and clipped at 2 standard deviations; b is the baseline. The gain g and the offset h come from three
    normal numbers z of the presentation that all sites of an animal share: g = exp(w z[0:2] - |w|² / 2) and
    h = exp(v z[2] - v² / 2), with the site's weights w and v. The private gain p has a gamma distribution. The drift d
    is 1 and a cosine over blocks. All of g, h, p and d have mean 1: the expected count is exactly t + b. An image is
    shown in 2 to 10 blocks, drawn at random.

    Parameters
    ----------
    drawn : Recordings
        synthetic-it: its images, and the object and view of each.
    seed : int
    animals : tuple of Animal

    Returns
    -------
    Recordings
        Repetitions are blocks, NaN where an image was not shown. With the coordinates ``expected_count`` (stimulus,
        site); of sites ``animal``, ``tuning`` (``tuned``, ``untuned`` or ``silent``), the shares ``identity``, ``pose``
        and ``energy``, ``baseline``, ``gain_1``, ``gain_2``, ``offset``, ``overdispersion`` and ``drift``; and
        ``signal_variance``, ``noise_variance`` (of one repetition, averaged over images) and ``reliability`` of the
        mean over repetitions, the expected explained variance of the expected counts.
    """
    stimuli = drawn.stimuli
    n, (objects, views) = len(stimuli), objects_and_views(stimuli)
    shown = schedule(n, np.random.default_rng((seed, 4)))
    random = [np.random.default_rng((seed, 5, number)) for number in range(len(animals))]
    sites = [site_columns(animal, rng) for animal, rng in zip(animals, random, strict=True)]
    columns = {name: np.concatenate([each[name] for each in sites]) for name in sites[0]}
    shares = np.stack([columns[name] for name in ("identity", "pose", "energy")], axis=1)
    rng = np.random.default_rng((seed, 6))
    signal = mix_parts(simulate_parts(stimuli.images[:], objects, views, len(shares), rng), shares)
    tuned = np.exp(columns.pop("selectivity") * np.clip(signal, -SATURATION, SATURATION))
    tuned *= (columns.pop("mean_count") - columns["baseline"]) / tuned.mean(axis=0)
    expected = tuned + columns["baseline"]
    counts = [
        spike_counts(animal, tuned[:, columns["animal"] == animal.name], own, rng)
        for animal, own, rng in zip(animals, sites, random, strict=True)
    ]
    values = np.where(shown[:, :, None], np.concatenate(counts, axis=2), np.nan).astype(np.float32)
    one, mean = noise_variances(expected, columns, shown.sum(axis=0))
    signal_variance = expected.var(axis=0, ddof=1)
    columns |= {
        "signal_variance": signal_variance,
        "noise_variance": one.mean(axis=0),
        "reliability": signal_variance / (signal_variance + mean.mean(axis=0)),
    }
    responses = make_responses(values, stimuli.ids, sites={name: column.tolist() for name, column in columns.items()})
    responses = responses.assign_coords(expected_count=(("stimulus", "site"), expected))
    about = {"region": "IT", "source": "drawn and simulated by itbench", "seed": seed}
    return Recordings("synthetic-it-noisy", stimuli, responses, about)


def schedule(n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which blocks show each image (block, stimulus): 2 to 10 of 10, all numbers alike, chosen at random."""
    repetitions = rng.permutation(np.resize(np.arange(FEWEST, BLOCKS + 1), n))
    return rng.random((BLOCKS, n)).argsort(axis=0) < repetitions


def site_columns(animal: Animal, rng: np.random.Generator) -> dict[str, NDArray]:
    """Draw what the sites of an animal are like: a column (site,) for each property."""
    n = animal.sites
    numbers = (animal.untuned, animal.silent, n - animal.untuned - animal.silent)
    tuning = rng.permutation(np.repeat(["untuned", "silent", "tuned"], numbers))
    count = np.where(tuning == "silent", SILENT_COUNT, animal.count * np.exp(SPREAD * rng.standard_normal(n)))
    return {
        "animal": np.full(n, animal.name),
        "tuning": tuning,
        **dict(zip(("identity", "pose", "energy"), rng.dirichlet(animal.shares, n).T, strict=True)),
        "mean_count": count,
        "selectivity": np.where(tuning == "untuned", 0.0, rng.uniform(*SELECTIVITY, n)),
        "baseline": count * rng.uniform(*BASELINE, n),
        "gain_1": animal.gain * rng.uniform(0.5, 1.0, n),  # of one sign: arousal
        "gain_2": animal.gain * rng.uniform(-1.0, 1.0, n),
        "offset": animal.offset * rng.uniform(0.5, 1.0, n),
        "overdispersion": animal.overdispersion * rng.uniform(0.5, 1.5, n),
        "drift": animal.drift * rng.uniform(0.5, 1.0, n) * rng.choice([-1.0, 1.0], n),
    }


def spike_counts(animal: Animal, tuned: Array, columns: Mapping[str, NDArray], rng: np.random.Generator) -> Array:
    """Draw counts (block, stimulus, site) of an animal's sites whose tuned rates are (stimulus, site)."""
    shared = rng.standard_normal((BLOCKS, len(tuned), 3))
    weights = np.stack([columns["gain_1"], columns["gain_2"]])
    gain = np.exp(shared[..., :2] @ weights - (weights**2).sum(axis=0) / 2)
    offset = np.exp(shared[..., 2:] * columns["offset"] - columns["offset"] ** 2 / 2)
    drift = 1 + np.multiply.outer(drift_curve(animal.waves), columns["drift"])
    spread = columns["overdispersion"]
    private = rng.gamma(1 / spread, spread, gain.shape)
    return rng.poisson(drift[:, None] * private * (tuned * gain + columns["baseline"] * offset)).astype(np.float64)


def drift_curve(waves: int) -> Array:
    """Return half waves of a cosine over the blocks (block,), of mean 0 and variance 1."""
    return np.sqrt(2) * np.cos(np.pi * waves * (np.arange(BLOCKS) + 0.5) / BLOCKS)


def noise_variances(
    expected: Array, columns: Mapping[str, NDArray], repetitions: NDArray[np.integer]
) -> tuple[Array, Array]:
    """Return the exact noise variance of one count, and of the mean over an image's repetitions, (stimulus, site).

    Blocks are drawn without replacement: drift adds its variance / R * (10 - R) / 9 to the mean of R repetitions, and
    all other noise its variance / R.

    Parameters
    ----------
    expected : array of shape (stimulus, site)
    columns : mapping of str to array of shape (site,)
    repetitions : int array of shape (stimulus,)
    """
    baseline, drift = columns["baseline"], columns["drift"] ** 2
    tuned, gain = expected - baseline, np.exp(columns["gain_1"] ** 2 + columns["gain_2"] ** 2)
    square = tuned**2 * gain + 2 * tuned * baseline + baseline**2 * np.exp(columns["offset"] ** 2)  # of the shared rate
    one = expected + (1 + drift) * (1 + columns["overdispersion"]) * square - expected**2
    between = drift * expected**2
    left = (BLOCKS - repetitions) / (BLOCKS - 1)
    return one, (one - between + between * left[:, None]) / repetitions[:, None]
