"""The images the package draws itself."""

import numpy as np
import pytest

from plugins.datasets.synthetic_it.drawing.objects import CATEGORIES, make_object
from plugins.datasets.synthetic_it.drawing.parts import block, dome, ellipsoid, frustum, hull, limb
from plugins.datasets.synthetic_it.drawing.scene import View, draw, mask, sample_view
from plugins.datasets.synthetic_it.drawing.solids import Solid, rotation

SOLIDS = {
    "ellipsoid": ellipsoid((0.1, 0.2, 0), (0.6, 0.3, 0.4), turn=(20, 30, 40)),
    "dome": dome((0, 0.1, 0), (0.5, 0.4, 0.6), turn=(10, -40, 70), floor=0.2),
    "block": block((0, 0, 0.1), (0.5, 0.3, 0.2), turn=(30, 20, 10), taper=(0.5, 0.8), shift=(0.2, 0)),
    "frustum": frustum((-0.3, -0.4, 0.1), (0.4, 0.5, -0.2), (0.3, 0.1)),
    "limb": limb((-0.3, -0.4, 0.1), (0.4, 0.5, 0.4), (0.3, 0.15)),
    "hull": hull([(0, 0, 0.5), (0.5, 0, 0), (-0.5, 0.1, 0), (0, 0.6, -0.1), (0, -0.4, -0.2)]),
}


def _visible(solid: Solid, cells: int = 201) -> np.ndarray:
    """Return the visible points of a solid, (3, n), from lines of sight across -1..1."""
    x, y = np.meshgrid(np.linspace(-1, 1, cells), np.linspace(-1, 1, cells))
    z = solid.depth(x, y)
    seen = np.isfinite(z)
    return np.stack([x[seen], y[seen], z[seen]])


def test_ellipsoid_of_equal_axes_is_a_sphere() -> None:
    centre, radius = np.array([0.1, -0.2, 0.3]), 0.5
    solid = ellipsoid(centre, [radius] * 3, turn=(40, 20, 10))
    points = _visible(solid)
    across = points[:2] - centre[:2, None]
    height = np.sqrt(np.maximum(radius**2 - (across**2).sum(axis=0), 0))
    assert points[2] == pytest.approx(centre[2] + height, abs=2e-3)
    assert solid.normals(points) == pytest.approx((points - centre[:, None]) / radius, abs=2e-3)
    assert points.shape[1] == pytest.approx(np.pi * radius**2 * 100**2, rel=0.01)


def test_normals_of_a_box_lie_along_its_axes() -> None:
    turn = (30.0, 20.0, 10.0)
    solid = block((0, 0, 0), (0.5, 0.4, 0.3), turn=turn)
    own = rotation(*turn).T @ solid.normals(_visible(solid))
    assert np.sort(np.abs(own), axis=0) == pytest.approx(np.array([[0, 0, 1]] * own.shape[1]).T, abs=1e-5)
    assert set(np.abs(own).argmax(axis=0)) == {0, 1, 2}


@pytest.mark.parametrize("name", SOLIDS)
def test_normals_agree_with_the_slope_of_the_depth(name: str) -> None:
    solid, step = SOLIDS[name], 2e-3
    x, y, z = points = _visible(solid)
    right, left = (np.maximum(solid.depth(x + d, y), -9) for d in (step, -step))
    # Away from edges and from the outline, where the slope jumps or has no bound.
    smooth = np.abs(right + left - 2 * z) < 1e-4
    normals = solid.normals(points)[:, smooth]
    slope = (right - left)[smooth] / (2 * step)
    assert smooth.mean() > 0.7
    assert np.median(np.abs(slope + normals[0] / normals[2])) < 5e-3


@pytest.mark.parametrize("name", SOLIDS)
def test_reach_touches_the_visible_points(name: str) -> None:
    points = _visible(SOLIDS[name], 401)
    left, right, bottom, top, near = SOLIDS[name].reach([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, 1]])
    found = [-points[0].min(), points[0].max(), -points[1].min(), points[1].max(), points[2].max()]
    assert found == pytest.approx([left, right, bottom, top, near], abs=0.02)


def test_one_ball_of_a_limb_may_not_contain_the_other() -> None:
    with pytest.raises(ValueError, match="contains the other"):
        limb((0, 0, 0), (0, 0.1, 0), (0.5, 0.2))


@pytest.mark.parametrize("category", CATEGORIES)
def test_exemplars_fit_the_unit_ball_and_differ(category: str) -> None:
    masks = []
    for seed in (*range(8), -3, 10**20):
        covered = mask(make_object(category, seed), View(size=0.8), 64)
        y, x = np.nonzero(covered)
        assert np.hypot(x - 31.5, y - 31.5).max() < 0.8 * 32 + 1
        masks.append(covered)
    for index, first in enumerate(masks):
        for second in masks[:index]:
            assert (first != second).mean() > 0.005


def test_unknown_category_is_named() -> None:
    with pytest.raises(ValueError, match="'sofa'"):
        make_object("sofa", 0)


def test_drawing_is_a_function_of_its_seeds() -> None:
    view = sample_view(np.random.default_rng(4))
    first, again = (draw(make_object("car", 2), view, seed=5, size=48) for _ in range(2))
    other = draw(make_object("car", 2), view, seed=6, size=48)
    assert (first == again).all()
    assert (first != other).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("size", [33, 64])
@pytest.mark.parametrize("seed", [0, -1, 123456789, 2**70])
def test_any_seed_draws_a_image(seed: int, size: int) -> None:
    image = draw(make_object("fruit", seed), View(0.2, -0.3, 0.6, 20, 10, 5), seed=seed, size=size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    assert image.std() > 10


def test_object_out_of_the_image_leaves_the_background() -> None:
    assert draw(make_object("boat", 1), View(x=5.0), seed=1, size=32).std() > 5


def test_view_sets_place_and_size() -> None:
    plain = make_object("face", 1)
    small, large = (mask(plain, View(size=size), 96) for size in (0.3, 0.6))
    assert large.sum() == pytest.approx(4 * small.sum(), rel=0.05)
    moved = mask(plain, View(x=0.25, y=0.5, size=0.3), 96)
    shift = np.argwhere(moved).mean(axis=0) - np.argwhere(small).mean(axis=0)
    assert shift == pytest.approx([-0.5 * 48, 0.25 * 48], abs=0.5)


def test_object_stands_out_from_the_background() -> None:
    solids, view = make_object("table", 0), View(size=0.6)
    covered = mask(solids, view, 48)
    for seed in range(8):
        changed = draw(solids, view, seed=seed, size=48).astype(int) - draw((), view, seed=seed, size=48)
        assert np.abs(changed[covered]).mean() > 10


@pytest.mark.slow
def test_mean_colour_does_not_tell_the_category() -> None:
    rng = np.random.default_rng(0)
    means = np.array(
        [
            [
                draw(make_object(c, s % 8), sample_view(rng), seed=100 * k + s, size=24).mean(axis=(0, 1))
                for s in range(24)
            ]
            for k, c in enumerate(CATEGORIES)
        ]
    )
    centroids = means[:, :12].mean(axis=1)
    nearest = np.linalg.norm(means[:, 12:, None] - centroids, axis=-1).argmin(axis=-1)
    # Chance is 1 / 8, with a standard error of about 0.034 over 96 images.
    assert (nearest == np.arange(8)[:, None]).mean() < 0.125 + 3 * 0.034
