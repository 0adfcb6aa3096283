"""The floor of a score: a bare forward loop of DenseNet-201 over prepared batches, and one matrix product a layer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from itbench.data.recordings_file import read_recordings
from itbench.models.weights import Weights
from itbench.plugins import load_plugins

BATCH = 32


def main(recordings: str) -> None:
    """Print the seconds of the bare forward loop and of the matrix products, and their rate in FLOP/s."""
    model = load_plugins().model("densenet201").factory(Weights("random"))
    model.place("cpu", "float32")
    images = read_recordings(Path(recordings)).stimuli.images
    n = images.shape[0]
    widths = [int(np.prod(shape)) for shape in model.shapes(images[0], model.layers).values()]
    batches = [model.prepare(images[start : start + BATCH]) for start in range(0, n, BATCH)]
    with torch.inference_mode():
        model.module(batches[0])
        forward = _seconds(lambda: [model.module(batch) for batch in batches])
    panel = torch.randn(n, 65_536)
    rate = 2 * n**2 * 65_536 / min(_seconds(lambda: panel @ panel.T) for _ in range(3))
    print(forward, sum(2 * n**2 * width for width in widths) / rate, rate)


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1])
