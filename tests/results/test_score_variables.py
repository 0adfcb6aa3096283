"""Variables of a score: all are listed, and one file alone looks for them by name."""

import ast

import numpy as np
import pytest

from itbench.results.score_file import read_score
from itbench.results.score_setup import Setup
from itbench.results.score_variables import VARIABLES
from tests.kit.commands import ROOT, run
from tests.kit.scores import comparison_score, readout_score

PACKAGE = ROOT / "itbench"
COORDINATES = {"region", "animal", "start_ms", "end_ms", "split", "group"}  # of recordings, and names of dimensions


def probes(path):
    """Yield the lines that ask whether a score holds a variable, by a literal name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            name, holder = node.left, ast.unparse(node.comparators[0]).removesuffix(".coords")
            if isinstance(name, ast.Constant) and holder in {"score", "dataset", "one", "first", "second", "a", "b"}:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {name.value}"


def test_one_file_alone_looks_for_variables_by_name():
    files = set(PACKAGE.rglob("*.py")) - {PACKAGE / "results" / "score_variables.py"}
    assert [line for path in sorted(files) for line in probes(path)] == []


@pytest.mark.parametrize("metric", ["ridge", "cka", "stacked", "predicted-rsa"])
def test_all_variables_of_a_score_are_listed(metric, toy, home):
    assert run("score", "-m", "toy", "-b", toy, "--metric", metric).exit_code == 0
    (path,) = (home.parent / "work" / "leaderboard" / "scores").glob("*.nc")
    assert set(read_score(path).variables) - COORDINATES <= set(VARIABLES)


def test_setups_are_paired_where_stimuli_sites_and_splits_agree():
    recorded, first, second = np.random.default_rng(0).standard_normal((3, 60, 6))
    a, b = (Setup.of(readout_score(recorded, values)) for values in (first, second))
    assert a.is_paired(b)
    assert not a.is_paired(Setup.of(readout_score(recorded, second, folds=3)))
    assert not a.is_paired(Setup.of(comparison_score(first[:30, 0])))
    digests = {"stimuli": "1" * 64, "responses": "5" * 64, "content": "3" * 64}
    assert list(Setup.of(readout_score(recorded, second, digests=digests)).disagreements(a)) == [
        ("responses", "55555555 against 22222222")
    ]
