"""Noise as in photographs, and softening.

Both avoid matrix products, whose threads cost more than the work where several images are drawn at once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .shapes import Floats


def noise(rng: np.random.Generator, size: int, steepness: float) -> Floats:
    """Return noise whose amplitude falls with spatial frequency, of mean 0 and deviation about 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the noise.
    size : int
        Pixels along a side.
    steepness : float
        Exponent of the fall: 0 for white noise, 1 as in sharp photographs, above 2 for clouds.

    Returns
    -------
    (size, size) array of float32
        The noise.
    """
    frequency = _frequencies(size)
    amplitude = frequency ** np.float32(-steepness)
    amplitude[0, 0] = 0
    parts = rng.standard_normal((2, *frequency.shape), np.float32)
    field = np.fft.irfft2(amplitude * (parts[0] + np.complex64(1j) * parts[1]), s=(size, size), norm="forward")
    # Each column but the first stands for its mirror image too, at twice the amplitude.
    deviation = np.sqrt(np.square(amplitude[:, 0]).sum() + 4 * np.square(amplitude[:, 1:]).sum())
    return (field / deviation).astype(np.float32)


def soften(image: Floats, passes: int) -> Floats:
    """Return an image blurred by 1-2-1 filters along both sides.

    Parameters
    ----------
    image : (h, w, c) array of float32
        Any number of channels.
    passes : int
        How often; the deviation of the blur is the square root of half of it, in pixels.

    Returns
    -------
    (h, w, c) array of float32
        The blurred image; its edges repeat outwards.
    """
    for _ in range(passes):
        tall = np.concatenate([image[:1], image, image[-1:]])
        image = tall[1:-1] * np.float32(0.5) + (tall[:-2] + tall[2:]) * np.float32(0.25)
        wide = np.concatenate([image[:, :1], image, image[:, -1:]], axis=1)
        image = wide[:, 1:-1] * np.float32(0.5) + (wide[:, :-2] + wide[:, 2:]) * np.float32(0.25)
    return image


@lru_cache(maxsize=8)
def _frequencies(size: int) -> Floats:
    """Return the cycles per image of each term of a real Fourier transform, 1 for the mean."""
    down, across = np.fft.fftfreq(size, 1 / size), np.fft.rfftfreq(size, 1 / size)
    return np.maximum(np.hypot(down[:, None], across), 1).astype(np.float32)
