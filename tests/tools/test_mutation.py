"""The mutation run: which changes it makes of a source, which it leaves out, and that the tree stays as it is."""

import ast
import sys

import pytest

from tests.kit.commands import ROOT
from tools.mutation import TESTS, choose, known_equivalents, mutants, own_tests, run_tests

SOURCE = '''"""Ratio − of 1 and 2."""

def ratio(x: "Array | None", n: int = 3) -> "int | None":
    """Return 1 + 1."""
    if not n > 0 and x is not None:
        raise ValueError(f"{n + 1} is below 0: × 2")
    n -= 1
    return np.maximum(x.mean(axis=-1), 0.5) * 2 ** n  # + 1
'''
EXPECTED = [
    'def ratio(x: "Array | None", n: int = 4) -> "int | None":',
    "if  n > 0 and x is not None:",
    "if not n >= 0 and x is not None:",
    "if not n > 1 and x is not None:",
    "if not n > 0 or x is not None:",
    "n += 1",
    "n -= 2",
    "return np.minimum(x.mean(axis=-1), 0.5) * 2 ** n  # + 1",
    "return np.maximum(x.sum(axis=-1), 0.5) * 2 ** n  # + 1",
    "return np.maximum(x.mean(axis=+1), 0.5) * 2 ** n  # + 1",
    "return np.maximum(x.mean(axis=-0), 0.5) * 2 ** n  # + 1",
    "return np.maximum(x.mean(axis=-1), 1.5) * 2 ** n  # + 1",
    "return np.maximum(x.mean(axis=-1), 0.5) / 2 ** n  # + 1",
    "return np.maximum(x.mean(axis=-1), 0.5) * 3 ** n  # + 1",
    "return np.maximum(x.mean(axis=-1), 0.5) * 2 * n  # + 1",
]


def test_changes_numbers_and_no_annotation_message_or_text():
    assert [mutant.line(mutant.apply(SOURCE)) for mutant in mutants(SOURCE)] == EXPECTED


def test_a_mutant_changes_one_line():
    for mutant in mutants(SOURCE):
        changed = zip(SOURCE.splitlines(), mutant.apply(SOURCE).splitlines(), strict=True)
        assert [number for number, (old, new) in enumerate(changed, 1) if old != new] == [mutant.start[0]]


def test_every_mutant_of_a_file_can_be_compiled():
    source = (ROOT / "itbench" / "statistics" / "ranks.py").read_text(encoding="utf-8")
    assert len(mutants(source)) > 10
    for mutant in mutants(source):
        ast.parse(mutant.apply(source))


def test_draws_as_many_mutants_as_asked_for_and_none_that_is_known_to_be_equivalent():
    file = "itbench/statistics/ranks.py"
    kept, left_out = choose([file], seed=0, n=8)
    assert len(kept) + left_out == 8
    assert kept == choose([file], seed=0, n=8)[0]
    assert choose([file], seed=1, n=8)[0] != kept


def test_files_and_tests_that_are_named_exist():
    for name in TESTS:
        file = f"itbench/{name}.py"
        assert (ROOT / file).is_file()
        assert all((ROOT / test).is_file() for test in own_tests(file)), name


@pytest.mark.parametrize("file", sorted({file for file, _, _ in known_equivalents()}))
def test_every_mutant_that_is_listed_as_equivalent_can_be_made_and_is_left_out(file):
    source = (ROOT / file).read_text(encoding="utf-8")
    made = {(mutant.line(source), mutant.line(mutant.apply(source))) for mutant in mutants(source)}
    kept = {(each.line(source), each.line(each.apply(source))) for _, each in choose([file], seed=0, n=0)[0]}
    for _, line, mutated in (known for known in known_equivalents() if known[0] == file):
        listed = {pair for pair in made if pair[0] == line and mutated in ("*", pair[1])}
        assert listed, f"{line} → {mutated}"
        assert not listed & kept


@pytest.mark.slow
def test_tests_run_on_the_itbench_of_the_copy_and_leave_this_process_as_it_is(tmp_path):
    (tmp_path / "itbench").mkdir()
    (tmp_path / "test_one.py").write_text("import itbench\n\n\ndef test_one():\n    assert itbench.ONE == 1\n")
    modules = set(sys.modules)
    for value, passes in ((1, True), (2, False)):
        (tmp_path / "itbench" / "__init__.py").write_text(f"ONE = {value}\n")
        assert run_tests(tmp_path, ["test_one.py"]) == passes
    assert set(sys.modules) == modules
    assert not run_tests(tmp_path, ["test_none.py"])


@pytest.mark.slow
def test_tests_that_run_for_ever_count_as_failed(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_one():\n    while True:\n        pass\n")
    assert not run_tests(tmp_path, ["test_one.py"], limit=1)
