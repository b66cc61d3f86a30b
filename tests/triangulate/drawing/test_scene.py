from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.drawing.bones import project
from triangulate.drawing.canvas import Canvas
from triangulate.drawing.scene import draw_scene, virtual_camera
from triangulate.drawing.space import find_ground, up_of
from triangulate.synthetic import ring_rig, walk
from triangulate.synthetic.draws import seeded

RIG = ring_rig(seeded(0))
POINTS = walk(seeded(0), 100).positions_m.reshape(-1, 3)
CENTRES = RIG.cameras.centre_world.numpy()


def test_the_virtual_camera_just_frames_what_it_should() -> None:
    ground = find_ground(POINTS, CENTRES, up_of(RIG))
    shown = np.concatenate([POINTS, CENTRES])
    camera = virtual_camera(800, 500, ground, np.array([1.0, 0, 0]), shown)
    pixels = project(camera, shown)
    assert (pixels >= 0).all()
    assert (pixels <= [799, 499]).all()
    assert (np.ptp(pixels, axis=0) / [800, 500]).max() == pytest.approx(0.93)
    head, foot = project(camera, np.array([[0.0, 0, 1.7], [0, 0, 0]]))
    assert head[1] < foot[1]


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
