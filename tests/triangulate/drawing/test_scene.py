from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.drawing.bones import project
from triangulate.drawing.canvas import Canvas
from triangulate.drawing.scene import draw_scene, find_ground, viewing_direction, virtual_camera
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
    ground = find_ground(POINTS @ rotation.T, rig.cameras.centre_world.numpy(), rig)
    up = {"z": [0, 0, 1], "-y": [0, -1, 0], None: [0, 0, 1]}[up_axis]
    np.testing.assert_allclose(ground.up, up, atol=0.1)  # unknown: guessed from the images
    np.testing.assert_allclose(ground.across @ ground.up, 0, atol=1e-12)
    np.testing.assert_allclose(ground.across @ ground.across.T, np.eye(2), atol=1e-12)
    if up_axis is not None:
        assert ground.origin @ ground.up == pytest.approx(0, abs=1e-12)  # the world's own floor
        assert ground.shadow(np.array([1.0, 2.0, 3.0])) @ ground.up == pytest.approx(0)


def test_a_floor_that_is_not_at_zero_is_found_at_the_feet() -> None:
    lifted = POINTS + np.array([0, 0, 5.0])
    ground = find_ground(lifted, CENTRES, RIG)
    assert ground.origin[2] == pytest.approx(lifted[:, 2].min(), abs=0.02)


def test_the_virtual_camera_just_frames_what_it_should() -> None:
    ground = find_ground(POINTS, CENTRES, RIG)
    shown = np.concatenate([POINTS, CENTRES])
    camera = virtual_camera(800, 500, ground, np.array([1.0, 0, 0]), shown)
    pixels = project(camera, shown)
    assert (pixels >= 0).all()
    assert (pixels <= [799, 499]).all()
    assert (np.ptp(pixels, axis=0) / [800, 500]).max() == pytest.approx(0.93)
    head, foot = project(camera, np.array([[0.0, 0, 1.7], [0, 0, 0]]))
    assert head[1] < foot[1]


def test_it_looks_between_cameras_at_the_broad_side_of_the_motion() -> None:
    ground = find_ground(POINTS, CENTRES, RIG)
    along_x = np.array([[-2.0, 0, 1], [2, 0, 1], [0, 0.1, 1]])
    corners = 4 * np.array([[1.0, 1, 0.5], [-1, 1, 0.5], [-1, -1, 0.5], [1, -1, 0.5]])
    direction = viewing_direction(replace(ground, origin=np.zeros(3)), corners, along_x)
    np.testing.assert_allclose(np.abs(direction), [0, 1, 0], atol=1e-9)


def test_it_draws_without_any_position(some_poses) -> None:
    empty = replace(some_poses, positions_m=np.full_like(some_poses.positions_m, np.nan))
    canvas = Canvas.blank(400, 300, (0, 0, 0))
    assert draw_scene(canvas, empty, RIG, 0) > 0


def test_a_stray_point_does_not_shrink_the_scene(some_poses) -> None:
    far = some_poses.positions_m.copy()
    far[3, 0, 4] = [400.0, 0, 0]
    pictures = []
    for positions in (some_poses.positions_m, far):
        canvas = Canvas.blank(400, 300, (0, 0, 0))
        draw_scene(canvas, replace(some_poses, positions_m=positions), RIG, 0)
        pictures.append(canvas.finished().astype(float))
    assert np.abs(pictures[0] - pictures[1]).mean() < 1
