"""``python -m itbench`` is ``itbench``."""

from itbench.cli import main

main(prog_name="itbench")
