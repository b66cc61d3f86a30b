from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from triangulate.drawing.bones import project
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded
from triangulate.viewer.viewpoint import FOV_RAD, Viewpoint, camera_of_rig

Z = np.array([0.0, 0, 1])
TALL = np.random.default_rng(0).uniform([-0.3, -0.3, 0], [0.3, 0.3, 4], (200, 3))
WIDE = np.random.default_rng(1).uniform([-5, -2, 0], [5, 2, 1], (200, 3))
CLOUDS = {"tall": TALL, "wide": WIDE, "two": WIDE[:2]}


def test_a_viewpoint_by_hand() -> None:
    """From 2 m along -y, looking along +y: x to the right, z up, 100 px a unit of tangent."""
    view = Viewpoint(np.array([0.0, -2, 0]), np.zeros(3), Z, fov_rad=2 * np.arctan(0.5))
    camera = view.camera((200, 100))
    np.testing.assert_allclose(camera.K, [[100, 0, 99.5], [0, 100, 49.5], [0, 0, 1]])
    pixels = project(camera, np.array([[0.0, 0, 0], [0.2, 0, 0], [0, 0, 0.2], [0, -3, 0]]))
    np.testing.assert_allclose(pixels[:3], [[99.5, 49.5], [109.5, 49.5], [99.5, 39.5]])
    assert np.isnan(pixels[3]).all()
    np.testing.assert_allclose(camera.centre_world, view.eye_m, atol=1e-12)
    assert float(torch.linalg.det(camera.cam_from_world.rotation)) == pytest.approx(1)


@pytest.mark.parametrize("name", CLOUDS)
@pytest.mark.parametrize("up", [(0, 0, 1), (0, -1, 0), (0.6, 0, 0.8)])
@pytest.mark.parametrize("size", [(1280, 720), (400, 600)])
def test_all_is_in_view_at_every_turn_and_fills_the_image(
    name: str, up: tuple[float, float, float], size: tuple[int, int]
) -> None:
    upwards = np.array(up, float)
    level = np.cross(upwards, [1.0, 0.3, 0.2])
    points = CLOUDS[name] + [3.0, -2.0, 7.0]
    view = Viewpoint.framing(points, level / np.linalg.norm(level), upwards, size[0] / size[1])
    filled = []
    for angle in np.linspace(0, 2 * np.pi, 97):
        pixels = project(view.turned(angle).camera(size), points)
        part = np.abs(2 * (pixels + 0.5) / size - 1)  # 1 at the edges
        assert np.isfinite(part).all()
        filled.append(part.max())
    assert 0.85 < max(filled) < 0.96


def test_it_looks_down_a_little_from_the_side_asked_for() -> None:
    view = Viewpoint.framing(WIDE, np.array([0.0, 1, 0]), Z)
    away = view.eye_m - view.target_m
    assert abs(away[0]) < 1e-9 and away[1] > 0 and 0.2 < away[2] / away[1] < 0.5
    np.testing.assert_allclose(view.target_m, (WIDE.min(0) + WIDE.max(0)) / 2)


def test_a_single_point_is_seen_from_some_way_off() -> None:
    view = Viewpoint.framing(np.ones((1, 3)), np.array([1.0, 0, 0]), Z)
    assert np.linalg.norm(view.eye_m - 1) == pytest.approx(0.5)


def test_turning_is_counter_clockwise_from_above() -> None:
    view = Viewpoint(np.array([3.0, 2, 1]), np.array([1.0, 2, 0]), Z)
    np.testing.assert_allclose(view.turned(np.pi / 2).eye_m, [1, 4, 1], atol=1e-12)
    np.testing.assert_allclose(view.turned(2 * np.pi).eye_m, view.eye_m, atol=1e-12)
    twice = view.turned(0.3).turned(0.5)
    np.testing.assert_allclose(twice.eye_m, view.turned(0.8).eye_m, atol=1e-12)
    assert twice.fov_rad == FOV_RAD


@pytest.mark.parametrize("size", [(640, 360), (300, 500), (240, 180)])
@pytest.mark.parametrize("lens", ["radtan", "fisheye"])
def test_a_rigs_camera_sees_what_it_saw_but_for_the_lens(size: tuple[int, int], lens: str) -> None:
    rig = ring_rig(seeded(1), 3, size=(240, 180), lens=lens)
    camera = camera_of_rig(rig, 1, size)
    arrays = rig.select(["cam2"]).to_arrays()
    pinhole = Rig.from_arrays(**{**arrays, "dist": None, "lens": "radtan"}).cameras[0]
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3)) + np.array([0, 0, 1])
    expected = project(pinhole, points)
    scale = min(size[0] / 240, size[1] / 180)
    border = (np.array(size) - scale * np.array([240, 180])) / 2
    np.testing.assert_allclose(
        project(camera, points) + 0.5, scale * (expected + 0.5) + border, atol=1e-9
    )
    corners = scale * np.array([[0.0, 0], [240, 180]]) + border
    assert (corners >= -1e-9).all() and (corners <= np.array(size) + 1e-9).all()
    assert (np.abs(border) < 1e-9).any()  # it fills the image in one direction


def test_without_a_size_the_image_is_taken_to_lie_about_its_middle() -> None:
    rig = ring_rig(seeded(1), 2, size=(240, 180))
    arrays = rig.to_arrays()
    arrays["K"][:, :2, 2] = [119.5, 89.5]
    known = Rig.from_arrays(**arrays)
    unknown = replace(known, sizes=(None, None))
    np.testing.assert_allclose(
        camera_of_rig(unknown, 0, (640, 360)).K, camera_of_rig(known, 0, (640, 360)).K
    )
