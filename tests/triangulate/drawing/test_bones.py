from __future__ import annotations

import numpy as np
import torch

from triangulate.drawing.bones import draw_bones, draw_half_bones, joint_colours, project
from triangulate.drawing.canvas import LEFT, MIDDLE, RIGHT, Canvas
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
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


def test_what_the_lens_model_folds_back_is_left_out() -> None:
    """A strong barrel without a second term turns round some 50 degrees off the axis."""
    camera = Camera(
        torch.tensor([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]], dtype=torch.float64),
        Lens.of("radtan", torch.tensor([-0.25, 0, 0, 0, 0], dtype=torch.float64)),
        Rigid(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)),
    )
    points = np.array([[0.3, 0.1, 1.0], [1.0, 0.0, 1.0], [1.9, 0.0, 1.0]])
    folded = camera.project(torch.from_numpy(points))[0].numpy()[2]
    assert 0 < folded[0] < 640  # it would be drawn in the middle of the picture
    pixels = project(camera, points)
    assert np.isfinite(pixels[:2]).all() and np.isnan(pixels[2]).all()


def test_half_bones_have_the_colours_of_their_ends() -> None:
    canvas = Canvas.blank(50, 30, (0, 0, 0))
    joints = np.array([[5.0, 15.0], [45.0, 15.0], [np.nan, np.nan], [25.0, 25.0]])
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]
    draw_half_bones(canvas, joints, SKELETON, 3, colours)
    picture = canvas.finished()
    assert picture[15, 12].tolist() == [200, 0, 0]
    assert picture[15, 38].tolist() == [0, 200, 0]
    assert picture[25].max() > 0 and picture[28].max() == 0
