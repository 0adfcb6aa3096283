"""Styles, colours and files of plots."""

import re
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import itbench
from itbench.errors import BadOption, UnknownName
from itbench.plot.figure import COLOURS, LINES, MARKERS, STYLES, balanced, look
from tests.kit.commands import run_python


@pytest.mark.parametrize("style", STYLES)
def test_parameters_of_the_user_stay_as_they_were(style, good):
    with mpl.rc_context({"font.size": 23, "axes.spines.top": True}):
        before = dict(mpl.rcParams)
        itbench.plot.layers(good, style=style)
        with pytest.raises(BadOption, match="10 × 2000 mm"):
            itbench.plot.layers(good, style=style, size=(10, 2000))
        assert dict(mpl.rcParams) == before


def test_parameters_of_the_user_do_not_change_a_plot(good, tmp_path):
    plain = itbench.plot.save(itbench.plot.layers(good), tmp_path / "plain.svg").read_bytes()
    with mpl.rc_context({"font.size": 23, "xtick.labelsize": 4, "svg.fonttype": "none"}):
        assert itbench.plot.save(itbench.plot.layers(good), tmp_path / "own.svg").read_bytes() == plain


def test_given_axes_are_drawn_into(good):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert itbench.plot.layers(good, ax=left) is figure
    assert itbench.plot.ceiling(good, ax=right) is figure
    assert left.get_ylabel() == "EV, mean over sites"
    assert [child.get_ylabel() for child in right.child_axes] == ["sites", "EV of a site"]


def test_paper_is_one_column_wide_with_text_of_7_points(good):
    figure = itbench.plot.layers(good, style="paper")
    assert figure.get_figwidth() == pytest.approx(89 / 25.4)
    shown = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert {text.get_fontsize() for text in shown} == {7}
    assert {text.get_fontname() for text in shown} == {"DejaVu Sans"}


@pytest.mark.slow
def test_a_figure_grows_by_its_legend(make):
    heights = [itbench.plot.layers(*(make(seed=n) for n in range(1, m))).get_figheight() for m in (2, 4, 6)]
    assert np.diff(heights) == pytest.approx([heights[1] - heights[0]] * 2, rel=0.1)
    assert itbench.plot.layers(make(), size=(100, 50)).get_size_inches() * 25.4 == pytest.approx([100, 50])


def test_a_figure_without_room_is_refused(good):
    with pytest.raises(BadOption, match="40 × 20 mm has no room"):
        itbench.plot.layers(good, size=(40, 20))


def seen(colour, kind):
    """Return CIE L*a*b* of a colour as seen by a kind of colour vision (Machado, Oliveira & Fernandes 2009)."""
    matrix = {
        "usual": np.eye(3),
        "protanopia": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deuteranopia": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        "tritanopia": [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    }[kind]
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.clip(matrix @ np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(xyz / [0.9505, 1, 1.089])
    f = np.where(f > 6 / 29, f, xyz / [0.9505, 1, 1.089] / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", ["usual", "protanopia", "deuteranopia", "tritanopia"])
def test_colours_differ_for_every_colour_vision(kind):
    """A difference of 2.3 in L*a*b* is just noticeable; these are ten times as far apart as a rule, thrice at least."""
    apart = [np.linalg.norm(seen(one, kind) - seen(other, kind)) for one, other in combinations(COLOURS, 2)]
    assert min(apart) > 7
    assert np.median(apart) > 23
    lightness = [seen(colour, kind)[0] for colour in COLOURS]
    assert max(lightness) < 80  # on white paper


def test_series_differ_by_more_than_colour():
    looks = [look(number) for number in range(77)]
    assert len({(one["color"], one["marker"]) for one in looks}) == 77
    assert len({one["marker"] for one in looks[: len(COLOURS)]}) == len(COLOURS)
    assert {one["linestyle"] for one in looks} == set(LINES)
    assert len(MARKERS) == len(set(MARKERS))


@pytest.mark.parametrize("ending", [".svg", pytest.param(".pdf", marks=pytest.mark.slow), ".png"])
def test_a_saved_figure_is_the_same_bytes_each_time(ending, good, tmp_path):
    saved = [itbench.plot.save(itbench.plot.layers(good), tmp_path / f"{n}{ending}").read_bytes() for n in range(2)]
    assert saved[0] == saved[1]
    assert not re.search(rb"20\d\d-\d\d-\d\d|CreationDate", saved[0])


def test_a_saved_png_has_the_resolution_of_its_style(good, tmp_path):
    figure = itbench.plot.layers(good, style="paper", size=(76.2, 50.8))
    with Image.open(itbench.plot.save(figure, tmp_path / "a.png")) as image:
        assert image.size == (900, 600)


def test_wrong_names_are_refused(good, tmp_path):
    with pytest.raises(UnknownName, match="default, paper"):
        itbench.plot.layers(good, style="papr")
    figure = itbench.plot.layers(good)
    with pytest.raises(BadOption, match=r"Known endings: \.png, \.svg, \.pdf"):
        itbench.plot.save(figure, tmp_path / "a.jpg")
    (tmp_path / "a.png").write_bytes(b"mine")
    with pytest.raises(BadOption, match="already"):
        itbench.plot.save(figure, tmp_path / "a.png", replace=False)
    assert (tmp_path / "a.png").read_bytes() == b"mine"


@pytest.mark.slow
def test_matplotlib_is_imported_when_a_plot_is_used():
    code = "import sys, itbench, itbench.plot\nprint('matplotlib' in sys.modules)\nitbench.plot.layers\n"
    done = run_python(code + "print('matplotlib' in sys.modules, 'matplotlib.pyplot' in sys.modules)")
    assert done.stdout.split() == ["False", "True", "False"], done.stderr


@pytest.mark.slow
def test_without_matplotlib_one_error_says_what_to_install():
    done = run_python("import sys\nsys.modules['matplotlib'] = None\nimport itbench\nitbench.plot.layers")
    assert "ItbenchError: Plots need matplotlib" in done.stderr.splitlines()[-2]
    assert done.stderr.splitlines()[-1] == "pip install 'itbench[plot]'"
    code = "import sys\nsys.modules['matplotlib'] = None\nfrom itbench.cli import main\nmain(['plot', 'layers', 'a'])"
    assert run_python(code).stderr.splitlines()[-1] == "pip install 'itbench[plot]'"


def test_editors_see_the_names_that_are_there():
    assert set(itbench.plot.__all__) == {*itbench.plot.KINDS, "save"}
    for name in itbench.plot.__all__:
        assert getattr(itbench.plot, name).__doc__
        assert getattr(itbench.plot, name).__name__ == name


def test_titles_are_wrapped_into_lines_of_about_the_same_length():
    text = "itbench-tiny:pretrained, synthetic-it, correlation distance, 640 images by category"
    lines = balanced(text, 76).split("\n")
    assert " ".join(lines) == text
    assert len(lines) == 2
    assert abs(len(lines[0]) - len(lines[1])) < 15
    assert balanced(text, 100) == text
    assert balanced("averyveryverylongword", 5) == "averyveryverylongword"
    assert balanced("", 5) == ""
