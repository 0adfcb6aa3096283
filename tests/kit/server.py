"""Local web server with faults, a stand-in of Google Drive, a full disk, a killed process: used by download tests."""

from __future__ import annotations

import http.server
import os
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.kit.commands import ROOT

STEP = 1 << 14  # bytes between two pauses


@dataclass
class Served:
    """A file, how the server gives it, and the headers of the requests that came for it."""

    content: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"1"'})
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)  # answered first, one a request
    closes_after: list[int] = field(default_factory=list)  # bytes, one a request
    extra_length: int = 0  # announced beside the content's
    announced: bool = True
    pause: float = 0.0  # seconds after each step
    requests: list[dict[str, str]] = field(default_factory=list)

    def asked_for(self) -> list[str | None]:
        """Return the range that each request asked for."""
        return [request.get("Range") for request in self.requests]


class Handler(http.server.BaseHTTPRequestHandler):
    files: dict[str, Served]

    def do_GET(self):
        served = self.files.get(urlsplit(self.path).path.strip("/"))
        if served is None:
            self.send_error(404)
        else:
            self.give(served)

    def give(self, served):
        served.requests.append(dict(self.headers))
        if served.statuses:
            self.send_error(served.statuses.pop(0))
            return
        start = self.start(served)
        if start > 0 and start >= len(served.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(served.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(served.content) - 1}/{len(served.content)}")
        for header, value in served.headers.items():
            self.send_header(header, value)
        body = served.content[start:]
        if served.announced:
            self.send_header("Content-Length", str(len(body) + served.extra_length))
        self.end_headers()
        body = body[: served.closes_after.pop(0)] if served.closes_after else body
        for first in range(0, len(body), STEP):
            self.wfile.write(body[first : first + STEP])
            self.wfile.flush()
            time.sleep(served.pause)
        self.close_connection = True

    def start(self, served):
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        fits = condition is None or condition in served.headers.values()
        return int(asked[1]) if asked and served.ranges and fits else 0

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:  # the other side went away
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    """Gives files by name, from a thread of its own."""

    def __init__(self, files: dict[str, Served], handler: type[Handler] = Handler, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), type("Bound", (handler,), {"files": files}))
        self.address = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


QUOTA = "Too many users have viewed or downloaded this file recently."
WARNING = (  # in one line, as Google writes it
    '<html><form id="download-form" action="https://drive.google.com/download" method="get">'
    '<input type="hidden" name="id" value="{id}"><input type="hidden" name="confirm" value="t"></form></html>'
)


class Drive(Handler):
    """A proxy that answers for drive.google.com: a page that warns of a large file, and then the file."""

    context: ssl.SSLContext

    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.setup_files()

    def setup_files(self):
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self):
        assert self.headers["Host"] == "drive.google.com"
        asked = parse_qs(urlsplit(self.path).query)
        served = self.files.get(asked["id"][0])
        if served is None:
            self.page(f'<p class="uc-error-subcaption">{QUOTA}</p>')
        elif "confirm" not in asked:
            self.page(WARNING.format(id=asked["id"][0]))
        else:
            self.give(served)

    def page(self, text):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
        self.close_connection = True


@contextmanager
def drive(files: dict[str, Served], folder: Path) -> Iterator[dict[str, str]]:
    """Serve files by id as Google Drive does; yield the environment in which https leads there."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=drive.google.com"
    names = ["-addext", "subjectAltName=DNS:drive.google.com", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request.split(), *names], check=True, capture_output=True)
    Drive.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    Drive.context.load_cert_chain(certificate, key)
    for served in files.values():
        served.headers = {"Content-Type": "application/octet-stream", **served.headers}
        served.headers["Content-Disposition"] = 'attachment; filename="file"'
    with Server(files, Drive) as server:
        yield {"HTTPS_PROXY": server.address, "REQUESTS_CA_BUNDLE": str(certificate)}


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], object]]:
    """Mount a disk of few bytes on `folder`; yield a function that gives it another size."""
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk takes the rights of root")
    try:
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


class Started:
    """Python code in a process of its own that can be killed on its way."""

    def __init__(self, code: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )

    def kill_when(self, condition, seconds: float = 60.0) -> None:
        """Kill it with SIGKILL once `condition` holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.01)
        self.process.kill()
        assert self.process.wait(30) == -9
        self.process.stderr.close()


class Heard:
    """A `Reporter` that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.bars: list[tuple[str, int, str, int]] = []
        self.done: list[int] = []

    def note(self, message):
        self.notes.append(message)

    @contextmanager
    def progress(self, description, total, unit, start=0):
        self.bars.append((description, total, unit, start))
        yield self.done.append
