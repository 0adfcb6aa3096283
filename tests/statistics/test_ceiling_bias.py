"""The table of docs/ceilings.md is what the estimators give on synthetic-it, and says that they are not biased."""

import re

import numpy as np
import pytest

from itbench.data.recordings_file import read_recordings
from itbench.statistics.noise_ceiling import METHODS
from tools.ceiling_bias import DOCUMENT, ESTIMATORS, REPETITIONS, table

SHOWN = re.search(r"<!-- bias -->\n(.*?)<!-- /bias -->", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[1]


def figures(text):
    """Return the numbers of each cell (estimator, repetitions, number), those of NaN left out."""
    lines = [line.strip("| ").split("|") for line in text.strip().splitlines()]
    return {cells[0].strip(): [re.findall(r"[+-]?\d\.\d{3}", cell) for cell in cells[1:]] for cells in lines[2:]}


def test_the_table_has_every_estimator_and_every_number_of_repetitions():
    assert list(figures(SHOWN)) == list(ESTIMATORS)
    assert set(METHODS) <= set(ESTIMATORS)
    assert [int(number) for number in re.findall(r"(\d+) repetitions", SHOWN.splitlines()[1])] == list(REPETITIONS)


def test_the_table_says_that_corrected_estimates_are_not_biased():
    for name, cells in figures(SHOWN).items():
        medians = np.array([float(median) for _, median, _ in cells])
        assert (np.abs(medians) <= 0.02).all() == (name != "r², not corrected"), name


@pytest.mark.slow
def test_the_table_is_what_the_estimators_give(synthetic_it):
    found = figures(table(read_recordings(synthetic_it), (10, 30)))
    for name, cells in figures(SHOWN).items():
        np.testing.assert_allclose(
            np.array(found[name], dtype=float), np.array(cells[2:], dtype=float), atol=0.0015, err_msg=name
        )
