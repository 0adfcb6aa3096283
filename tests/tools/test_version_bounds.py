"""pyproject.toml names every library that is imported, with a lowest version that can be installed as a constraint."""

import ast
import sys

import pytest
from packaging.requirements import Requirement

from tests.kit.commands import ROOT
from tools.version_bounds import lowest_versions, requirements

DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml", "PIL": "pillow", "huggingface_hub": "huggingface-hub"}
OWN = {"itbench", "plugins", "_typeshed"}


def libraries(folder):
    """Return the names of the distributions that the files of a folder import."""
    found = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return {DISTRIBUTIONS.get(name, name) for name in found - OWN - set(sys.stdlib_module_names)}


@pytest.mark.parametrize("folder", ["itbench", "plugins"])
def test_every_library_that_is_imported_is_a_requirement(folder):
    assert libraries(folder) <= {Requirement(each).name for each in requirements("banded", "plot", "tune")}


def test_the_lowest_version_of_every_requirement_stands_in_the_constraints():
    extras = ("banded", "parquet", "plot", "tune", "dev")
    wanted = [Requirement(each) for each in requirements(*extras)]
    pinned = [Requirement(each) for each in lowest_versions(requirements(*extras))]
    for want, pin in zip(wanted, pinned, strict=True):
        assert pin.name == want.name
        (bound,), (version,) = want.specifier, pin.specifier
        assert (bound.operator, version.operator, version.version) == (">=", "==", bound.version)


def test_a_library_has_the_same_bound_in_all_extras():
    bounds = {}
    for each in requirements("banded", "plot", "tune", "dev"):
        bounds.setdefault(Requirement(each).name, set()).add(each)
    assert [each for each in bounds.values() if len(each) > 1] == []


@pytest.mark.parametrize("odd", ["numpy", "numpy<3", "numpy>=1.26,<3", "numpy==2.0"])
def test_a_requirement_without_a_lowest_version_is_named(odd):
    with pytest.raises(ValueError, match=odd):
        lowest_versions(["scipy>=1.11", odd])
