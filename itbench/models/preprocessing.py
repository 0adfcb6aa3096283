"""Preprocessing of networks that bring none."""

from __future__ import annotations

import torch
from torchvision.transforms import v2


def resized(pixels: int, mean: float = 0.5, deviation: float = 0.25) -> v2.Compose:
    """Return what brings an image to a tensor (3, pixels, pixels) of (x − mean) / deviation, x in [0, 1].

    Parameters
    ----------
    pixels : int
        Of the width and the height; images that are not square are squeezed.
    mean, deviation : float
        Of all three channels.

    Examples
    --------
    >>> resized(64)  # doctest: +SKIP
    """
    floats = v2.ToDtype(torch.float32, scale=True)  # bytes to [0, 1]; floats stay
    normalised = v2.Normalize((mean,) * 3, (deviation,) * 3)
    return v2.Compose([v2.Resize((pixels, pixels)), v2.ToImage(), floats, normalised])
