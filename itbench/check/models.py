"""The checks of a model, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from itbench.check import behaviour, form
from itbench.check.findings import SKIPPED, Finding, Report, conduct
from itbench.check.fresh import FreshLook
from itbench.check.subject import ModelSubject
from itbench.entries import ModelEntry
from itbench.protocols import Weights

CHECKS = (*form.CHECKS, *behaviour.CHECKS, *form.AFTER_BEHAVIOUR)


def check_model(
    entry: ModelEntry, weights: Weights, fresh: Callable[[], FreshLook], layers: Sequence[str] = ()
) -> Report:
    """Check a model on the CPU in float32.

    Parameters
    ----------
    entry : ModelEntry
    weights : Weights
    fresh : callable
        Returns what another process saw of it, as `itbench.check.fresh.look_afresh` does.
    layers : sequence of str, optional
        Names or patterns of the layers to look at; else the model's candidates.
    """
    if entry.names is not None:
        member = entry.name.replace("*", "NAME")
        many = Finding("members", SKIPPED, f"a family of models; check one with: itbench check {member}")
        return Report("model", entry.name, (many,))
    findings = conduct(CHECKS, ModelSubject(entry, weights, layers, fresh))
    return Report("model", entry.name, tuple(findings), weights.label)
