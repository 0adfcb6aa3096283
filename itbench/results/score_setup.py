"""Setup of a score: recordings, splits, sites, metric and settings; whether two scores can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from itbench.errors import BadScore
from itbench.results.score_command import score_command
from itbench.results.score_file import BY_EARLIER_RULES, EDITION, edition_of, is_earlier, provenance
from itbench.results.score_variables import (
    draws_of,
    has_predictions,
    held_out_rows,
    is_comparison,
    measure_of,
    scored_sites,
    site_names,
)
from itbench.util.checksum import canonical_json

RECORDED = ("stimuli", "responses")  # digests that must agree
SHORT = 8  # characters of a digest that are printed
Values = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Setup:
    """Setup of a score, for comparison with that of another.

    Parameters
    ----------
    edition : int
        Of the rules by which the score was made.
    digests : mapping of str to str
        Of ``stimuli``, ``responses``, ``content`` and ``weights``.
    splits : mapping
        Plan of the splits.
    rows : tuple of list of int, optional
        Stimulus and split of every held-out row, where the score holds predictions.
    clusters : str
        What was drawn for intervals: the coordinate of images drawn together, and their number.
    n_parts : int
        Splits of a readout, groups of images of a comparison.
    sites : list of str, optional
    scored : list of str, optional
        Those of the sites that were scored.
    n_sites, n_sites_scored, n_draws : int
    metric, measure : str
    comparison : bool
    options : mapping
        Of the metric: ``given`` and ``defaulted``.
    settings : mapping of str to str
        Precision, pool, degrees and layers.
    sources : sequence of mapping
        Of each model: its weights, identity and recipe; empty where no model was scored.
    requested : mapping
        Layers, settings and recipe that the user named.
    """

    edition: int
    digests: Mapping[str, str]
    splits: Mapping[str, Any]
    rows: tuple[list[int], list[int]] | None
    clusters: str
    n_parts: int
    sites: list[str] | None
    scored: list[str] | None
    n_sites: int
    n_sites_scored: int
    n_draws: int
    metric: str
    measure: str
    comparison: bool
    options: Mapping[str, Values]
    settings: Values
    sources: Sequence[Mapping[str, Any]]
    requested: Mapping[str, Any]

    @classmethod
    def of(cls, score: xr.Dataset) -> Setup:
        """Return the setup of a score from its variables, attributes and provenance."""
        record, names = provenance(score), score.attrs
        rows, sites, scored = held_out_rows(score), site_names(score), scored_sites(score)
        return cls(
            edition=edition_of(score),
            digests=record.get("digests", {}),
            splits=_without_none(record.get("splits", {})),
            rows=None if rows is None else (rows[0].tolist(), rows[1].tolist()),
            clusters=f"{names.get('n_clusters', 0)} {names.get('clusters') or 'image'}",
            n_parts=score["chosen_layer"].size,
            sites=sites,
            scored=None if sites is None or scored is None else [sites[i] for i in scored.nonzero()[0]],
            n_sites=int(names["n_sites"]),
            n_sites_scored=int(names["n_sites_scored"]),
            n_draws=score.sizes.get("draw", 0),
            metric=str(names["metric"]),
            measure=measure_of(score),
            comparison=is_comparison(score),
            options=record.get("options", {"given": {}, "defaulted": {}}),
            settings={
                "precision": str(record.get("precision", "")),
                "pool": str(record.get("pool") or "none"),
                "degrees": str(record.get("degrees") or "as shown"),
                "layers": str(record.get("layers", "")),
            },
            sources=record.get("sources", ()),
            requested=record.get("asked", {}),
        )

    @property
    def trained(self) -> bool:
        """Whether the setup is that of a model trained on the recordings."""
        return any("recipe" in source for source in self.sources)

    @property
    def default(self) -> bool:
        """Whether the user named nothing but model, weights, benchmark and metric."""
        requested = {key: value for key, value in self.requested.items() if key != "weights"}
        return not any(requested.values()) and not self.options["given"]

    @property
    def activations(self) -> str:
        """A key that is the same for setups with the same activations of the same stimuli."""
        return canonical_json([self.sources, self.requested, self.digests])

    @property
    def plugins(self) -> list[tuple[str | None, dict[str, Any] | None]]:
        """Of each model in the setup, the digest of its plugin, and its recipe."""
        return [(source["identity"].get("plugin"), source.get("recipe")) for source in self.sources]

    def task_values(self) -> dict[str, str]:
        """Return recordings, splits and number of scored sites of a setup, as text."""
        return {
            "edition": str(self.edition),
            "recordings": " ".join(self.digests.get(part, "")[:SHORT] for part in RECORDED),
            "splits": self._splits_text(),
            "sites": str(self.n_sites_scored),
            "clusters": self.clusters,
        }

    def metric_values(self) -> dict[str, str]:
        """Return the settings of the forward pass and the options of the metric in a setup, by name."""
        return {**self.settings, **self.options["defaulted"], **self.options["given"]}

    def disagreements(self, other: Setup) -> Iterator[tuple[str, str]]:
        """Yield what must be equal in two setups for paired draws and is not: its name, and both values."""
        mine, others = self._task(other), other._task(self)
        for name, (value, text) in mine.items():
            if value != others[name][0]:
                yield name, f"{text} against {others[name][1]}"

    def is_paired(self, other: Setup) -> bool:
        """Return whether the draws of two setups are of the same stimuli and sites."""
        return not any(self.disagreements(other))

    def departures(self, other: Setup) -> list[str]:
        """Return what may differ between two setups and does: the metric, its options, the precision, …"""
        mine, others = ({"metric": setup.metric, **setup.metric_values()} for setup in (self, other))
        common = [key for key in mine if key in others]  # other metrics have other options
        return [f"{key}: {mine[key]} against {others[key]}" for key in common if mine[key] != others[key]]

    def changed_digests(self, recordings: Values, parts: Sequence[str] = ()) -> list[str]:
        """Return which parts of recordings, by default all, have another digest than in this setup, as text."""
        return [
            f"{part}: {str(self.digests.get(part))[:SHORT]} then, {recordings[part][:SHORT]} now"
            for part in parts or recordings
            if recordings[part] != self.digests.get(part)
        ]

    def is_of(self, recordings: Values, splits: Mapping[str, Any], options: Mapping[str, Values]) -> bool:
        """Return whether a setup of the current rules has exactly these digests, splits and options of the metric."""
        return (
            self.edition == EDITION
            and not self.changed_digests(recordings)
            and (self.splits, self.options) == (_without_none(splits), options)
        )

    def _task(self, other: Setup) -> dict[str, tuple[Any, str]]:
        """Return by name what two setups must share: a value and its text; splits by rows where both have them."""
        splits = self.rows if self.rows and other.rows else self.n_parts if self.comparison else self._splits_text()
        return {
            "editions of the rules": (self.edition, f"edition {self.edition}"),
            **{part: (self.digests.get(part), self.digests.get(part, "none")[:SHORT]) for part in RECORDED},
            "sites": (self.sites, f"{self.n_sites} sites"),
            "sites that can be scored": ((self.scored, self.n_sites_scored), f"{self.n_sites_scored} sites"),
            "splits": ((splits, self.splits.get("digest")), self._splits_text()),
            "clusters of images": (self.clusters, self.clusters),
            "numbers of draws": (self.n_draws, f"{self.n_draws} draws"),
        }

    def _splits_text(self) -> str:
        short = {"digest": str(self.splits.get("digest", ""))[:SHORT]}
        return " ".join(f"{key}={short.get(key, value)}" for key, value in self.splits.items())


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def refuse_unlike(a: xr.Dataset, b: xr.Dataset) -> None:
    """Raise if the setups of two scores do not allow a paired comparison.

    Raises
    ------
    BadScore
        Says what differs; or which score is by earlier rules or lacks the variables that a comparison needs, and the
        command that makes it again.
    """
    for score in (a, b):
        if is_earlier(score):
            raise BadScore(
                f"The score of {name_of(score)} was {BY_EARLIER_RULES}: its numbers mean something else.",
                known=f"It is of edition {edition_of(score)}, and this version scores by edition {EDITION}.",
                todo=f"Make it again: {score_command(score)}",
            )
        lacking = _lacking(score)
        if lacking:
            raise BadScore(
                f"The score of {name_of(score)} holds no {lacking}.", todo=f"Make it again: {score_command(score)}"
            )
    first, second = Setup.of(a), Setup.of(b)
    measures = [("measures", f"{first.measure} against {second.measure}")] if first.measure != second.measure else []
    for what, values in (*measures, *first.disagreements(second)):
        raise BadScore(
            f"{name_of(a)} and {name_of(b)} cannot be compared: their {what} differ.",
            known=f"{values}.",
            todo=f"Score both alike: {score_command(a)}\n                  {score_command(b)}",
        )


def name_of(score: xr.Dataset) -> str:
    """Return ``MODEL:WEIGHTS``."""
    return f"{score.attrs['model']}:{score.attrs['weights']}"


def most_common(setups: Sequence[Values]) -> dict[str, str | None]:
    """Return the most common value of each item of several setups; nothing of none."""
    items = dict.fromkeys(item for setup in setups for item in setup)
    return {item: Counter(setup.get(item) for setup in setups).most_common(1)[0][0] for item in items}


def unusual(setup: Values, usual: Mapping[str, str | None]) -> list[str]:
    """Return in what a setup differs from the most common one, as ``item: value``."""
    return [f"{item}: {value}" for item, value in setup.items() if value != usual[item]]


def _lacking(score: xr.Dataset) -> str:
    if not is_comparison(score) and not has_predictions(score):
        return "predictions"
    return "" if draws_of(score) is not None else f"draws of {measure_of(score)}"
