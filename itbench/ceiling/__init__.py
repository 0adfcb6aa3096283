"""Ceilings: the best that a model can score on noisy recordings, from their repetitions or from other subjects."""

from itbench.ceiling.halves import split_half
from itbench.ceiling.power import Power, power, variance_reliability
from itbench.ceiling.prediction import normalised_correlation, r2_er
from itbench.ceiling.repetitions import count_repetitions, repeated_enough
from itbench.ceiling.sites import METHODS, corrected, site_reliability
from itbench.ceiling.subjects import RDM_METHODS, Bounds, subject_bounds

__all__ = [
    "METHODS",
    "RDM_METHODS",
    "Bounds",
    "Power",
    "corrected",
    "count_repetitions",
    "normalised_correlation",
    "power",
    "r2_er",
    "repeated_enough",
    "site_reliability",
    "split_half",
    "subject_bounds",
    "variance_reliability",
]
