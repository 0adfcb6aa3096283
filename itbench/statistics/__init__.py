"""Public names for statistics of responses and predictions: explained variance, noise ceilings, intervals and tests.

>>> import numpy as np
>>> from itbench.statistics import explained_variance
>>> explained_variance(recorded=np.array([[1.0], [2.0], [3.0]]), predicted=np.array([[1.0], [2.0], [2.0]]))
array([0.66666667])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from itbench.statistics.explained_variance import explained_variance as explained_variance  # not its file
from itbench.util.lazy import lazy_names

if TYPE_CHECKING:  # for editors and type checkers
    from itbench.statistics.bootstrap import bootstrap_draws as bootstrap_draws
    from itbench.statistics.bootstrap import percentile_interval as percentile_interval
    from itbench.statistics.bootstrap import two_sided_p as two_sided_p
    from itbench.statistics.brainscore import brainscore_ratio as brainscore_ratio
    from itbench.statistics.brainscore import brainscore_splits as brainscore_splits
    from itbench.statistics.brainscore import internal_consistency as internal_consistency
    from itbench.statistics.explained_variance import correlation as correlation
    from itbench.statistics.explained_variance import variance_shares as variance_shares
    from itbench.statistics.jackknife import JackknifeSums as JackknifeSums
    from itbench.statistics.jackknife import cross_validated_choice as cross_validated_choice
    from itbench.statistics.jackknife import jackknife_draws as jackknife_draws
    from itbench.statistics.jackknife import jackknife_error as jackknife_error
    from itbench.statistics.jackknife import jackknife_groups as jackknife_groups
    from itbench.statistics.noise_ceiling import ceiling_corrected as ceiling_corrected
    from itbench.statistics.noise_ceiling import rdm_ceiling as rdm_ceiling
    from itbench.statistics.noise_ceiling import site_reliability as site_reliability
    from itbench.statistics.noise_power import Power as Power
    from itbench.statistics.noise_power import normalised_correlation as normalised_correlation
    from itbench.statistics.noise_power import r2_er as r2_er
    from itbench.statistics.noise_power import signal_and_noise_power as signal_and_noise_power
    from itbench.statistics.noise_power import variance_reliability as variance_reliability
    from itbench.statistics.permutation import PermutationResult as PermutationResult
    from itbench.statistics.permutation import benjamini_hochberg as benjamini_hochberg
    from itbench.statistics.permutation import permutation_test as permutation_test
    from itbench.statistics.ranks import rank_intervals as rank_intervals
    from itbench.statistics.reliability import spearman_brown as spearman_brown
    from itbench.statistics.reliability import split_half as split_half

_NAMES = {
    "bootstrap": ("bootstrap_draws", "percentile_interval", "two_sided_p"),
    "brainscore": ("brainscore_ratio", "brainscore_splits", "internal_consistency"),
    "explained_variance": ("correlation", "explained_variance", "variance_shares"),
    "jackknife": ("JackknifeSums", "cross_validated_choice", "jackknife_draws", "jackknife_error", "jackknife_groups"),
    "noise_ceiling": ("ceiling_corrected", "rdm_ceiling", "site_reliability"),
    "noise_power": ("Power", "normalised_correlation", "r2_er", "signal_and_noise_power", "variance_reliability"),
    "permutation": ("PermutationResult", "benjamini_hochberg", "permutation_test"),
    "ranks": ("rank_intervals",),
    "reliability": ("spearman_brown", "split_half"),
}
_PUBLIC = {name: file for file, names in _NAMES.items() for name in names}

__all__ = sorted(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
