"""Print the table of networks in docs/models.md: python -m tools.networks_table

Every network is built with random weights, which takes a minute.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from itbench import Network, Weights, load_plugins
from itbench.registry import ModelEntry

COLUMNS = ("model", "article and training set", "weights", "candidate layers", "pixels", "parameters, M")


def row(entry: ModelEntry, network: Network) -> tuple[str, ...]:
    """Return the cells of one network in the table of networks."""
    parameters = sum(parameter.numel() for parameter in network.module.parameters()) / 1e6
    return (
        f"`{entry.name}`",
        entry.description,
        entry.source if "pretrained" in entry.weights else "random or a file",
        shortened(network.layers),
        str(network.prepare(np.zeros((1, 500, 500, 3), np.uint8)).shape[-1]),
        f"{parameters:.1f}",
    )


def line(cells: Sequence[str]) -> str:
    """Return cells as a line of a markdown table."""
    return f"| {' | '.join(cells)} |"


def shortened(layers: Sequence[str]) -> str:
    """Write layers that are numbered one after another as the first and the last.

    >>> shortened(["stem", "blocks.0", "blocks.1", "blocks.2", "norm"])
    '`stem` `blocks.0` … `blocks.2` `norm`'
    """
    runs: list[list[str]] = []
    for layer in layers:
        if runs and _follows(runs[-1][-1], layer):
            runs[-1].append(layer)
        else:
            runs.append([layer])
    cells = [f"`{run[0]}` … `{run[-1]}`" if len(run) > 2 else " ".join(f"`{layer}`" for layer in run) for run in runs]
    return " ".join(cells)


def _follows(first: str, second: str) -> bool:
    (stem, number), (other, next_) = (re.fullmatch(r"(.*?)(\d*)", name).groups() for name in (first, second))
    return stem == other and number.isdecimal() and next_.isdecimal() and int(next_) == int(number) + 1


def networks() -> list[ModelEntry]:
    """Return the built-in networks that are not trained on recordings."""
    return [
        entry for entry in load_plugins().models.values() if not entry.names and entry.weights and not entry.trainable
    ]


def main() -> None:
    """Print the table of networks."""
    print(line(COLUMNS), line(["---"] * len(COLUMNS)), sep="\n")
    for entry in networks():
        print(line(row(entry, entry.factory(Weights("random")))))


if __name__ == "__main__":
    main()
