from __future__ import annotations

import numpy as np
import torch

from triangulate.drawing.bones import draw_bones, joint_colours, project
from triangulate.drawing.canvas import LEFT, MIDDLE, RIGHT, Canvas
from triangulate.skeleton import Skeleton
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

SKELETON = Skeleton.from_edges(
    ["pelvis", "left_hip", "right_hip", "left_knee"],
    [["pelvis", "left_hip"], ["pelvis", "right_hip"], ["left_hip", "left_knee"]],
)


def test_the_sides_have_colours_of_their_own() -> None:
    assert joint_colours(SKELETON) == [MIDDLE, LEFT, RIGHT, MIDDLE]
    canvas = Canvas.blank(50, 30, (0, 0, 0))
    joints = np.array([[25.0, 15.0], [5.0, 15.0], [45.0, 15.0], [np.nan, np.nan]])
    draw_bones(canvas, joints, SKELETON, 3)
    picture = canvas.finished()
    assert picture[15, 15].tolist() == list(LEFT)
    assert picture[15, 35].tolist() == list(RIGHT)
    assert picture[5].max() == 0


def test_projection_is_the_cameras_with_nan_for_what_is_not_there() -> None:
    rig = ring_rig(seeded(0), 3)
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2, 3))
    points[1, 0] = np.nan
    points[2, 1] = 3 * rig.cameras.centre_world[0].numpy()
    pixels = project(rig.cameras, points)
    assert pixels.shape == (3, 5, 2, 2)
    assert np.isnan(pixels[:, 1, 0]).all()
    assert np.isnan(pixels[0, 2, 1]).all()
    expected = rig.cameras.project(torch.from_numpy(points[3]))[0].numpy()
    np.testing.assert_array_equal(pixels[:, 3], expected)
    assert project(rig.cameras[0], points).shape == (5, 2, 2)
