"""The checks of any metric: that it is listed without a framework, and explains its options."""

from __future__ import annotations

from itbench import options
from itbench.check.findings import Doubtful
from itbench.check.sites import MetricSubject


def imports_nothing_heavy(subject: MetricSubject) -> str:
    """Listing metrics takes no framework: the plugin imports none when it is loaded."""
    return subject.fresh().require_light(subject.entry.file)


def explains_its_options(subject: MetricSubject) -> str:
    """Every option has a default and a help text."""
    described = options.describe(type(subject.metric))
    silent = [item["option"] for item in described if not item["help"]]
    if silent:
        raise Doubtful(f"no help for {', '.join(silent)}: field(default=…, metadata={{'help': '…'}})")
    return ", ".join(f"{item['option']}={item['default']}" for item in described) or "no options"
