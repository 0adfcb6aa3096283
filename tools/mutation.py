"""Mutation run: change the code that makes numbers at random places, and name the changes that its tests let pass:

python -m tools.mutation --seed 0 --n 48
python -m tools.mutation --n 0 itbench/statistics/bootstrap.py

A mutant is a file with one operator, comparison, constant, axis or reduction changed. It is tried in a copy of the
tree, with the file's own fast tests, which take a second or two; the process is forked after the libraries are
imported, so this needs a Unix. `tools/mutation_equivalent.yaml` lists mutants that give the same numbers, with the
reason: they are not tried.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import io
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("mutation_equivalent.yaml")
ENOUGH = 0.95  # of the mutants: share that the tests must see
COPIED = ("itbench", "plugins", "benchmarks", "suites", "tests", "tools", "perf", "docs", "pyproject.toml")
LIBRARIES = ("numpy", "scipy.stats", "sklearn.model_selection", "xarray", "pandas", "h5py", "torch", "pytest")
TESTS = {  # by file that makes numbers, in itbench/: its tests, in tests/
    "data/matching": ["data/test_matching"],
    "data/pack": ["data/test_pack", "data/test_pack_refuses", "data/test_pack_formats"],
    "data/responses": ["data/test_responses", "data/test_recordings", "statistics/test_explained_variance"],
    "data/splits": ["data/test_splits", "data/test_benchmark", "data/test_groups", "data/test_split_file"],
    "data/groups": ["data/test_groups"],
    "data/split_file": ["data/test_split_file"],
    "extraction/gram_cache": ["extraction/test_gram_cache"],
    "extraction/gram_reducer": ["extraction/test_gram_reducer"],
    "gram": ["models/test_gram", "metrics/test_kernel"],
    "metrics/banded": ["metrics/test_banded"],
    "metrics/cka": ["metrics/test_similarity"],
    "metrics/comparison": ["metrics/test_comparison", "data/test_recordings_rdms"],
    "metrics/features": ["metrics/test_features"],
    "metrics/held_out": ["metrics/test_held_out", "metrics/test_stacking"],
    "metrics/kernel": ["metrics/test_kernel", "metrics/test_similarity", "metrics/test_ridge"],
    "metrics/layer_kernels": ["metrics/test_stacking"],
    "metrics/neighbours": ["metrics/test_neighbours"],
    "metrics/pls": ["metrics/test_pls"],
    "metrics/procrustes": ["metrics/test_similarity"],
    "metrics/rdm": ["metrics/test_rdm", "metrics/test_neural_data"],
    "metrics/reverse": ["metrics/test_reverse"],
    "metrics/ridge": ["metrics/test_ridge"],
    "metrics/rsa": ["metrics/test_similarity"],
    "metrics/stacking": ["metrics/test_stacking"],
    "plot/scores": ["plot/test_curves"],
    "results/benchmark_mean": ["results/test_benchmark_mean"],
    "results/paired_comparison": ["results/test_compare"],
    "results/seeds": ["results/test_seeds"],
    "statistics/bootstrap": ["statistics/test_bootstrap"],
    "statistics/brainscore": ["statistics/test_brainscore"],
    "statistics/explained_variance": ["statistics/test_explained_variance"],
    "statistics/jackknife": ["statistics/test_jackknife", "metrics/test_comparison"],
    "statistics/noise_ceiling": ["statistics/test_noise_ceiling", "statistics/test_reliability"],
    "statistics/noise_power": ["statistics/test_noise_power"],
    "statistics/permutation": ["results/test_compare"],
    "statistics/ranks": ["statistics/test_ranks"],
    "statistics/reliability": ["statistics/test_reliability"],
    "statistics/resampling": ["statistics/test_resampling", "statistics/test_bootstrap"],
    "sweeps/ceiling_table": ["cli/test_ceiling_command"],
}

OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
    ast.USub: ("-", "+"),
    ast.Not: ("not", ""),
    ast.Invert: ("~", ""),
}
PAIRS = ("any all", "min max", "minimum maximum", "argmin argmax", "mean sum", "zeros ones", "inf nan", "start stop")
NAMES = {name: other for pair in map(str.split, PAIRS) for name, other in (pair, pair[::-1])}
EQUAL_BY_LAW = ("strict", "frozen", "eq")  # keyword arguments that move no number
Place = tuple[int, int]  # line, from 1, and column


@dataclass(frozen=True)
class Mutant:
    """Change of one token of a source file.

    Parameters
    ----------
    start, end : pair of int
        Line and column of the token.
    text : str
        What stands there instead.
    """

    start: Place
    end: Place
    text: str

    def apply(self, source: str) -> str:
        """Return the source with the change."""
        lines = source.splitlines(keepends=True)
        row, line = self.start[0] - 1, lines[self.start[0] - 1]
        lines[row] = line[: self.start[1]] + self.text + line[self.end[1] :]
        return "".join(lines)

    def line(self, source: str) -> str:
        """Return the changed line of a source, stripped."""
        return source.splitlines()[self.start[0] - 1].strip()


def mutants(source: str) -> list[Mutant]:
    """Return all mutants of a source file, in its order; annotations, decorators and messages of errors stay."""
    tokens: dict[str, list[tokenize.TokenInfo]] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        tokens.setdefault(token.string, []).append(token)
    lines = source.splitlines()

    def place(line: int, column: int) -> Place:
        return line, len(lines[line - 1].encode()[:column].decode())

    def operator(kind: ast.AST, low: Place, high: Place) -> Iterator[Mutant]:
        if type(kind) in OPERATORS:
            old, new = OPERATORS[type(kind)]
            yield from (Mutant(t.start, t.end, new) for t in tokens[old] if low <= t.start < high)

    def first(node: ast.expr) -> Place:
        return place(node.lineno, node.col_offset)

    def last(node: ast.expr) -> Place:
        return place(node.end_lineno or 0, node.end_col_offset or 0)

    found: list[Mutant] = []
    for node, axis in _numeric(ast.parse(source)):
        if isinstance(node, ast.BinOp):
            found += operator(node.op, last(node.left), first(node.right))
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for kind, left, right in zip(node.ops, sides, sides[1:], strict=False):
                found += operator(kind, last(left), first(right))
        elif isinstance(node, ast.BoolOp):
            for left, right in zip(node.values, node.values[1:], strict=False):
                found += operator(node.op, last(left), first(right))
        elif isinstance(node, ast.UnaryOp):
            found += operator(node.op, first(node), first(node.operand))
        elif isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
            old, new = OPERATORS[type(node.op)]
            low, high = last(node.target), first(node.value)
            found += [Mutant(t.start, t.end, f"{new}=") for t in tokens[f"{old}="] if low <= t.start < high]
        elif isinstance(node, ast.Constant):
            found += [Mutant(first(node), last(node), text) for text in _other_values(node.value, axis)]
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            line, column = last(node)
            found.append(Mutant((line, column - len(node.attr)), (line, column), NAMES[node.attr]))
        elif isinstance(node, ast.Name) and node.id in NAMES:
            found.append(Mutant(first(node), last(node), NAMES[node.id]))
    return sorted(found, key=lambda mutant: mutant.start)


def _numeric(node: ast.AST, axis: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Yield the nodes of a syntax tree that can move a number, and whether each belongs to an axis."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return
    yield node, axis
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.keyword) and child.arg in EQUAL_BY_LAW:
                continue
            if isinstance(child, ast.AST):
                yield from _numeric(child, axis or (isinstance(node, ast.keyword) and node.arg == "axis"))


def _other_values(value: object, axis: bool) -> list[str]:
    if isinstance(value, bool):
        return [str(not value)]
    if axis and value:
        return ["0"]
    return [repr(value + 1)] if isinstance(value, int | float) else []


def run_tests(folder: Path, tests: Sequence[str], limit: float = 60) -> bool:
    """Return whether the fast tests of a tree pass, in a fork of this process that ends after `limit` seconds."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    signal.alarm(int(limit))  # a mutant may loop for ever
    os.chdir(folder)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.path[:] = [str(folder), *(path for path in sys.path if path not in ("", str(ROOT)))]
    for name in [name for name in sys.modules if name.split(".")[0] in ("tools", "tests", "itbench", "plugins")]:
        del sys.modules[name]
    try:
        import pytest

        words = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={folder}/temp"]
        os._exit(int(pytest.main([*words, *tests])))
    finally:
        os._exit(70)


def known_equivalents() -> set[tuple[str, str, str]]:
    """Return the mutants that give the same numbers: file, line, changed line; ``*`` for all changes of the line."""
    listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))
    return {(entry["file"], entry["line"], mutated) for entry in listed for mutated in entry["mutated"]}


def try_mutants(chosen: Sequence[tuple[str, Mutant]], folder: Path) -> list[str]:
    """Try mutants (file, mutant) in a copy of the tree, and return those that the tests let pass, a line each."""
    survivors, limits = [], {}
    for number, (file, mutant) in enumerate(chosen, 1):
        path, source = folder / file, (ROOT / file).read_text(encoding="utf-8")
        tests = own_tests(file)
        if file not in limits:
            start = time.monotonic()
            if not run_tests(folder, tests, 600):
                raise SystemExit(f"The tests {' '.join(tests)} fail without a mutant, or there are none.")
            limits[file] = 20 + 5 * (time.monotonic() - start)
        changed = mutant.apply(source)
        path.write_text(changed, encoding="utf-8")
        passed = run_tests(folder, tests, limits[file])
        path.write_text(source, encoding="utf-8")
        if passed:
            survivors.append(f"{file}:{mutant.start[0]}\n  - {mutant.line(source)}\n  + {mutant.line(changed)}")
            print(f"[{number}/{len(chosen)}] {survivors[-1]}", flush=True)
    return survivors


def own_tests(file: str) -> list[str]:
    """Return the test files of a file that makes numbers."""
    return [f"tests/{name}.py" for name in TESTS[file.removeprefix("itbench/").removesuffix(".py")]]


def choose(files: Sequence[str], seed: int, n: int) -> tuple[list[tuple[str, Mutant]], int]:
    """Return `n` random mutants of files (0 for all), in their order, and how many were left out as equivalent."""
    known, every = known_equivalents(), []

    def moves_numbers(file: str, line: str, mutated: str) -> bool:
        return not {(file, line, mutated), (file, line, "*")} & known

    for file in files:
        source = (ROOT / file).read_text(encoding="utf-8")
        every += [(file, mutant, mutant.line(source), mutant.line(mutant.apply(source))) for mutant in mutants(source)]
    drawn = sorted(random.Random(seed).sample(range(len(every)), min(n or len(every), len(every))))
    kept = [every[at][:2] for at in drawn if moves_numbers(every[at][0], *every[at][2:])]
    return kept, len(drawn) - len(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", help="of the files that make numbers; by default all of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n", type=int, default=48, help="number of mutants; 0 for all")
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = True
    for library in LIBRARIES:
        importlib.import_module(library)
    chosen, equivalent = choose(given.files or [f"itbench/{name}.py" for name in TESTS], given.seed, given.n)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
        os.environ["PYTHONPATH"] = temporary
        survivors = try_mutants(chosen, folder)
    killed = len(chosen) - len(survivors)
    print(f"{killed} of {len(chosen)} mutants were seen by the tests; {equivalent} give the same numbers.")
    sys.exit(killed < ENOUGH * len(chosen))


if __name__ == "__main__":
    main()
