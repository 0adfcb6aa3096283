"""How recordings lie in their file: its variables by dimension, and the digests of its parts."""

from __future__ import annotations

from typing import Any

import h5py

from itbench.files import ArrayInBlocks, digest
from itbench.recordings.blocks import blocks
from itbench.stimuli import StimulusSet

FORMAT = "itbench recordings 1"


def digests_of(file: h5py.File, stimuli: StimulusSet) -> dict[str, str]:
    """Return the SHA-256 of pictures, of responses or RDMs and of all that the file holds, read a block at a time."""
    only_rdms = "rdms" in file
    pictures, responses = stimuli.content_digest(), digest(_in_blocks(file["rdms" if only_rdms else "responses"]))
    columns = {key: columns_of(file, key) for key in ("stimulus", "subject" if only_rdms else "site")}
    flat = [part for key in columns for name, column in sorted(columns[key].items()) for part in (key, name, column)]
    content = digest(str(file.attrs["name"]), str(file.attrs["about"]), pictures, responses, *flat)
    return {"stimuli": pictures, "responses": responses, "content": content}


def columns_of(file: h5py.File, dimension: str) -> dict[str, Any]:
    """Return the variables of one dimension, text as text; those of stimuli without their ids."""
    scale = file[dimension].name
    columns = {}
    for name, variable in file.items():
        own = name == dimension != "stimulus"
        along = variable.ndim == 1 and variable.name != scale and _dimension(file, variable) == scale
        if own or along:
            columns[name] = variable.asstr()[:] if h5py.check_string_dtype(variable.dtype) else variable[:]
    return columns


def _in_blocks(variable: h5py.Dataset) -> ArrayInBlocks:
    where = blocks(variable.shape, variable.dtype.itemsize)
    return ArrayInBlocks(variable.dtype, variable.shape, (variable[index] for index in where))


def _dimension(file: h5py.File, variable: h5py.Dataset) -> str:
    references = variable.attrs.get("DIMENSION_LIST")
    return file[references[0][0]].name if references is not None else ""
