"""The Python API: score models by name or as objects, and read, compare and explain scores."""

from __future__ import annotations

from typing import Any

import xarray as xr

from itbench.extraction.gram_cache import GramCache
from itbench.plugins import load_plugins
from itbench.registry import Registry
from itbench.scoring.evaluate import evaluate
from itbench.scoring.plan import plan_run
from itbench.util.progress import Reporter, SilentReporter


def score_model(
    model: str,
    benchmark: str = "synthetic-it",
    *,
    registry: Registry | None = None,
    cache: GramCache | None = None,
    reporter: Reporter | None = None,
    **how: Any,
) -> xr.Dataset:
    """Score one model on one benchmark by names; `how` are arguments of `itbench.scoring.plan.plan_run`."""
    run = plan_run(registry or load_plugins(), model, benchmark, **how)
    return evaluate(run, cache or GramCache(), reporter or SilentReporter())
