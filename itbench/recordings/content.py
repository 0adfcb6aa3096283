"""What recordings are: a stimulus set and the responses to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from itbench.errors import BadRecordings
from itbench.responses import DIMS
from itbench.stimuli import StimulusSet

PICTURE_DIMS = ("picture_y", "picture_x", "channel")
RESERVED = frozenset({*DIMS, *PICTURE_DIMS, "responses", "pictures"})  # no coordinate of a file is called so


@dataclass(frozen=True, eq=False)
class Recordings:
    """A stimulus set and the responses to it.

    Parameters
    ----------
    name : str
    stimuli : StimulusSet
    responses : DataArray of dims (repetition, stimulus, site)
    about : mapping
        ``region``, ``window`` (ms) and whatever else the file says of itself.
    digests : mapping
        SHA-256 of ``stimuli`` and ``responses``; of a file only.
    """

    name: str
    stimuli: StimulusSet
    responses: xr.DataArray
    about: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if set(self.responses.dims) != set(DIMS):
            raise BadRecordings(
                f"Responses have the dimensions {', '.join(map(str, self.responses.dims))}, not {', '.join(DIMS)}."
            )
        n = self.responses.sizes["stimulus"]
        if n != len(self.stimuli):
            raise BadRecordings(f"{n} stimuli in the responses, but {len(self.stimuli)} pictures.")
        of_stimuli, of_sites = set(self.stimuli.metadata), set(self.site_coordinates()) - {"site"}
        unfit = {name for name in of_stimuli | of_sites if name in RESERVED or not name or "/" in name}
        if unfit:
            raise BadRecordings(f"Coordinates cannot be called {', '.join(map(repr, sorted(unfit)))} in a file.")
        if of_stimuli & of_sites:
            raise BadRecordings(
                f"Stimuli and sites both have a coordinate called {', '.join(sorted(of_stimuli & of_sites))}.",
                todo="Rename one of the two: a file has one variable of a name.",
            )

    def site_coordinates(self) -> dict[str, Any]:
        """Return the flat coordinates of the sites, as xarray takes them."""
        return {
            str(key): ("site", coord.values) for key, coord in self.responses.coords.items() if coord.dims == ("site",)
        }
