"""Candidate layers of a torch network that names none: its blocks, at equal distances over its depth."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from itbench.models.layer_names import Shapes

CANDIDATES = 8
SHARE = 1 / 6  # of a network's weighted leaves: a module that holds more of them is opened
REPEATED = 3  # parts of one class that make a module a chain of blocks


def spread_candidates(module: torch.nn.Module, shapes: Shapes, depths: Mapping[str, int]) -> tuple[str, ...]:
    """Return the candidate layers of a torch network: at most eight of its blocks, at equal distances over depth.

    Parameters
    ----------
    module : torch.nn.Module
    shapes, depths : mapping
        Of its modules, as `itbench.models.network.Probe` has them.
    """
    usable = [name for name in blocks(module) if not isinstance(shapes[name], str)]
    in_order = _without_classifier(module, sorted(usable, key=lambda name: depths[name]), shapes)
    if len(in_order) <= CANDIDATES:
        return tuple(in_order)
    first, last = depths[in_order[0]], depths[in_order[-1]]
    wanted = [first + (last - first) * step / (CANDIDATES - 1) for step in range(CANDIDATES)]
    nearest = [min(in_order, key=lambda name: abs(depths[name] - depth)) for depth in wanted]
    return tuple(dict.fromkeys(nearest))


def blocks(module: torch.nn.Module) -> tuple[str, ...]:
    """Return the blocks of a torch network: modules with weights, none inside another, in the order of definition.

    A chain of blocks is opened, and so is what holds one or consists of single layers, if it is more than a sixth of
    the network.
    """
    return tuple(_opened(module, "", _leaves(module)))


def _opened(module: torch.nn.Module, prefix: str, leaves: int) -> dict[str, None]:
    found: dict[str, None] = {}
    for name, child in module.named_children():
        if _leaves(child) == 0:
            continue
        if _is_opened(child, _leaves(child) / leaves):
            found |= _opened(child, f"{prefix}{name}.", leaves)
        else:
            found[prefix + name] = None
    return found


def _is_opened(module: torch.nn.Module, share: float) -> bool:
    """Return whether a module, which has some share of a network's weighted leaves, is more than one block."""
    if isinstance(module, torch.nn.ModuleList) or type(module) is torch.nn.ModuleDict:  # never runs itself
        return True
    if isinstance(module, torch.nn.ModuleDict) or not _weighted(module):
        return False  # a dictionary that runs is no chain: its parts may be branches
    if _is_plain(module):
        return _is_chain(module) or (share > SHARE and len(_weighted(module)) > 1)
    return share > 1 / 2 or (share > SHARE and any(map(_is_chain, module.modules())))


def _is_chain(module: torch.nn.Module) -> bool:
    """Return whether a module is a plain container of several modules that have parts, or has many of one class."""
    inner = [type(part) for part in _weighted(module) if _weighted(part)]
    many = not isinstance(module, torch.nn.ModuleDict) and len(inner) >= REPEATED and len(set(inner)) == 1
    return many or (_is_plain(module) and len(inner) > 1)


def _is_plain(module: torch.nn.Module) -> bool:
    plain = type(module) in (torch.nn.ModuleList, torch.nn.ModuleDict)
    return plain or type(module).forward is torch.nn.Sequential.forward


def _weighted(module: torch.nn.Module) -> list[torch.nn.Module]:
    return [part for part in module.children() if _leaves(part)]


def _leaves(module: torch.nn.Module) -> int:
    return sum(1 for part in module.modules() if next(part.parameters(recurse=False), None) is not None)


def _without_classifier(module: torch.nn.Module, names: list[str], shapes: Shapes) -> list[str]:
    """Leave out the last block, which no brain area has, and another of its class and shape, for distillation."""
    kept = names[:-1] or names
    if len(kept) > 2 and shapes[kept[-1]] == shapes[names[-1]]:
        last, other = (module.get_submodule(name) for name in (names[-1], kept[-1]))
        is_twin = type(last) is type(other) and len(shapes[names[-1]]) == 1
        kept = kept[:-1] if is_twin else kept
    return kept
