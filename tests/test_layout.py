"""The house: imports go down only, torch is imported only when a network runs, files stay small."""

import ast
import graphlib
import sys
from functools import cache

import pytest

from tests.kit.commands import ROOT, run_python

# Each folder, or file at the top, may import those before it.
RANKS = (
    *("errors", "util", "gram", "data", "statistics", "metrics", "models", "hookspecs", "registry", "plugins"),
    *("extraction", "results", "site", "training", "scoring", "sweeps", "check", "api", "plot", "cli", "__main__"),
)
TORCH = ("models", "training")
PACKAGE = ROOT / "itbench"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


@cache
def imported(path):
    """Return the modules that a file imports, deferred imports too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole = [f"{node.module}.{name.name}" for name in node.names]
            found += [name if name in MODULES else node.module for name in whole]
        elif isinstance(node, ast.Import):
            found += [name.name for name in node.names]
    return found


def python_files(folder):
    return pytest.mark.parametrize("path", sorted((ROOT / folder).rglob("*.py")), ids=lambda path: path.stem)


def rank(module):
    return RANKS.index(module.split(".")[1])


def test_every_folder_has_its_rank():
    assert {module.split(".")[1] for module in MODULES if module != "itbench"} == set(RANKS)


def test_no_file_is_longer_than_350_lines():
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > 350} == {}


@pytest.mark.parametrize("module", [module for module in MODULES if module != "itbench"])
def test_imports_go_down_only(module):
    for target in imported(MODULES[module]):
        if target in MODULES and target != "itbench":
            assert rank(target) <= rank(module), f"{module} imports {target}"


def test_no_file_imports_itself_by_way_of_others():
    graph = {
        module: {name for name in imported(path) if name in MODULES} - {module} for module, path in MODULES.items()
    }
    graph["itbench"] = set()  # imports nothing: what it offers is named for type checkers alone
    graphlib.TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", MODULES)
def test_only_models_and_training_name_torch(module):
    uses = any(target.split(".")[0] in ("torch", "torchvision", "timm") for target in imported(MODULES[module]))
    assert not uses or module.split(".")[1] in TORCH


PLUGINS = ROOT / "plugins"
USUAL = {"itbench", "numpy", "dataclasses", "functools", "pathlib", "typing"}
LIBRARIES = {
    "models": USUAL | {"torch", "torchvision", "timm"},
    "metrics": {"itbench", "numpy", "dataclasses", "typing"},
    "datasets": USUAL | {"xarray", "h5py", "PIL", "scipy", "_typeshed"} | sys.stdlib_module_names,
}


@python_files("plugins")
def test_plugins_are_short_and_import_only_the_public_names(path):
    kind = path.relative_to(PLUGINS).parts[0]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= (350 if kind == "datasets" else 80)
    for target in imported(path):
        top = target.split(".")[0]
        assert top in LIBRARIES[kind]
        assert top != "itbench" or target.count(".") <= 1  # the face of a folder, none of its files


def test_the_core_names_no_data_set():
    for module, path in MODULES.items():
        assert "majaj" not in path.read_text(encoding="utf-8").lower(), module


@python_files("tests")
def test_no_test_file_imports_another(path):
    ours = [target for target in imported(path) if target.split(".")[0] in ("tests", "conftest")]
    assert [target for target in ours if not target.startswith("tests.kit")] == []


@python_files("tests/kit")
def test_every_helper_of_the_tests_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@python_files("tools")
def test_tools_import_nothing_of_the_tests(path):
    assert [target for target in imported(path) if target.split(".")[0] == "tests"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [["--help"], ["models"], ["metrics"], ["benchmarks"], ["data", "list"], ["leaderboard"], ["cache", "list"]],
)
def test_listing_imports_no_torch(command, home):
    assert "torch" not in modules_after(command)


@pytest.mark.slow
def test_listing_data_sets_imports_none_of_their_readers(home):
    modules = modules_after(["data", "list"])
    assert "h5py" not in modules
    assert "scipy" not in modules


def test_help_imports_no_numpy():
    assert "numpy" not in modules_after(["--help"])


@pytest.mark.slow
def test_scoring_a_function_imports_no_torch(toy):
    assert "torch" not in modules_after(["score", "-m", "pixels", "-b", str(toy)])


def modules_after(command):
    """Return the modules that a process has imported after a command."""
    code = f"import sys\nfrom itbench.cli import main\nmain({command!r}, standalone_mode=False)\nprint(*sys.modules)"
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()
