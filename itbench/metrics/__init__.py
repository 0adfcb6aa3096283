"""Public names for metrics of your own: the mathematics behind ridge, PLS, stacking, CKA, RSA, Procrustes and the rest.

>>> from itbench import Gram
>>> from itbench.metrics import centred_alignment
>>> layer, brain = (Gram.from_features(x) for x in ([[0.0], [1.0], [2.0], [5.0]], [[1.0], [3.0], [5.0], [11.0]]))
>>> round(float(centred_alignment(layer.matrix, brain.matrix)[0]), 6)  # the same geometry
1.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from itbench.util.lazy import lazy_names, make_callable

if TYPE_CHECKING:  # for editors and type checkers
    from itbench.metrics.banded import RandomSearch as RandomSearch
    from itbench.metrics.banded import banded_ridge as banded_ridge
    from itbench.metrics.cka import centred_alignment as centred_alignment
    from itbench.metrics.cka import check_estimator as check_estimator
    from itbench.metrics.features import FeatureGram as FeatureGram
    from itbench.metrics.features import check_features as check_features
    from itbench.metrics.features import non_negative_ridge_readout as non_negative_ridge_readout
    from itbench.metrics.features import soft_matching as soft_matching
    from itbench.metrics.kernel import Eigenbasis as Eigenbasis
    from itbench.metrics.kernel import centre as centre
    from itbench.metrics.kernel import check_components as check_components
    from itbench.metrics.kernel import check_kernel as check_kernel
    from itbench.metrics.kernel import double_centre as double_centre
    from itbench.metrics.kernel import effective_dimensionality as effective_dimensionality
    from itbench.metrics.kernel import eigenbasis as eigenbasis
    from itbench.metrics.kernel import kernel_gram as kernel_gram
    from itbench.metrics.layer_kernels import LayerKernels as LayerKernels
    from itbench.metrics.neighbours import check_neighbours as check_neighbours
    from itbench.metrics.neighbours import mutual_neighbours as mutual_neighbours
    from itbench.metrics.pls import PLSResult as PLSResult
    from itbench.metrics.pls import partial_least_squares as partial_least_squares
    from itbench.metrics.procrustes import CanonicalCorrelations as CanonicalCorrelations
    from itbench.metrics.procrustes import Whitened as Whitened
    from itbench.metrics.procrustes import canonical_correlations as canonical_correlations
    from itbench.metrics.procrustes import check_whitening as check_whitening
    from itbench.metrics.procrustes import partial_whitening as partial_whitening
    from itbench.metrics.procrustes import procrustes_similarity as procrustes_similarity
    from itbench.metrics.rdm import check_distance as check_distance
    from itbench.metrics.rdm import crossnobis as crossnobis
    from itbench.metrics.rdm import rdm_of_gram as rdm_of_gram
    from itbench.metrics.rdm import rdm_of_neural_data as rdm_of_neural_data
    from itbench.metrics.readout import validation_only as validation_only
    from itbench.metrics.reverse import ReverseResult as ReverseResult
    from itbench.metrics.reverse import reverse_prediction as reverse_prediction
    from itbench.metrics.reverse import seeded_folds as seeded_folds
    from itbench.metrics.ridge import ALPHA_GRID as ALPHA_GRID
    from itbench.metrics.ridge import LeaveOneOut as LeaveOneOut
    from itbench.metrics.ridge import check_alphas as check_alphas
    from itbench.metrics.ridge import default_alphas as default_alphas
    from itbench.metrics.ridge import leave_one_out as leave_one_out
    from itbench.metrics.ridge import leave_one_out_least_squares as leave_one_out_least_squares
    from itbench.metrics.ridge import ridge_predict as ridge_predict
    from itbench.metrics.ridge import ridge_readout as ridge_readout
    from itbench.metrics.rsa import check_comparison as check_comparison
    from itbench.metrics.rsa import compare_rdms as compare_rdms
    from itbench.metrics.stacking import check_penalty as check_penalty
    from itbench.metrics.stacking import non_negative_least_squares as non_negative_least_squares
    from itbench.metrics.stacking import stack as stack

_NAMES = {
    "banded": ("RandomSearch", "banded_ridge"),
    "cka": ("centred_alignment", "check_estimator"),
    "features": ("FeatureGram", "check_features", "non_negative_ridge_readout", "soft_matching"),
    "kernel": (
        "Eigenbasis",
        "centre",
        "check_components",
        "check_kernel",
        "double_centre",
        "effective_dimensionality",
        "eigenbasis",
        "kernel_gram",
    ),
    "layer_kernels": ("LayerKernels",),
    "neighbours": ("check_neighbours", "mutual_neighbours"),
    "pls": ("PLSResult", "partial_least_squares"),
    "procrustes": (
        "CanonicalCorrelations",
        "Whitened",
        "canonical_correlations",
        "check_whitening",
        "partial_whitening",
        "procrustes_similarity",
    ),
    "rdm": ("check_distance", "crossnobis", "rdm_of_gram", "rdm_of_neural_data"),
    "readout": ("validation_only",),
    "reverse": ("ReverseResult", "reverse_prediction", "seeded_folds"),
    "ridge": (
        "ALPHA_GRID",
        "LeaveOneOut",
        "check_alphas",
        "default_alphas",
        "leave_one_out",
        "leave_one_out_least_squares",
        "ridge_predict",
        "ridge_readout",
    ),
    "rsa": ("check_comparison", "compare_rdms"),
    "stacking": ("check_penalty", "non_negative_least_squares", "stack"),
}
_PUBLIC = {name: file for file, names in _NAMES.items() for name in names}

__all__ = sorted(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
make_callable(__name__, "itbench.api.tables")  # itbench.metrics() lists what is registered
