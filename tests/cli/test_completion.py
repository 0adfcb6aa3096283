"""Shell completion by click's protocol, in processes of their own, and in a real bash."""

import os
import select
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from itbench.plugins import load_plugins
from itbench.results.score_file import write_score
from tests.kit.commands import ROOT, run
from tests.kit.scores import readout_score


def completed(*words, shell="bash", **environment):
    """Return what the last of the words can be completed to."""
    about = {
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_ITBENCH_COMPLETE": f"{shell}_complete",
    }
    if shell == "fish":
        about["COMP_CWORD"] = words[-1]
    done = subprocess.run(
        [sys.executable, "-m", "itbench"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **about, **environment},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.replace("plain,", "").split()


def write_scores(folder):
    recorded = np.random.default_rng(0).normal(size=(20, 3))
    for model, weights in (
        ("toy", "pretrained"),
        ("toy", "random-0"),
        ("finetuned/toy", "pretrained"),
        ("net", "none"),
    ):
        stem = {"stem": "finetuned_toy--pretrained--toy--ridge--0a1b2c3d"} if "/" in model else {}
        write_score(readout_score(recorded, recorded, n_draws=0, model=model, weights=weights, **stem), folder)


@pytest.mark.slow
def test_names_of_every_kind(home):
    """The oracle is the registry; the first call makes the file of names, the others read it."""
    registry = load_plugins()
    models = [name for name in registry.models if "/*" not in name]
    assert completed("itbench", "score", "-m", "") == models
    assert (home / "cache" / "completion.json").is_file()
    assert completed("itbench", "score", "-m", "resnet") == [name for name in models if name.startswith("resnet")]
    cores = [name for name in models if not registry.models[name].trainable]
    assert completed("itbench", "layers", "finetuned/") == [f"finetuned/{core}" for core in cores]
    assert completed("itbench", "score", "-m", "itbench-tiny", "-l", "") == list(registry.models["itbench-tiny"].layers)
    assert completed("itbench", "score", "-b", "synth") == [name for name in registry.benchmarks if name[:5] == "synth"]
    assert completed("itbench", "score", "--metric", "r") == [name for name in registry.metrics if name[0] == "r"]
    assert completed("itbench", "metrics", "mut") == ["mutual-knn"]
    assert completed("itbench", "score", "--metric", "=", "svc") == ["svcca"]
    assert completed("itbench", "score", "--metric", "cka", "-o", "est") == ["estimator=debiased"]
    assert completed("itbench", "score", "-o", "components", "=") == ["1000"]
    assert completed("itbench", "data", "fetch", "kr") == [name for name in registry.datasets if name[:2] == "kr"]
    assert completed("itbench", "run", "se") == ["seeds"]
    assert completed("itbench", "tune", "cnn-3") == ["cnn-3bn"]
    assert completed("itbench", "da") == ["data"]
    assert completed("itbench", "data", "ve") == ["verify"]


@pytest.mark.slow
def test_names_of_plugins_follow_their_files(toy, tmp_path):
    names = [name for name in load_plugins().models if name.startswith("toy")]
    assert completed("itbench", "score", "-m", "toy") == names
    plugin = tmp_path / "mine.py"
    text = toy.with_name("toy_plugin.py").read_text().replace('"toy', '"mine')
    plugin.write_text(text)
    assert "mine" in completed("itbench", "score", "--plugin", str(plugin), "-m", "mi")
    plugin.write_text(text.replace('"mine', '"other'))
    os.utime(plugin, (1, 1))
    assert completed("itbench", "score", "--plugin", str(plugin), "-m", "mine") == []
    plugin.write_text("raise SystemExit('broken')")
    assert "pixels" in completed("itbench", "score", "--plugin", str(plugin), "-m", "pix")


@pytest.mark.slow
def test_scores_are_completed_from_their_folder(tmp_path):
    write_scores(tmp_path / "work" / "leaderboard" / "scores")
    (tmp_path / "work" / "leaderboard" / "scores" / "bad.nc").write_text("no score")
    assert completed("itbench", "explain", "") == ["finetuned/toy", "net", "toy", "toy:pretrained", "toy:random-0"]
    assert completed("itbench", "explain", "net", ":") == ["none"]
    assert completed("itbench", "compare", "net", "toy", ":", "ra") == ["random-0"]
    assert completed("itbench", "explain", "toy:r", shell="fish") == ["toy:random-0"]
    assert completed("itbench", "explain", "toy:r", shell="zsh") == ["plain", "toy:random-0", "_"]
    assert completed("itbench", "explain", "--weights", "") == ["none", "pretrained", "random-0"]
    assert completed("itbench", "explain", "--weights", "random-0", "") == ["toy"]
    assert completed("itbench", "leaderboard", "-b", "") == ["toy"]
    assert completed("itbench", "explain", "./x") == ["file,./x"]
    assert completed("itbench", "explain", "--results", "nosuch", "t") == ["file,t"]


@pytest.mark.slow
def test_nothing_is_raised_without_a_cache_folder_or_plugin_file(tmp_path):
    (tmp_path / "file").write_text("")
    assert completed("itbench", "metrics", "mut", ITBENCH_CACHE=str(tmp_path / "file" / "x")) == ["mutual-knn"]
    assert completed("itbench", "metrics", "mut", ITBENCH_PLUGINS=str(tmp_path / "nosuch.py")) == []


@pytest.mark.slow
def test_completion_imports_neither_numpy_nor_torch_when_names_are_kept(home):
    assert run("--help").exit_code == 0
    completed("itbench", "score", "-m", "pix")
    code = (
        "import atexit, sys\nfrom itbench.cli import main\n"
        "atexit.register(lambda: print(*sys.modules))\nmain(prog_name='itbench')"
    )
    about = {"COMP_WORDS": "itbench score -m pix", "COMP_CWORD": "3", "_ITBENCH_COMPLETE": "bash_complete"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **about})
    assert done.stdout.startswith("plain,pixels\n")
    assert not {"numpy", "torch", "rich", "itbench.registry"} & set(done.stdout.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_every_shell(shell):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "_ITBENCH_COMPLETE": f"{shell}_source"}
    done = subprocess.run([sys.executable, "-m", "itbench"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0
    assert "_itbench_completion" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_in_bash_the_tab_key_completes(tmp_path):
    """Also behind a colon and an equals sign, at which bash ends a word."""
    pty = pytest.importorskip("pty")
    write_scores(tmp_path / "work" / "leaderboard" / "scores")
    completed("itbench", "score", "-m", "pix")  # the names are kept
    program = tmp_path / "bin" / "itbench"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m itbench "$@"\n')
    program.chmod(0o755)
    ours, terminal = pty.openpty()
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PS1": "", "TERM": "dumb"}
    bash = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )
    os.close(terminal)

    def typed(text, wanted):
        os.write(ours, text.encode())
        seen, end = "", time.monotonic() + 60
        while wanted not in seen and time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                seen += os.read(ours, 65536).decode()
        assert wanted in seen, (text, seen)

    typed('eval "$(_ITBENCH_COMPLETE=bash_source itbench)"; echo re""ady\n', "ready")
    for text, wanted in {
        "itbench lea\t": "itbench leaderboard ",
        "itbench score -m itbench-t\t": "itbench-tiny ",
        "itbench explain toy:ra\t": "toy:random-0 ",
        "itbench score --metric=svc\t": "--metric=svcca ",
        "itbench score -o components=\t": "components=1000 ",
    }.items():
        typed(text, wanted)
        os.write(ours, b"\x15")  # the line is deleted
    os.write(ours, b"exit\n")
    bash.wait(timeout=30)
    os.close(ours)
