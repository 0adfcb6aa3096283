"""Raw activations onto the disk: one HDF5 dataset a layer, streamed in bounded memory, gone on with after a break."""

from __future__ import annotations

from itbench.activations.extraction import extract_activations

__all__ = ["extract_activations"]
