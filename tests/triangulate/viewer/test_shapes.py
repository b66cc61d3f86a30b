from __future__ import annotations

import numpy as np
import pytest

from triangulate.viewer.shapes import CHI_95, Mesh, balls, outline, rings, shaded, sticks

GREY = np.full((1, 3), 200, np.uint8)


def corners(mesh: Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b, c = (mesh.vertices_m[mesh.triangles[:, corner]] for corner in range(3))
    return a, b, c


def signed_volume(mesh: Mesh) -> float:
    a, b, c = corners(mesh)
    return float((np.cross(a, b) * c).sum() / 6)


def open_edges(mesh: Mesh) -> int:
    """Edges that are not walked exactly once in each direction."""
    pairs = mesh.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    walked = [tuple(pair) for pair in pairs.tolist()]
    assert len(set(walked)) == len(walked)
    return sum((b, a) not in set(walked) for a, b in walked)


def test_balls_are_closed_round_and_face_outwards() -> None:
    centres = np.array([[1.0, 2.0, 3.0], [-4.0, 0.0, 0.5]])
    colours = np.array([[200, 100, 0], [0, 0, 255]], np.uint8)
    mesh = balls(centres, 0.25, colours).merged()
    assert open_edges(mesh) == 0
    assert signed_volume(mesh) == pytest.approx(2 * 4 / 3 * np.pi * 0.25**3, rel=0.05)
    first, second = mesh.vertices_m.reshape(2, -1, 3)
    np.testing.assert_allclose(np.linalg.norm(first - centres[0], axis=-1), 0.25)
    np.testing.assert_allclose(np.linalg.norm(second - centres[1], axis=-1), 0.25)
    assert len(mesh.triangles) == 2 * 20 * 4**2 and len(first) == 162  # Euler: V = F / 2 + 2
    assert mesh.colours.dtype == np.uint8
    shades = mesh.colours.reshape(2, -1, 3)
    assert (
        shades[0, :, 2].max() == 0 and 100 <= shades[0, :, 0].min() < shades[0, :, 0].max() <= 200
    )
    brightest = first[shades[0, :, 0].argmax()] - centres[0]
    assert brightest[2] > 0.15  # light comes from above


def test_no_balls_and_no_sticks_are_empty_meshes() -> None:
    none = balls(np.zeros((0, 3)), 1.0, np.zeros((0, 3), np.uint8)).merged()
    assert none.vertices_m.shape == (0, 3) and none.triangles.shape == (0, 3)
    none = sticks(np.zeros((0, 2, 3)), 1.0, np.zeros((0, 2, 3), np.uint8)).merged()
    assert none.vertices_m.shape == (0, 3) and none.triangles.shape == (0, 3)


@pytest.mark.parametrize("end", [(0, 0, 3), (0, 0, -3), (2, 0, 0), (0, 1, 0), (1, -2, 3)])
def test_sticks_are_tubes_that_face_outwards(end: tuple[float, float, float]) -> None:
    start, along = np.array([1.0, 2.0, 0.5]), np.array(end, float)
    ends = np.stack([start, start + along])[None]
    mesh = sticks(ends, 0.1, np.full((1, 2, 3), 200, np.uint8)).merged()
    axis = along / np.linalg.norm(along)
    from_start = mesh.vertices_m - start
    heights = from_start @ axis
    np.testing.assert_allclose(np.linalg.norm(from_start - heights[:, None] * axis, axis=-1), 0.1)
    np.testing.assert_allclose(
        [heights.min(), heights.max()], [0, np.linalg.norm(along)], atol=1e-9
    )
    a, b, c = corners(mesh)
    middle = (a + b + c) / 3 - start
    outwards = middle - (middle @ axis)[:, None] * axis
    normals = np.cross(b - a, c - a)
    assert ((normals * outwards).sum(-1) > 0).all()
    area = np.linalg.norm(normals, axis=-1).sum() / 2
    assert area == pytest.approx(2 * np.pi * 0.1 * np.linalg.norm(along), rel=0.03)


def test_each_half_of_a_stick_has_the_colour_of_its_end() -> None:
    ends = np.array([[[0.0, 0, 0], [0, 0, 2]]])
    mesh = sticks(ends, 0.1, np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)).merged()
    a, b, c = corners(mesh)
    low = ((a + b + c) / 3)[:, 2] < 1
    face_colours = mesh.colours[mesh.triangles]  # (M, 3, 3)
    assert face_colours[low][..., 0].min() >= 127 and face_colours[low][..., 2].max() == 0
    assert face_colours[~low][..., 2].min() >= 127 and face_colours[~low][..., 0].max() == 0
    assert low.sum() == len(low) / 2


def test_a_stick_without_length_holds_no_nan() -> None:
    mesh = sticks(np.ones((1, 2, 3)), 0.1, np.full((1, 2, 3), 9, np.uint8)).merged()
    assert np.isfinite(mesh.vertices_m).all()


def test_rings_lie_on_the_ellipsoid_that_holds_95_percent() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    assert pytest.approx(scipy_stats.chi(3).ppf(0.95), abs=1e-4) == CHI_95
    rng = np.random.default_rng(0)
    factors = rng.normal(0, 0.02, (4, 3, 3))
    covariance, centres = factors @ factors.swapaxes(-1, -2), rng.normal(0, 1, (4, 3))
    colours = np.arange(12, dtype=np.uint8).reshape(4, 3)
    lines = rings(centres, covariance, colours)
    away = lines.ends_m.reshape(4, -1, 3) - centres[:, None]
    inverse = np.linalg.inv(covariance)
    distance = np.sqrt(np.einsum("nki,nij,nkj->nk", away, inverse, away))
    np.testing.assert_allclose(distance, CHI_95, rtol=1e-6)
    np.testing.assert_array_equal(lines.colours.reshape(4, -1, 3), colours[:, None].repeat(72, 1))
    joined = lines.ends_m.reshape(4, 3, -1, 2, 3)  # 3 closed rings
    np.testing.assert_allclose(joined[..., 1, :], np.roll(joined[..., 0, :], -1, axis=2), atol=1e-9)


def test_rings_lie_in_the_planes_of_the_axes() -> None:
    lines = rings(np.zeros((1, 3)), np.diag([1.0, 4.0, 9.0])[None], GREY)
    extents = np.abs(lines.ends_m).reshape(3, -1, 3).max(axis=1) / CHI_95
    by_plane = extents[np.argsort(extents.argmin(axis=1))]  # the first has no x
    np.testing.assert_allclose(by_plane, [[0, 2, 3], [1, 0, 3], [1, 2, 0]], atol=1e-9)


def test_a_flat_ellipsoid_is_an_ellipse() -> None:
    lines = rings(np.zeros((1, 3)), np.diag([1.0, 4.0, 0.0])[None], GREY)
    np.testing.assert_allclose(np.abs(lines.ends_m).max((0, 1)), [CHI_95, 2 * CHI_95, 0], atol=1e-6)


def test_outlines_and_shading() -> None:
    square = np.array([[[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]])
    lines = outline(square)
    assert lines.shape == (4, 2, 3)
    np.testing.assert_array_equal(lines[3], [[0, 1, 0], [0, 0, 0]])
    light = np.array([0.35, -0.5, 0.79])
    normals = np.stack([light, -light])
    mesh = shaded(np.zeros((2, 3)), np.zeros((0, 3), int), normals, GREY.repeat(2, axis=0))
    np.testing.assert_allclose(mesh.colours[:, 0], [200, 100], atol=1)  # lit, and half of it
