"""How far a score could have come out otherwise: pictures and sites drawn again, with nothing learnt anew."""

from itbench.bootstrap.draws import OVER, interval, readout_draws
from itbench.bootstrap.measures import MEASURES, Resampled
from itbench.bootstrap.rows import HeldOutRows, scorable
from itbench.bootstrap.sums import agreement_of, moments

__all__ = [
    "MEASURES",
    "OVER",
    "HeldOutRows",
    "Resampled",
    "agreement_of",
    "interval",
    "moments",
    "readout_draws",
    "scorable",
]
