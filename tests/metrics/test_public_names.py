"""What a metric from elsewhere may import: the public names, their documentation, and a score made with them alone."""

import ast
import doctest
import importlib
import inspect

import numpy as np
import pytest

import itbench.metrics
import itbench.statistics
from itbench.api.score import score_model
from itbench.plugins import load_plugins
from tests.kit.commands import run_python

FACES = (itbench.metrics, itbench.statistics)
NAMES = [(face, name) for face in FACES for name in face.__all__]
STRANGER = '''
"""Ridge regression from elsewhere, by public names only."""

from dataclasses import dataclass

import numpy as np

from itbench import ReadoutResult, hookimpl
from itbench.metrics import default_alphas, eigenbasis, leave_one_out, ridge_predict


@hookimpl
def itbench_metrics(register):
    register("stranger", Ridge)


@dataclass(frozen=True)
class Ridge:
    components: int = 1000

    def __call__(self, gram, responses, train, test):
        basis = eigenbasis(gram, train, test, self.components)
        alphas = default_alphas(basis.mean_square)
        inner = leave_one_out(basis, responses, alphas, per_site=True)
        alpha = alphas[inner.best]
        return ReadoutResult(ridge_predict(basis, responses, alpha), inner.predictions, alpha)
'''


def test_a_ridge_from_elsewhere_scores_as_the_built_in(toy, tmp_path):
    plugin = tmp_path / "stranger.py"
    plugin.write_text(STRANGER)
    registry = load_plugins([plugin])
    scores = [score_model("toy", str(toy), registry=registry, metric=metric) for metric in ("ridge", "stranger")]
    for variable in ("explained_variance", "correlation", "alpha", "inner_explained_variance"):
        np.testing.assert_array_equal(*(score[variable].values for score in scores))


def annotated(face):
    """Return the names that editors see, by the file that they are imported from."""
    tree = ast.parse(inspect.getsource(face))
    imports = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith(face.__name__)
    ]
    return {name.name: node.module.rpartition(".")[2] for node in imports for name in node.names}


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_editors_see_the_names_that_there_are(face):
    assert annotated(face) == face._PUBLIC
    assert set(face.__all__) <= set(dir(face))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        face.nonsense  # noqa: B018


@pytest.mark.parametrize(("face", "name"), NAMES, ids=lambda value: getattr(value, "__name__", value))
def test_every_public_name_is_documented(face, name):
    value = getattr(face, name)
    assert not inspect.ismodule(value)
    if not callable(value):
        return
    text = inspect.getdoc(value)
    named = [name for name in inspect.signature(value).parameters if name not in ("self", "args", "kwargs")]
    assert [name for name in named if name not in text.partition("Parameters\n---")[2]] == []


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_examples_run(face):
    files = [face, *(importlib.import_module(f"{face.__name__}.{file}") for file in face._NAMES)]
    results = [doctest.testmod(file) for file in files]
    assert sum(result.attempted for result in results) > 10
    assert not any(result.failed for result in results)


@pytest.mark.slow
def test_public_names_are_imported_when_used():
    done = run_python(
        "import sys, itbench.metrics, itbench.statistics\n"
        "before = [m for m in sys.modules if m.startswith('itbench.metrics.')]\n"
        "from itbench.metrics import ridge_readout\n"
        "print(before, 'torch' in sys.modules, 'itbench.metrics.rdm' in sys.modules)"
    )
    assert done.stdout.split("\n")[0] == "[] False False", done.stderr
