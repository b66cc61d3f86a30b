from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.drawing.bones import project
from triangulate.poses import Poses3D
from triangulate.rig import Rig
from triangulate.viewer.contents import Motion
from triangulate.viewer.picking import REACH_PX, Picked, description, nearest, on_screen
from triangulate.viewer.viewpoint import Viewpoint, camera_of_rig

SIZE = (640, 360)


def opengl(camera, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """View and projection of a pinhole camera: x right, y up, looking along -z; near 0.1, far 100.

    The lower left corner of the image is (-1, -1), and pixels are counted from its edges.
    """
    flip = np.diag([1.0, -1, -1, 1])
    view = np.eye(4)
    view[:3] = camera.cam_from_world.matrix().numpy()
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    width, height = size
    near, far = 0.1, 100.0
    projection = np.array(
        [
            [2 * fx / width, 0, 1 - 2 * (cx + 0.5) / width, 0],
            [0, 2 * fy / height, 2 * (cy + 0.5) / height - 1, 0],
            [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, -1, 0],
        ]
    )
    return flip @ view, projection


@pytest.mark.parametrize("leading", [(), (1,), (3, 1, 2)])
def test_points_are_on_the_screen_where_our_camera_sees_them(
    leading: tuple[int, ...], rig: Rig
) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (*leading, 3)) + np.array([0, 0, 1])
    eye = Viewpoint(np.array([3.0, -4, 2]), np.array([0.0, 0, 1]), np.array([0.0, 0, 1]))
    for camera in (eye.camera(SIZE), camera_of_rig(rig, 2, SIZE)):
        found = on_screen(points, *opengl(camera, SIZE), SIZE)
        assert found.shape == (*leading, 2)
        np.testing.assert_allclose(found, project(camera, points) + 0.5, atol=1e-6)


def test_corners_by_hand_and_what_is_not_on_the_screen() -> None:
    """Looking along -z with 90 degrees across both ways."""
    projection = np.diag([1.0, 1, -1, 0])
    projection[3, 2], projection[2, 3] = -1, -0.2
    points = np.array([[0.0, 0, -2], [-2, 2, -2], [2, -2, -2], [0, 0, 2], [np.nan, 0, -1]])
    found = on_screen(points, np.eye(4), projection, (200, 100))
    np.testing.assert_allclose(found[:3], [[100, 50], [0, 0], [200, 100]])
    assert np.isnan(found[3:]).all()


def test_the_nearest_joint_within_reach_is_picked() -> None:
    joints = np.array([[[10.0, 10], [30, 10]], [[np.nan, np.nan], [33, 10]]])
    assert nearest(joints, (11, 11)) == Picked(0, 0)
    assert nearest(joints, (32, 10)) == Picked(1, 1)
    assert nearest(joints, (10, 10 + REACH_PX)) == Picked(0, 0)
    assert nearest(joints, (10, 10.5 + REACH_PX)) is None
    assert nearest(np.full((1, 2, 2), np.nan), (0, 0)) is None
    assert nearest(np.zeros((0, 17, 2)), (0, 0)) is None


def test_what_is_known_of_a_joint(poses: Poses3D) -> None:
    motion = Motion.of(poses)
    name, x, y, z = motion.skeleton.joint_names[7], *poses.positions_m[5, 1, 7].tolist()
    assert description(motion, 5, Picked(1, 7)).split("\n") == [
        f"{name}, person 2",
        f"x {x:.3f} m  y {y:.3f} m  z {z:.3f} m",
        "± 4.5 mm (95 % within about 13 mm)",  # 1 mm to 9 mm over 17 joints, times 2.7955
        "cam1: 1.0 px",
        "cam2: not seen",
        "cam3: 6.0 px, not used",
    ]


def test_why_a_joint_has_no_position(poses: Poses3D) -> None:
    motion = Motion.of(poses)
    name = motion.skeleton.joint_names[4]
    told = description(motion, 5, Picked(0, 4))
    assert told == f"{name}, person 1\nno position: too few views"
    other = replace(motion, poses=None)
    assert description(other, 5, Picked(0, 4)) == f"{name}, person 1\nno position"
    assert len(description(other, 5, Picked(0, 3)).split("\n")) == 2  # a name and a place
