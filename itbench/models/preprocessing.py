"""Image preprocessing: a standard one for networks that have none, and the input that every preprocessing gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from torchvision.transforms import v2


def resized(pixels: int, mean: float = 0.5, deviation: float = 0.25) -> v2.Compose:
    """Return an image preprocessing that resizes to (3, pixels, pixels) and normalises to (x − mean) / deviation.

    Parameters
    ----------
    pixels : int
        Width and height; images that are not square are squeezed.
    mean, deviation : float
        Of all three channels, for x in [0, 1].

    Examples
    --------
    >>> resized(64)  # doctest: +SKIP
    """
    from torchvision.transforms import v2

    floats = v2.ToDtype(torch.float32, scale=True)  # bytes to [0, 1]; floats stay
    normalised = v2.Normalize((mean,) * 3, (deviation,) * 3)
    return v2.Compose([v2.Resize((pixels, pixels)), v2.ToImage(), floats, normalised])


def as_preprocess_input(image: NDArray[Any]) -> Image.Image | torch.Tensor:
    """Return an image (y, x, 3) as preprocessing takes it: uint8 as PIL image, floats in 0…255 as tensor in [0, 1]."""
    if image.dtype == np.uint8:
        return Image.fromarray(image)
    return torch.from_numpy(image / np.float32(255)).permute(2, 0, 1)
