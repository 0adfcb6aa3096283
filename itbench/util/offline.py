"""Offline mode: refuse every network connection of this process."""

from __future__ import annotations

import os
import socket
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from itbench.errors import Unreachable

SECONDS = 5.0  # to wait for a connection
VARIABLE = "ITBENCH_OFFLINE"
EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname")


def is_offline() -> bool:
    """Return whether this process is offline: ``ITBENCH_OFFLINE`` is set, by the user or by ``--offline``."""
    return os.environ.get(VARIABLE, "").lower() not in ("", "0", "false", "no")


def go_offline() -> None:
    """Set offline mode (``ITBENCH_OFFLINE``) for this process and its child processes."""
    os.environ[VARIABLE] = "1"


def keep_offline() -> None:
    """Refuse every network connection of this process while it is offline, whichever library opens it.

    Libraries that download weights then fail at once instead of trying again; what is cached on disk is still found.
    """
    global _guarded
    if is_offline():
        os.environ["HF_HUB_OFFLINE"] = "1"  # huggingface_hub then looks into its cache alone,
        hub = sys.modules.get("huggingface_hub.constants")
        if hub is not None:
            vars(hub)["HF_HUB_OFFLINE"] = True  # also where it was imported before
        if not _guarded:
            sys.addaudithook(_refuse)  # cannot be removed, so it looks at the variable again each time
            _guarded = True


@contextmanager
def hub_or_cache() -> Iterator[None]:
    """Let huggingface_hub look into its cache alone while the block runs, if its server cannot be reached.

    It tries for most of a minute otherwise, even for files that it has.

    Raises
    ------
    Unreachable
        If the block fails then; names the server.
    """
    import huggingface_hub.constants as hub

    server, reason = ("", "") if hub.HF_HUB_OFFLINE else _try_server(hub.ENDPOINT)
    if not reason:
        yield
        return
    hub.HF_HUB_OFFLINE = True
    try:
        yield
    except Exception as error:
        raise Unreachable(f"{server} cannot be reached ({reason}), and no cache on this machine holds them.") from error
    finally:
        hub.HF_HUB_OFFLINE = False


def _try_server(address: str) -> tuple[str, str]:
    """Connect to the server of an address, or to the proxy before it; return its name and why it failed, if it did."""
    url = urllib.parse.urlsplit(address)
    server = url.hostname or address
    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy and not urllib.request.proxy_bypass(server):
        url = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
    try:
        port = url.port or (80 if url.scheme == "http" else 443)
        socket.create_connection((url.hostname or server, port), SECONDS).close()
    except OSError as error:
        return server, error.strerror or str(error)
    return server, ""


def forbid_network(what: str) -> None:
    """Raise an error if this process is offline, before `what` would be downloaded.

    Raises
    ------
    Unreachable
    """
    if is_offline():
        raise Unreachable(f"{what} would have to be fetched, but itbench is offline.", known=f"{VARIABLE} is set.")


_guarded = False


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in EVENTS and is_offline() and not _local(event, arguments):
        raise Unreachable("A connection was refused: itbench is offline.", known=f"{VARIABLE} is set.")


def _local(event: str, arguments: tuple[Any, ...]) -> bool:
    """Return whether a connection stays on this machine, which offline mode allows."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        return arguments[0] in (None, "", "localhost", "127.0.0.1", "::1")
    return isinstance(arguments[0], socket.socket) and arguments[0].family == getattr(socket, "AF_UNIX", None)
