from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.drawing import draw_result
from triangulate.drawing.canvas import BACKGROUND, PANEL, USED
from triangulate.drawing.result import SCENE, VIEWS, image_sizes
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton


def test_the_picture_has_both_halves(rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D) -> None:
    picture = draw_result(some_poses, keypoints, rig, 4, title="a title")
    assert picture.shape == (900, 1600, 3)
    assert picture.dtype == np.uint8
    assert picture[2, 2].tolist() == list(BACKGROUND)
    assert picture[SCENE.y + 3, SCENE.x + 3].tolist() == list(PANEL)
    half = picture[VIEWS.y : VIEWS.y + VIEWS.height, VIEWS.x : VIEWS.x + VIEWS.width].astype(int)
    assert (np.abs(half - USED).max(-1) < 10).sum() > 500


def test_it_takes_images_of_any_size_and_more_cameras_than_the_rig(
    rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    images = [np.full((60 + 10 * v, 100, 3), 200, np.uint8) for v in range(4)]
    assert draw_result(some_poses, keypoints, rig, 0, images).shape == (900, 1600, 3)
    few = rig.select(["cam4", "cam2"])
    poses = replace(
        some_poses,
        names=few.names,
        reprojection_px=some_poses.reprojection_px[:, :, [3, 1]],
        views_used=some_poses.views_used[:, :, [3, 1]],
        sides_swapped=some_poses.sides_swapped[:, :, [3, 1]],
    )
    assert draw_result(poses, keypoints, few, 0).shape == (900, 1600, 3)


def test_it_draws_joints_without_bones_or_names_or_people(
    rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    bare = Skeleton.anonymous(17)
    poses = replace(some_poses, skeleton=bare, fps=None)
    draw_result(poses, replace(keypoints, skeleton=bare), replace(rig, up_axis=None), 0)
    gone = replace(
        some_poses,
        positions_m=np.full_like(some_poses.positions_m, np.nan),
        reprojection_px=np.full_like(some_poses.reprojection_px, np.nan),
        views_used=np.zeros_like(some_poses.views_used),
    )
    draw_result(gone, keypoints, rig, 0)


def test_sizes_come_from_the_best_source(rig: Rig, keypoints: Keypoints2D) -> None:
    unknown = replace(rig, sizes=(None,) * 4)
    assert image_sizes(rig, keypoints) == [(1280, 720)] * 4
    other = replace(keypoints, sizes=((640, 480),) * 4)
    assert image_sizes(unknown, other) == [(640, 480)] * 4
    guessed = np.array(image_sizes(unknown, replace(keypoints, sizes=None)))
    assert np.abs(guessed - [1280, 720]).max() < 60


def test_what_does_not_belong_together_is_refused(
    rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    with pytest.raises(ValueError, match="same frames and cameras"):
        draw_result(some_poses, keypoints, rig.select(["cam1", "cam2"]), 0)
