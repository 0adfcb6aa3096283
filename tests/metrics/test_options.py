"""Options of a metric, typed as key=value."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itbench.errors import BadOption, UnknownName
from itbench.metrics import options


@dataclass(frozen=True)
class Readout:
    components: int = field(default=10, metadata={"help": "at most"})
    ratio: float = 0.5
    per_site: bool = True
    alpha: float | None = None
    name: str = "plain"
    alphas: tuple[float, ...] = (1.0, 10.0)
    kernels: tuple[str, ...] = ("linear", "rbf")


TYPED = [
    ("components=25", 25),
    ("components=-3", -3),
    ("ratio=3", 3.0),
    ("ratio=1e-3", 0.001),
    ("per_site=false", False),
    ("per_site=True", True),
    ("alpha=2.5", 2.5),
    ("alpha=none", None),
    ("alpha=None", None),
    ("name=a=b", "a=b"),
    ("name=none", "none"),
    ("name=", ""),
    ("alphas=5", (5.0,)),
    ("alphas=1,1e2,1e3", (1.0, 100.0, 1000.0)),
    ("kernels=rbf", ("rbf",)),
    ("kernels=rbf, linear", ("rbf", "linear")),
]


@pytest.mark.parametrize(("typed", "value"), TYPED)
def test_text_is_parsed_by_the_type_of_the_field(typed, value):
    built = options.build(Readout, options.pairs([typed]))
    key = typed.partition("=")[0]
    found = getattr(built, key)
    assert found == value
    assert type(found) is type(value)
    others = [item.name for item in fields(Readout) if item.name != key]
    assert all(getattr(built, name) == getattr(Readout(), name) for name in others)


def test_grids_are_log_spaced():
    grid = options.build(Readout, {"alphas": "1e-2:1e10:25"}).alphas
    assert grid == pytest.approx(10.0 ** np.arange(-2, 10.5, 0.5))


def test_values_that_are_no_text_pass_unchanged():
    built = options.build(Readout, {"components": 7, "alphas": (3.0,)})
    assert (built.components, built.alphas) == (7, (3.0,))


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("components=ten", "components='ten' is not a whole number"),
        ("components=1.5", "components='1.5' is not a whole number"),
        ("components=none", "components='none' is not a whole number"),
        ("ratio=half", "ratio='half' is not a number"),
        ("alpha=much", "alpha='much' is not a number"),
        ("per_site=yes", "per_site='yes' is not true or false"),
        ("alphas=", "alphas='' is not numbers, such as 1,10,100 or 1e-2:1e10:25"),
        ("alphas=1,,2", "is not numbers"),
        ("alphas=0:10:5", "is not numbers"),
        ("alphas=1:-10:5", "is not numbers"),
        ("alphas=1:10:2.5", "is not numbers"),
        ("alphas=1:10:-2", "is not numbers"),
        ("alphas=1:10", "is not numbers"),
        ("components", "'components' is not of the form key=value"),
        ("=3", "'=3' is not of the form key=value"),
    ],
)
def test_what_cannot_be_parsed_is_refused(typed, message):
    with pytest.raises(BadOption, match=message):
        options.build(Readout, options.pairs([typed]))


def test_a_key_given_twice_is_refused():
    with pytest.raises(BadOption, match="'ratio' is given twice: '1' and '2'"):
        options.pairs(["ratio=1", "components=3", "ratio=2"])


def test_an_unknown_key_is_refused_with_the_nearest_name():
    with pytest.raises(
        UnknownName, match=r"unknown option of readout 'component'(.|\n)*Did you mean components\?(.|\n)*per_site"
    ):
        options.build(Readout, {"component": "3"})


def test_describe_gives_every_option_with_its_default_as_typed():
    described = options.describe(Readout)
    assert [row["option"] for row in described] == [item.name for item in fields(Readout)]
    assert [row["default"] for row in described] == ["10", "0.5", "true", "none", "plain", "1,10", "linear,rbf"]
    assert described[0]["help"] == "at most"


number = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Readout,
        components=st.integers(),
        ratio=number,
        per_site=st.booleans(),
        alpha=st.none() | number,
        alphas=st.lists(number, min_size=1, max_size=3).map(tuple),
    )
)
def test_text_can_be_typed_again(readout):
    typed = {item.name: options.text(getattr(readout, item.name)) for item in fields(Readout)}
    assert options.build(Readout, typed) == readout


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.integers(4, 30))
def test_log_spaced_grids_are_written_short_and_read_again(low, high, count):
    grid = options.build(Readout, {"alphas": f"{low!r}:{high!r}:{count}"}).alphas
    written = options.text(grid)
    assert written.count(":") == 2
    assert options.build(Readout, {"alphas": written}).alphas == pytest.approx(grid, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("grid", "written"),
    [
        ((0.01, 0.1, 1.0, 10.0), "0.01:10:4"),
        ((0.0, 1.0, 2.0, 3.0), "0,1,2,3"),
        ((-1.0, -2.0, -3.0, -4.0), "-1,-2,-3,-4"),
        ((1e-10, 3e-10, 5e-10, 9e-10), "1e-10,3e-10,5e-10,9e-10"),
        ((0.1234567, 1.0), "0.1234567,1"),
    ],
)
def test_other_grids_are_written_out(grid, written):
    assert options.text(grid) == written
