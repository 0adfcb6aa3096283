"""From linear light to an image: exposure, vignette, film curve and grain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .shapes import Floats

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def luminance(light: Floats) -> Floats:
    """Return the luminance of linear colours.

    Parameters
    ----------
    light : (..., 3) array
        Linear red, green and blue.

    Returns
    -------
    (...) array
        Luminance.
    """
    return light @ _LUMINANCE


def develop(light: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Expose and develop an image.

    Parameters
    ----------
    light : (size, size, 3) array of float32
        Linear light.
    rng : numpy.random.Generator
        Source of exposure, tint and grain.

    Returns
    -------
    (size, size, 3) array of uint8
        The image, sRGB.
    """
    size = len(light)
    tint = np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    exposure = rng.uniform(0.28, 0.48) / (luminance(light).mean() + 1e-6)
    across = np.linspace(-1, 1, size, dtype=np.float32)
    vignette = 1 - 0.12 * (across**2 + across[:, None] ** 2)
    light = light * (vignette[..., None] * (np.float32(exposure) * tint))
    # A soft shoulder in place of clipping, then gamma.
    light = np.maximum(light * (1 + light / 3) / (1 + light), 0)
    values = light ** np.float32(1 / 1.9) - np.float32(0.03)
    values += np.float32(0.006) * rng.standard_normal((size, size, 1), np.float32)
    return (np.clip(values, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)
