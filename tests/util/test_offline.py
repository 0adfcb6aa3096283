"""Offline: nothing that runs in the process reaches a network, whichever library asks."""

import http.server
import threading

import pytest

from itbench.errors import Unreachable
from itbench.util.offline import forbid_network, is_offline
from tests.kit.commands import run_python


@pytest.fixture
def server():
    """A server that counts its visitors; its address stands for one elsewhere."""
    visits = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            visits.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", visits
        running.shutdown()


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("true", True), ("", False), ("0", False), ("no", False)])
def test_the_variable_says_so(value, offline, monkeypatch):
    monkeypatch.setenv("ITBENCH_OFFLINE", value)
    assert is_offline() is offline


def test_what_would_be_fetched_is_named(monkeypatch):
    forbid_network("majaj-it")
    monkeypatch.setenv("ITBENCH_OFFLINE", "1")
    with pytest.raises(Unreachable, match="majaj-it would have to be fetched, but itbench is offline"):
        forbid_network("majaj-it")


CALLS = {
    "urllib": "import urllib.request; urllib.request.urlopen({url!r})",
    "requests": "import requests; requests.get({url!r})",
    "torch hub": "import torch; torch.hub.load_state_dict_from_url({url!r} + 'a.pth', model_dir='.')",
    "a name": "import socket; socket.getaddrinfo('example.org', 80)",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [pytest.param(CALLS[name], marks=[pytest.mark.slow] if name == "torch hub" else []) for name in CALLS],
    ids=CALLS,
)
def test_no_library_reaches_a_server(call, server):
    url, visits = server
    code = f"from itbench.util.offline import keep_offline\nkeep_offline()\n{call.format(url=url)}"
    refused = run_python(code, ITBENCH_OFFLINE="1")
    assert refused.returncode == 1
    assert "itbench is offline" in refused.stderr
    assert not visits


REMOTE = """
import urllib.request

from itbench import FunctionModel, hookimpl


@hookimpl
def itbench_models(register):
    register("remote", build, layers=("pixels",), weights=())


def build(weights):
    def ask(images):
        urllib.request.urlopen({url!r})
        return {{"pixels": images / 255}}

    return FunctionModel(ask, layers=("pixels",), identity="remote 1")
"""


@pytest.mark.slow
@pytest.mark.parametrize("flag", [["--offline"], []], ids=["offline", "not"])
def test_a_model_that_is_no_network_of_ours_is_kept_offline_too(flag, server, toy, home):
    url, visits = server
    (home / "remote.py").write_text(REMOTE.format(url=url))
    words = ["score", "-m", "remote", "-b", str(toy), "--plugin", str(home / "remote.py"), *flag]
    done = run_python(f"from itbench.cli import main\nmain({words!r})")
    assert (done.returncode, bool(visits)) == ((1, False) if flag else (0, True)), done.stderr
    assert ("itbench is offline" in done.stderr) is bool(flag)


def test_without_the_variable_the_server_is_reached(server):
    url, visits = server
    done = run_python(
        f"from itbench.util.offline import keep_offline\nkeep_offline()\n{CALLS['urllib'].format(url=url)}"
    )
    assert done.returncode == 0, done.stderr
    assert visits == ["/"]


@pytest.mark.slow
def test_the_hub_is_not_asked_again_and_again(home):
    """huggingface_hub tries for most of a minute when it cannot connect; offline it fails at once."""
    code = (
        "from itbench import Weights, from_timm\nfrom itbench.errors import NoWeights\n"
        "try:\n    from_timm('resnet18', Weights('pretrained'))\nexcept NoWeights as error:\n    print(error)"
    )
    done = run_python(code, ITBENCH_OFFLINE="1", HF_HOME=str(home / "hub"))
    assert "no cache on this machine holds them" in done.stdout
    assert "--weights random" in done.stdout


@pytest.mark.slow
def test_a_hub_that_cannot_be_reached_is_named_within_seconds(home):
    code = (
        "import time\nfrom itbench import Weights, from_timm\nfrom itbench.errors import NoWeights\n"
        "start = time.time()\n"
        "try:\n    from_timm('resnet18', Weights('pretrained'))\nexcept NoWeights as error:\n    print(error)\n"
        "assert time.time() - start < 20"
    )
    done = run_python(code, HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(home / "hub"))
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1 cannot be reached (Connection refused), and no cache on this machine holds them" in done.stdout
    assert "Retrying" not in done.stderr
