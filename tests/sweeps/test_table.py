"""Our numbers beside published ones."""

import pytest

from itbench.errors import NoWeights, readable
from itbench.sweeps.runner import Outcome
from itbench.sweeps.suite import Published, Row
from itbench.sweeps.table import render, table_row

FIGURES = {"measure": "explained_variance", "explained_variance": 0.3, "correlation": 0.55, "layer": "layer3"}


NOTHING = Published()


def outcome(published=NOTHING, low=0.25, high=0.35, **more):
    row = Row("net", "net layer3", published=published)
    return Outcome(row, figures={**FIGURES, "low": low, "high": high, **more})


@pytest.mark.parametrize(
    ("published", "low", "high", "differs"),
    [
        ((0.30, 0.30), 0.25, 0.35, "no"),
        ((0.20, 0.20), 0.25, 0.35, "higher"),
        ((0.40, 0.40), 0.25, 0.35, "lower"),
        ((0.25, 0.25), 0.25, 0.35, "no"),
        ((0.20, 0.26), 0.25, 0.35, "no"),
        ((0.10, 0.24), 0.25, 0.35, "higher"),
        ((0.36, 0.40), 0.25, 0.35, "lower"),
        ((0.10, 0.90), 0.25, 0.35, "no"),
        (None, 0.25, 0.35, None),
        ((0.30, 0.30), None, None, None),
    ],
)
def test_a_row_differs_where_our_interval_lies_beside_what_was_published(published, low, high, differs):
    row = outcome(Published(published, None, ("them",)), low, high)
    assert table_row(row)["differs"] == differs
    assert table_row(row, comparable=False)["differs"] is None


def test_the_interval_of_another_measure_says_nothing_of_explained_variance():
    row = table_row(outcome(Published((0.1, 0.1), None, ("them",)), measure="brainscore"))
    assert (row["explained_variance"], row["low"], row["high"], row["differs"]) == (0.3, None, None, None)


def cells(table):
    """Return the rows of a markdown table by its columns, and the lines below it."""
    table, *below = table.split("\n\n")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]], below


def test_a_table_shows_sources_by_number_and_errors_in_a_line():
    outcomes = [
        outcome(Published((0.26, 0.4), (0.5, 0.5), ("a report", "another"))),
        outcome(Published((0.1, 0.1), None, ("another",))),
        Outcome(Row("lost", "lost"), error=NoWeights("They are gone.", todo="Use others.")),
    ]
    rows, below = cells(render([table_row(item) for item in outcomes]))
    ours = {"EV [95 %]": "0.300 [0.250, 0.350]", "r": "0.550"}
    reported = {"published EV": "0.260–0.400 [1][2]", "published r": "0.500", "differs": "no"}
    assert ours.items() | reported.items() <= rows[0].items()
    assert {"published EV": "0.100 [2]", "published r": "–", "differs": "higher"}.items() <= rows[1].items()
    assert (rows[2]["EV [95 %]"], rows[2]["note"]) == ("–", "They are gone.")
    assert below == ["[1] a report", "[2] another"]


def test_a_table_has_no_columns_without_figures():
    (row,), below = cells(render([table_row(outcome())]))
    assert list(row) == ["row", "model", "weights", "layer", "metric", "EV [95 %]", "r"]
    assert below == []


def test_what_a_library_raised_is_told_with_its_kind():
    row = table_row(Outcome(Row("net", "net"), error=readable(KeyError("conv9"))))
    assert row["error"].startswith("KeyError: 'conv9'")
