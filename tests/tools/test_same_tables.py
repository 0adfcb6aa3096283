"""The comparison of a committed leaderboard with the one just made."""

import pytest

from tests.kit.commands import ROOT
from tools.same_tables import differences

TABLE = "| model | EV    | 95 %        |\n| ----- | ----: | ----------- |\n| net   | 0.361 | 0.341–0.382 |"


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        (("0.361", "0.362"), False),
        (("0.361", "0.363"), True),
        (("0.341–0.382", "0.340–0.383"), False),
        (("0.341–0.382", "-0.001 to 0.382"), True),
        (("| 0.361", "| -0.361"), True),
        (("net", "ten"), True),
        (("-----:", "----:"), False),
        (("| net   | 0.361 | 0.341–0.382 |", ""), True),
        (("0.361", "0.36"), True),
    ],
)
def test_only_the_last_digit_may_differ(changed, differs):
    assert bool(differences(TABLE, TABLE.replace(*changed))) == differs


def test_the_leaderboard_of_the_repository_is_like_itself_and_has_a_mean_over_benchmarks():
    board = (ROOT / "leaderboard" / "README.md").read_text(encoding="utf-8")
    assert differences(board, board) == []
    assert "mean EV" in board
