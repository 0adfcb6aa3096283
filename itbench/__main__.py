"""``python -m itbench`` is ``itbench``."""

from __future__ import annotations

from itbench.cli import main

main(prog_name="itbench")
