"""Output of the commands in every encoding of a terminal or pipe: legible, and JSON that says the same."""

import json
import os
import subprocess
import sys

import pytest

from itbench.cli.output import legible_streams
from tests.kit.commands import run

ENCODINGS = ["latin-1", "cp437", "iso8859-2", "koi8-r", "shift_jis", "cp1252", "ascii", "utf-8", "utf-16"]
CODE = """
import sys
from itbench.cli.output import legible_streams, print_json, say
legible_streams()
import click
click.echo("1\u20132 \u00d7 \u2212 \u2026 caf\u00e9 \u6a21 \U0001f600 \udce9 R\u00b2 \u2264")
say("0.1 \u2192 \u221e")
print_json({"caf\u00e9 \u6a21": "\u2013"})
"""


def printed(encoding):
    """Return what the code above prints to stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", CODE.replace("\udce9", "\\udce9")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=True,
    )
    return done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize(
    "encoding", [ENCODINGS[0], *(pytest.param(name, marks=pytest.mark.slow) for name in ENCODINGS[1:])]
)
def test_text_is_legible_and_json_the_same_in_any_encoding(encoding):
    out, err = printed(encoding)
    text, _, rest = out.partition("\n")
    assert json.loads(rest) == {"caf\u00e9 \u6a21": "\u2013"}
    plain = "1-2 x - ... cafe ? ? ? R^2 <="
    assert all(
        seen in (character, expected)
        for seen, character, expected in zip(
            text.replace("...", "\u2026").replace("<=", "\u2264").replace("R^2", "R\u00b2"),
            "1\u20132 \u00d7 \u2212 \u2026 caf\u00e9 \u6a21 \U0001f600 ? R\u00b2 \u2264",
            plain.replace("...", "\u2026").replace("<=", "\u2264").replace("R^2", "R\u00b2"),
            strict=True,
        )
    )
    assert err in ("0.1 \u2192 \u221e\n", "0.1 -> inf\n", "0.1 -> \u221e\n")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp437"])
def test_commands_print_in_other_encodings(encoding, toy):
    assert run("score", "-m", "toy", "-m", "pixels", "-b", toy).exit_code == 0
    for words in (["leaderboard"], ["metrics"], ["leaderboard", "--json"], ["explain", "toy"]):
        done = subprocess.run(
            [sys.executable, "-m", "itbench", *words],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding, "ITBENCH_PLUGINS": ""},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.decode(encoding).strip()


def test_a_file_is_utf8_whatever_stdout_is(toy, tmp_path):
    assert run("score", "-m", "toy", "-b", toy).exit_code == 0
    assert run("leaderboard", "--output", tmp_path / "board.md").exit_code == 0
    assert "\u00b7" in (tmp_path / "board.md").read_text(encoding="utf-8")


SYMBOLS = {
    "\u0177 = \u03a3_l \u0177_l + \u03b1": "yhat = sum_l yhat_l + alpha",
    "y\u0304 x\u0302 \u0233": "ybar xhat ybar",
    "K\u207b\u00b9 10\u207b\u2076 x\u00b2 \u03c3\u00b3": "K^-1 10^-6 x^2 sigma^3",
    "\u03b1I + 2\u03bb/\u03a3\u03bb": "alpha I + 2 lambda/sum lambda",
    "\u00bd \u2260 \u2016x\u2016": "1/2 != ||x||",
    "F\u00eate \u00c5ngstr\u00f6m": "Fete Angstrom",
}


@pytest.mark.parametrize(("symbols", "plain"), SYMBOLS.items(), ids=list(SYMBOLS.values()))
def test_formulas_keep_their_meaning_in_ascii(symbols, plain):
    legible_streams()
    assert symbols.encode("ascii", "itbench_ascii").decode() == plain
