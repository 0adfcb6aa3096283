"""Write the contact sheet docs/synthetic-it.jpg: one image of each object of synthetic-it."""

from pathlib import Path

import numpy as np
from PIL import Image

from itbench.plugins import load_plugins

DOCS = Path(__file__).resolve().parent.parent / "docs"


def main() -> None:
    """Write the contact sheet of synthetic-it, one category in each row."""
    stimuli = load_plugins().benchmark("synthetic-it").load().stimuli
    objects = stimuli.metadata["object"]
    first = [int(np.flatnonzero(objects == name)[index % 3]) for index, name in enumerate(dict.fromkeys(objects))]
    tiles = np.stack([stimuli.images[row] for row in first])
    n, y, x, channels = tiles.shape
    sheet = tiles.reshape(8, n // 8, y, x, channels).swapaxes(1, 2).reshape(8 * y, n // 8 * x, channels)
    Image.fromarray(sheet).save(DOCS / "synthetic-it.jpg", quality=88)


if __name__ == "__main__":
    main()
