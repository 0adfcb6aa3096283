"""The picture of the README: drawn from the demo's scores, the same each time, and small."""

import numpy as np
import pytest
from click.testing import CliRunner

from itbench.results.score_file import write_score
from tests.kit.commands import ROOT
from tests.kit.scores import readout_score
from tools.readme_picture import MODELS, PICTURE, main


@pytest.mark.slow
def test_the_picture_of_the_readme_is_drawn_from_the_demos_scores(tmp_path):
    recorded = np.random.default_rng(0).standard_normal((40, 5))
    for number, name in enumerate(MODELS):
        model, weights = name.split(":")
        predicted = recorded / (number + 1)
        write_score(readout_score(recorded, predicted, model=model, weights=weights, n_draws=50), tmp_path / "scores")
    drawn = []
    for name in ("one.png", "other.png"):
        done = CliRunner().invoke(main, [str(tmp_path / "scores"), "--output", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        drawn.append((tmp_path / name).read_bytes())
    assert drawn[0] == drawn[1]


def test_the_picture_of_the_readme_is_small():
    assert PICTURE == ROOT / "docs" / "demo.png"
    assert PICTURE.stat().st_size <= 80_000
