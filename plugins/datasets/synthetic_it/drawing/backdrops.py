"""Backdrops: textures, land, rooms, planks, leaves and houses, all from noise and straight lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .noise import noise
from .shapes import Floats
from .tracing import lines


def _texture(rng: np.random.Generator, size: int, hues: Floats) -> Floats:
    """Return a mottled surface, foliage or stone."""
    tone = np.exp(np.float32(rng.uniform(0.35, 0.6)) * noise(rng, size, rng.uniform(1.5, 2.1)))
    share = _ramp(noise(rng, size, 2.2), 0.8)
    return np.float32(0.35) * tone[..., None] * _mix(hues[0], hues[1], share)


def _land(rng: np.random.Generator, size: int, hues: Floats) -> Floats:
    """Return sky over a ragged line of hills or trees over ground."""
    _, y = _tilted(size, rng.uniform(-0.12, 0.12))
    clouds, ground = noise(rng, size, 2.3), noise(rng, size, 1.7)
    horizon = rng.uniform(-0.4, 0.35)
    sky = np.float32(0.65) * np.exp(0.25 * clouds - 0.3 * (y - horizon))[..., None] * hues[0]
    earth = np.float32(0.3) * np.exp(0.4 * ground + 0.5 * (horizon - y))[..., None] * hues[1]
    light = _mix(earth, sky, _ramp(y - horizon, 0.02))
    ridge = horizon + rng.uniform(0.1, 0.4) * (0.6 + 0.5 * noise(rng, size, rng.uniform(1.6, 2.3))[size // 2])
    hills = np.float32(rng.uniform(0.12, 0.3)) * np.exp(0.45 * noise(rng, size, 1.6))[..., None] * hues[2]
    return _mix(light, hills, _ramp(ridge - y, 0.02) * _ramp(y - horizon, 0.02))


def _room(rng: np.random.Generator, size: int, hues: Floats) -> Floats:
    """Return two walls that meet in a corner, over a floor of boards."""
    x, y = _tilted(size, rng.uniform(-0.08, 0.08))
    corner, skirting = rng.uniform(-0.8, 0.8), rng.uniform(-0.6, 0.0)
    walls = np.where(x < corner, np.float32(rng.uniform(0.35, 0.6)), np.float32(rng.uniform(0.2, 0.45)))
    walls = walls * np.exp(-0.35 * np.abs(x - corner) + 0.15 * noise(rng, size, 2.2))
    foot = skirting - 0.25 * np.abs(x - corner)
    # Boards converge towards the corner as they recede.
    board = (x - corner) / (0.35 + foot - y).clip(0.05) * rng.uniform(2, 5)
    boards = np.float32(rng.uniform(0.15, 0.4)) * (1 + 0.25 * np.sin(np.floor(board) * 2.4 + 1))
    boards = boards * (0.6 + 0.4 * _ramp(board % 1 - 0.08, 0.05)) * np.exp(0.15 * noise(rng, size, 1.6))
    floor = _ramp(foot - y, 0.02)
    return _mix(walls[..., None] * hues[0], boards[..., None] * hues[1], floor)


def _slats(rng: np.random.Generator, size: int, hues: Floats) -> Floats:
    """Return irregular strips side by side: planks, trunks or the fronts of houses."""
    x, _ = _tilted(size, rng.uniform(-1.6, 1.6))
    widths = rng.uniform(0.08, 0.45, 40)
    edges = np.cumsum(widths) - 2
    strip = np.searchsorted(edges, x).clip(0, 38)
    within = (edges[strip] - x) / widths[strip] * 2 - 1
    round_off = np.float32(rng.uniform(0, 0.5)) * within**2 + np.float32(0.2) * within
    tone = np.exp(0.45 * rng.standard_normal(40))[strip] * (1 - round_off)
    tone = np.float32(0.33) * tone * np.exp(0.3 * noise(rng, size, 1.8))
    return tone[..., None] * _mix(hues[0], hues[1], rng.uniform(0, 1, 40)[strip])


def _foliage(rng: np.random.Generator, size: int, hues: Floats) -> Floats:
    """Return layer upon layer of leaves or rubble, the nearer the lighter."""
    light = np.float32(0.1) * np.ones((size, size, 1), np.float32) * hues[0]
    steepness = rng.uniform(1.6, 2.0)
    for layer in range(4):
        shape = noise(rng, size, steepness)
        tone = np.float32(0.12 + 0.11 * layer) * np.exp(0.3 * noise(rng, size, 1.5))
        # The upper side of each clump catches the light.
        lean = np.clip(1 + 0.5 * (shape - np.roll(shape, -2, axis=0)), 0.4, 1.8)
        light = _mix(light, (tone * lean)[..., None] * hues[layer % 3], _ramp(shape - 0.35, 0.25))
    return light


def _town(rng: np.random.Generator, size: int, hues: Floats) -> Floats:
    """Return rows of houses with windows, the nearer the darker, under a sky."""
    x, y = _tilted(size, rng.uniform(-0.06, 0.06))
    light = np.float32(0.7) * np.exp(0.2 * noise(rng, size, 2.3) - 0.2 * y)[..., None] * hues[0]
    for row in range(3):
        edges = np.cumsum(rng.uniform(0.12, 0.4, 30)) - 2
        house = np.searchsorted(edges, x).clip(0, 29)
        roof = (0.55 - 0.45 * row + rng.normal(0, 0.22, 30))[house]
        pitch = rng.uniform(16, 30)
        panes = _ramp(np.sin(pitch * x), 0.4) * _ramp(np.sin(0.7 * pitch * (y - roof)), 0.4)
        wall = rng.uniform(0.15, 0.55, 30)[house] * (1 - rng.uniform(0.2, 0.6) * panes)
        wall = wall * np.exp(0.15 * noise(rng, size, 1.8))
        light = _mix(light, wall[..., None] * hues[1 + row % 3], _ramp(roof - y, 0.02))
    return light


def _tilted(size: int, angle: float) -> tuple[Floats, Floats]:
    """Return the coordinates of the pixels, -1..1, in axes turned by an angle in radians."""
    across, up = lines(size)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * across + sin * up[:, None], cos * up[:, None] - sin * across


def _ramp(values: Floats, width: float) -> Floats:
    """Return 0 below, 1 above zero, rising linearly over the width."""
    return np.clip(values / np.float32(width) + np.float32(0.5), 0, 1)


def _mix(first: Floats, second: Floats, share: NDArray[np.floating]) -> Floats:
    """Return the colours between two, by each pixel's share of the second."""
    weight = np.asarray(share, np.float32)[..., None]
    return first + weight * (second - first)


BACKDROPS: tuple[Callable[[np.random.Generator, int, Floats], Floats], ...] = (
    _texture,
    _land,
    _room,
    _slats,
    _foliage,
    _town,
)
