"""Recordings: pictures and the responses to them, in one self-describing HDF5 file.

The file is netCDF-4: ``pictures`` (stimulus, picture_y, picture_x, channel), uint8 or, where that would not be exact,
float32 in 0…255; ``responses`` (repetition, stimulus, site) with NaN where there was no repetition; and flat
coordinates of stimuli and sites as variables of one dimension. Where a recording has only dissimilarities, ``rdms``
(subject, stimulus, other_stimulus) stands in the place of the responses. Any HDF5 or netCDF reader opens it.
"""

from itbench.recordings.content import RDM_DIMS, RESERVED, Recordings
from itbench.recordings.reading import read_recordings
from itbench.recordings.writing import write_recordings

__all__ = ["RDM_DIMS", "RESERVED", "Recordings", "read_recordings", "write_recordings"]
