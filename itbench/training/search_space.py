"""Search space of a tuning study: the ranges and choices of each recipe key."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from itbench.errors import BadOption, UnknownName
from itbench.models.recipe import Recipe

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

KEYS = ("low", "high", "log")
# Model, classes and validation images: trials that differ in these cannot be compared.
FIXED = ("core", "label", "tune", "validation")


@dataclass(frozen=True)
class Range:
    """Range in a search space: numbers from `low` to `high`, drawn uniformly or, with `log`, log-uniformly."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def distribution(self) -> BaseDistribution:
        """Return the optuna distribution."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def value(self, drawn: Any) -> Any:
        """Convert optuna to recipe."""
        return drawn

    def drawn(self, value: Any) -> Any:
        """Convert recipe to optuna, or None."""
        return value if _is_number(value) and self.low <= value <= self.high else None

    @property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return self.low, self.high


@dataclass(frozen=True)
class Choices:
    """Choices in a search space: values of any kind, passed to optuna as JSON because it takes no lists."""

    ends: tuple[Any, ...]

    def distribution(self) -> BaseDistribution:
        """Return the optuna distribution."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([json.dumps(value) for value in self.ends])

    def value(self, drawn: Any) -> Any:
        """Convert optuna to recipe."""
        return json.loads(drawn)

    def drawn(self, value: Any) -> Any:
        """Convert recipe to optuna, or None."""
        return json.dumps(self.ends[self.ends.index(value)]) if value in self.ends else None


Space = Mapping[str, Range | Choices]


def search_space(recipe: Recipe) -> Space:
    """Return the search space of a recipe: its key ``tune``, or by default a usual space around its own values.

    Raises
    ------
    BadOption, UnknownName
        For an unknown recipe key, and for a range or a choice that its key cannot have.
    """
    space = {str(key): _parse(str(key), spec, recipe) for key, spec in (recipe.tune or _usual(recipe)).items()}
    for key, values in space.items():
        for value in values.ends:
            recipe.with_values({key: value}, where=f"tune, {key}: ")
    return space


def recipe_values(recipe: Recipe, space: Space) -> dict[str, Any]:
    """Return the recipe's own values in a search space, in optuna's form, without those that lie outside it."""
    drawn = {key: values.drawn(_value(recipe, key)) for key, values in space.items()}
    return {key: value for key, value in drawn.items() if value is not None}


def _usual(recipe: Recipe) -> dict[str, Any]:
    augment = [[], ["shift"], ["shift", "flip"]]
    chosen = list(recipe.augment)
    return {
        "lr": {"low": recipe.lr / 10, "high": recipe.lr * 10, "log": True},
        "weight_decay": sorted({0.0, 1e-3, 1e-2, 1e-1, recipe.weight_decay}),
        "warmup": {"low": 0.0, "high": max(0.3, recipe.warmup)},
        "augment": augment if chosen in augment else [*augment, chosen],
    }


def _parse(key: str, spec: Any, recipe: Recipe) -> Range | Choices:
    if key.partition(".")[0] in FIXED:
        raise BadOption(
            f"The recipe's tune cannot vary {key}.",
            known="Trials that differ in it cannot be compared.",
        )
    if isinstance(spec, list | tuple) and spec:
        return Choices(tuple(spec))
    if not isinstance(spec, Mapping) or not {"low", "high"} <= set(spec):
        raise BadOption(
            f"The recipe's tune, {key}: it must be a range or a list of choices, not {spec!r}.",
            known="Such as {low: 1e-4, high: 1e-2, log: true}, or [0.1, 0.3, 0.5].",
        )
    for name in spec:
        if name not in KEYS:
            raise UnknownName.of(f"key of tune, {key}", str(name), KEYS)
    return _range(key, spec, whole=_is_whole(_value(recipe, key), spec))


def _range(key: str, spec: Mapping[str, Any], *, whole: bool) -> Range:
    low, high, log = spec["low"], spec["high"], spec.get("log", False)
    ordered = _is_number(low) and _is_number(high) and -math.inf < low < high < math.inf
    if not (ordered and isinstance(log, bool)) or (log and low <= 0):
        raise BadOption(
            f"The recipe's tune, {key}: {dict(spec)} is no range.",
            known="low must be a number below high, above 0 if log is true.",
        )
    return Range(low, high, log, whole)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any, spec: Mapping[str, Any]) -> bool:
    ends = (spec["low"], spec["high"])
    return not isinstance(value, float) and all(isinstance(end, int) for end in ends)


def _value(recipe: Recipe, key: str) -> Any:
    """Recipe value of ``KEY`` or ``KEY.ENTRY``."""
    name, _, entry = key.partition(".")
    values = recipe.as_dict()
    if name not in values:
        raise UnknownName.of("key of a recipe", name, values, where=f"tune, {key}: ")
    try:
        return values[name][entry] if entry else values[name]
    except (KeyError, TypeError):
        return None
