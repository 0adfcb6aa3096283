"""Offline mode: refuse every network connection of this process."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from itbench.errors import Unreachable

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
