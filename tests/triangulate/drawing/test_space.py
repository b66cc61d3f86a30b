from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from triangulate.drawing.space import (
    find_ground,
    floor_lines,
    image_pixels,
    image_planes,
    line_spacing,
    up_of,
    viewing_direction,
)
from triangulate.rig import Rig
from triangulate.synthetic import ring_rig, walk
from triangulate.synthetic.draws import seeded

RIG = ring_rig(seeded(0))
POINTS = walk(seeded(0), 100).positions_m.reshape(-1, 3)
CENTRES = RIG.cameras.centre_world.numpy()


def turned(rig: Rig, rotation: np.ndarray, up_axis: str | None) -> Rig:
    """The same cameras in a world turned by `rotation`."""
    arrays = rig.to_arrays()
    arrays["rotation"] = arrays["rotation"] @ rotation.T
    return Rig.from_arrays(**{**arrays, "up_axis": up_axis})


@pytest.mark.parametrize("up_axis", ["z", "-y", None])
def test_the_ground_lies_under_the_feet_whichever_way_is_up(up_axis: str | None) -> None:
    rotation = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]) if up_axis == "-y" else np.eye(3)
    rig = turned(RIG, rotation, up_axis)
    ground = find_ground(POINTS @ rotation.T, rig.cameras.centre_world.numpy(), up_of(rig))
    up = {"z": [0, 0, 1], "-y": [0, -1, 0], None: [0, 0, 1]}[up_axis]
    np.testing.assert_allclose(ground.up, up, atol=0.1)  # unknown: guessed from the images
    np.testing.assert_allclose(ground.across @ ground.up, 0, atol=1e-12)
    np.testing.assert_allclose(ground.across @ ground.across.T, np.eye(2), atol=1e-12)
    if up_axis is not None:
        assert ground.origin @ ground.up == pytest.approx(0, abs=1e-12)  # the world's own floor
        assert ground.shadow(np.array([1.0, 2.0, 3.0])) @ ground.up == pytest.approx(0)


def test_a_floor_that_is_not_at_zero_is_found_at_the_feet() -> None:
    lifted = POINTS + np.array([0, 0, 5.0])
    ground = find_ground(lifted, CENTRES, up_of(RIG))
    assert ground.origin[2] == pytest.approx(lifted[:, 2].min(), abs=0.02)


def test_it_looks_between_cameras_at_the_broad_side_of_the_motion() -> None:
    ground = find_ground(POINTS, CENTRES, up_of(RIG))
    along_x = np.array([[-2.0, 0, 1], [2, 0, 1], [0, 0.1, 1]])
    corners = 4 * np.array([[1.0, 1, 0.5], [-1, 1, 0.5], [-1, -1, 0.5], [1, -1, 0.5]])
    direction = viewing_direction(replace(ground, origin=np.zeros(3)), corners, along_x)
    np.testing.assert_allclose(np.abs(direction), [0, 1, 0], atol=1e-9)


def test_image_planes_and_pixels_are_where_the_rays_look() -> None:
    rig = ring_rig(seeded(3), lens="fisheye")
    width, height = rig.sizes[0]
    small = 64, 36  # a twentieth of the images
    for points, first, last in (
        (image_planes(rig, 0.4), [-0.5, -0.5], [width - 0.5, height - 0.5]),
        (image_pixels(rig, 0.4, small), [9.5, 9.5], [width - 10.5, height - 10.5]),
    ):
        flat = torch.from_numpy(points.reshape(len(rig), -1, 3))
        pixels = rig.cameras.project(flat)[0].numpy()[0]
        np.testing.assert_allclose(pixels[[0, -1]], [first, last], atol=1e-6)
        depths = rig.cameras.cam_from_world.apply(flat)[..., 2]
        np.testing.assert_allclose(depths, 0.4, atol=1e-9)
    assert image_pixels(rig, 0.4, small).shape == (len(rig), 36, 64, 3)


def test_floor_lines_lie_on_the_floor_a_round_distance_apart() -> None:
    ground = find_ground(POINTS, CENTRES, up_of(RIG))
    spacing_m = line_spacing(7.0)
    assert spacing_m == 1.0
    lines = floor_lines(ground, 7.0, spacing_m) - ground.origin
    np.testing.assert_allclose(lines @ ground.up, 0, atol=1e-12)
    assert np.linalg.norm(lines, axis=-1).max() == pytest.approx(7.0)
