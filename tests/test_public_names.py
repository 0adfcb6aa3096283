"""Public names of itbench.data, .models and .training: importable, seen by editors, no torch before one is used."""

import ast
import importlib

import pytest

from tests.kit.commands import ROOT, run_python

FOLDERS = ("data", "models", "training")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_public_name_is_there(folder):
    module = importlib.import_module(f"itbench.{folder}")
    for name in module.__all__:
        assert getattr(module, name).__doc__
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        module.nothing  # noqa: B018


@pytest.mark.parametrize("folder", FOLDERS)
def test_editors_see_the_same_names(folder):
    tree = ast.parse((ROOT / "itbench" / folder / "__init__.py").read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        alias.asname for node in ast.walk(blocks[0]) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert imported == set(importlib.import_module(f"itbench.{folder}").__all__)


@pytest.mark.parametrize("folder", FOLDERS)
def test_importing_a_folder_takes_no_torch(folder):
    done = run_python(
        f"import sys, itbench.{folder}\nassert itbench.{folder}.__all__\nassert 'torch' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr
