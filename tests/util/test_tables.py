"""CSV tables: headers without spaces, and columns that stay text unless every cell is a number as Python writes it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itbench.errors import BadRecordings
from itbench.util.tables import parse_column, read_csv

COLUMNS = {
    "whole numbers": (["3", "-1", "0"], "i"),
    "floats": (["0.5", "-1.0", "1e-07"], "f"),
    "whole numbers among floats": (["1", "2.5"], "f"),
    "leading zeros": (["007", "7", "07"], "O"),
    "leading zeros alone": (["01", "02"], "O"),
    "plus": (["+1", "2"], "O"),
    "spaces": ([" 1", "1"], "O"),
    "underscores": (["1_2", "3"], "O"),
    "nan": (["nan", "1.0"], "O"),
    "inf": (["inf", "1.0"], "O"),
    "exponents that are codes": (["1e5", "2e5"], "O"),
    "trailing zeros": (["1.50", "2.5"], "O"),
    "one number in two forms": (["1", "1.0"], "O"),
    "two zeros": (["0.0", "-0.0"], "O"),
    "other digits": (["٣", "4"], "O"),
    "an empty cell": (["1", ""], "O"),
    "beyond int64": ([str(2**64), "1"], "O"),
    "beyond what floats tell apart": ([str(2**53 + 1), "0.5"], "O"),
    "text": (["True", "None"], "O"),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_a_column_is_of_numbers_only_if_no_cell_changes(case):
    texts, kind = COLUMNS[case]
    column = parse_column(texts)
    assert column.dtype.kind == kind
    if kind == "O":
        assert column.tolist() == texts
    else:
        np.testing.assert_array_equal(column, np.array(texts, dtype=float))


cells = st.one_of(st.text("0123456789.e-n ", max_size=4), st.integers().map(str), st.floats().map(str))


@given(st.lists(cells, min_size=1, max_size=6))
def test_different_cells_stay_different(texts):
    assert len(set(parse_column(texts).tolist())) == len(set(texts))


def test_headers_lose_the_spaces_around_them_and_cells_keep_theirs():
    Path("a.csv").write_text("kind, filename \n a,b \n")
    assert read_csv(Path("a.csv")) == {"kind": [" a"], "filename": ["b "]}


@pytest.mark.parametrize("header", ["kind, kind", "kind, "])
def test_headers_that_are_alike_or_empty_without_spaces_are_refused(header):
    Path("a.csv").write_text(f"{header}\na,b\n")
    with pytest.raises(BadRecordings, match="every column needs a name of its own"):
        read_csv(Path("a.csv"))
