from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from triangulate.drawing import draw_overlay
from triangulate.drawing.bones import joint_colours, project
from triangulate.drawing.canvas import DROPPED, MISSING, PANEL, Colour
from triangulate.drawing.overlay import resized_views
from triangulate.drawing.scales import reprojection_scale
from triangulate.keypoints import Keypoints2D
from triangulate.poses import Poses3D
from triangulate.rig import Rig

FRAME = 5


@pytest.fixture
def images(rig: Rig) -> list[np.ndarray]:
    """A grey ramp of its own for every camera."""
    pictures = []
    for v, (width, height) in enumerate(np.array(rig.sizes).tolist()):
        ramp = np.linspace(30 + 20 * v, 120 + 20 * v, width).astype(np.uint8)
        pictures.append(np.broadcast_to(ramp[None, :, None], (height, width, 3)).copy())
    return pictures


def joints_of(rig: Rig, poses: Poses3D) -> np.ndarray:
    return project(rig.cameras, poses.positions_m[FRAME, 0])  # (V, J, 2)


def alone(joints_px: np.ndarray, apart_px: float) -> np.ndarray:
    """(V, J) which joints have no other nearby."""
    apart = np.linalg.norm(joints_px[:, :, None] - joints_px[:, None], axis=-1)
    return (apart + 1e6 * np.eye(joints_px.shape[1])).min(-1) > apart_px


def at(picture: np.ndarray, point: np.ndarray) -> np.ndarray:
    x, y = np.rint(point).astype(int)
    return picture[y, x].astype(int)


def looks(picture: np.ndarray, point: np.ndarray, colour: Colour) -> bool:
    return bool(np.abs(at(picture, point) - colour).max() < 12)


def test_joints_lie_where_the_truth_projects_and_the_rest_of_the_image_stays(
    rig: Rig, some_poses: Poses3D, images: list[np.ndarray]
) -> None:
    assert rig.cameras.lens.coefficients.abs().sum() > 0
    pictures = draw_overlay(images, some_poses, rig, FRAME)
    joints_px = joints_of(rig, some_poses)
    used = some_poses.views_used[FRAME, 0]
    sides = joint_colours(some_poses.skeleton)
    checked = alone(joints_px, 20) & used
    assert checked.sum() > 20
    for v, j in zip(*np.nonzero(checked), strict=True):
        assert looks(pictures[v], joints_px[v, j], sides[j])
    for v, picture in enumerate(pictures):
        assert picture.shape == images[v].shape and picture.dtype == np.uint8
        touched = np.argwhere((picture != images[v]).any(-1))[:, ::-1]
        touched = touched[touched[:, 1] > 60]  # below the label
        low, high = joints_px[v].min(0) - 15, joints_px[v].max(0) + 15
        assert ((touched > low) & (touched < high)).all()
        assert len(touched) > 300


def test_bones_join_the_joints(rig: Rig, some_poses: Poses3D, images: list[np.ndarray]) -> None:
    pictures = draw_overlay(images, some_poses, rig, FRAME)
    joints_px = joints_of(rig, some_poses)
    for v, picture in enumerate(pictures):
        for a, b in some_poses.skeleton.edges:
            middle = joints_px[v, [a, b]].mean(0)
            assert np.abs(at(picture, middle) - at(images[v], middle)).max() > 20


def test_errors_have_the_colours_of_the_scale(
    rig: Rig, some_poses: Poses3D, images: list[np.ndarray]
) -> None:
    errors = np.random.default_rng(0).uniform(0, 8, some_poses.reprojection_px.shape)
    errors[FRAME, 0, 0, 9] = np.nan
    poses = replace(some_poses, reprojection_px=errors, views_used=errors < 100)
    scale = reprojection_scale(poses.reprojection_px)
    assert scale.top == 10
    pictures = draw_overlay(images, poses, rig, FRAME, colours="error")
    joints_px = joints_of(rig, some_poses)
    checked = alone(joints_px, 20)
    for v, j in zip(*np.nonzero(checked), strict=True):
        assert looks(pictures[v], joints_px[v, j], scale.colour(errors[FRAME, 0, v, j]))
    assert scale.colour(np.nan) == MISSING
    # The legend: the whole scale, from left to right, near the lower edge.
    unit_px = np.sqrt(1280 * 720) / 560
    band = pictures[0][round(720 - 18.5 * unit_px)].astype(int)
    where = [np.abs(band - scale.colour(error)).sum(-1)[:500].argmin() for error in (1, 5, 9)]
    assert np.all(np.diff(where) > 30)


def test_a_cross_marks_what_was_seen_and_not_used(
    rig: Rig, some_poses: Poses3D, images: list[np.ndarray]
) -> None:
    pictures = draw_overlay(images, some_poses, rig, FRAME)
    assert not some_poses.views_used[FRAME, 0, 1, 5]
    assert np.isfinite(some_poses.reprojection_px[FRAME, 0, 1, 5])
    assert np.isnan(some_poses.reprojection_px[FRAME, 0, 1, 3])
    red = [(np.abs(p.astype(int) - DROPPED).max(-1) < 12) for p in pictures]
    counts = [int(mask.sum()) for mask in red]
    assert counts[0] == counts[2] == counts[3] == 0 < counts[1]
    middle = np.argwhere(red[1]).mean(0)[::-1]
    np.testing.assert_allclose(middle, joints_of(rig, some_poses)[1, 5], atol=0.6)


def test_what_is_missing_is_left_out(
    rig: Rig, some_poses: Poses3D, images: list[np.ndarray]
) -> None:
    positions = some_poses.positions_m.copy()
    positions[FRAME] = np.nan
    nobody = replace(some_poses, positions_m=positions)
    for picture, image in zip(draw_overlay(images, nobody, rig, FRAME), images, strict=True):
        np.testing.assert_array_equal(picture[60:], image[60:])
    positions = some_poses.positions_m.copy()
    ankle = some_poses.skeleton.index("left_ankle")
    positions[FRAME, 0, ankle] = np.nan
    pictures = draw_overlay(images, replace(some_poses, positions_m=positions), rig, FRAME)
    place = joints_of(rig, some_poses)[:, ankle]
    clear = alone(joints_of(rig, some_poses), 25)[:, ankle]
    for v in np.flatnonzero(clear):
        np.testing.assert_array_equal(at(pictures[v], place[v]), at(images[v], place[v]))


def test_a_camera_that_the_poses_do_not_have_shows_them_without_errors(
    rig: Rig, some_poses: Poses3D, images: list[np.ndarray]
) -> None:
    few = replace(
        some_poses,
        names=rig.names[:2],
        reprojection_px=some_poses.reprojection_px[:, :, :2],
        views_used=some_poses.views_used[:, :, :2],
        sides_swapped=some_poses.sides_swapped[:, :, :2],
    )
    with_error = draw_overlay(images, some_poses, rig, FRAME)
    without = draw_overlay(images, few, rig, FRAME)
    np.testing.assert_array_equal(with_error[0], without[0])
    np.testing.assert_array_equal(with_error[3][60:], without[3][60:])
    assert (with_error[3][:60] != without[3][:60]).any()  # the figure on the label


def test_cameras_go_by_name(rig: Rig, some_poses: Poses3D, images: list[np.ndarray]) -> None:
    turned = rig.select(rig.names[::-1])
    backwards = draw_overlay(images[::-1], some_poses, turned, FRAME, colours="error")
    forwards = draw_overlay(images, some_poses, rig, FRAME, colours="error")
    for one, other in zip(backwards[::-1], forwards, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_camera_without_a_picture_keeps_its_place(
    rig: Rig, some_poses: Poses3D, images: list[np.ndarray]
) -> None:
    pictures = draw_overlay([None, *images[1:]], some_poses, rig, FRAME, blur_faces=True)
    assert pictures[0].shape == images[0].shape
    assert pictures[0][-5, 5].tolist() == list(PANEL)


def test_faces_are_hidden_of_poses_and_of_keypoints(
    rig: Rig, keypoints: Keypoints2D, some_poses: Poses3D
) -> None:
    """A second person, whom one view alone sees, has no pose; only keypoints tell of them."""
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for w, h in np.array(rig.sizes)]
    other = np.full_like(keypoints.points_px, np.nan)
    joints_px = joints_of(rig, some_poses)[0]
    shoulders = [some_poses.skeleton.index(f"{side}_shoulder") for side in ("left", "right")]
    own = 0.5 * joints_px[some_poses.skeleton.index("head")] + 0.25 * joints_px[shoulders].sum(0)
    second = np.array([200.0, 150])
    other[:, 0, 0] = keypoints.points_px[:, 0, 0] + second - own
    both = replace(
        keypoints,
        points_px=np.concatenate([keypoints.points_px, other], 2),
        confidence=np.concatenate([keypoints.confidence, np.isfinite(other[..., 0])], 2),
    )

    def changed(picture: np.ndarray, point: np.ndarray) -> float:
        x, y = np.rint(point).astype(int)
        around = np.s_[y - 6 : y + 7, x - 6 : x + 7]
        return float(picture[around].astype(int).std() / noisy[0][around].std())

    nobody = np.full_like(some_poses.positions_m, np.nan)
    hidden = replace(some_poses, positions_m=nobody)  # no lines are drawn over it
    kept = draw_overlay(noisy, hidden, rig, FRAME, blur_faces=True)[0]
    assert changed(kept, own) == changed(kept, second) == 1
    blurred = draw_overlay(noisy, hidden, rig, FRAME, blur_faces=True, keypoints=both)[0]
    assert changed(blurred, own) < 0.4 and changed(blurred, second) < 0.4
    by_pose = draw_overlay(noisy, some_poses, rig, FRAME, blur_faces=True)[0]
    assert (by_pose != draw_overlay(noisy, some_poses, rig, FRAME)[0]).any()
    np.testing.assert_array_equal(by_pose[150:160, 200:210], noisy[0][150:160, 200:210])


def test_smaller_views_show_the_same(rig: Rig, some_poses: Poses3D) -> None:
    images = [np.zeros((h, w, 3), np.uint8) for w, h in np.array(rig.sizes)]
    small, small_rig = resized_views(images, rig, [(640, 300)] * 4)
    assert [image.shape for image in small if image is not None] == [(300, 640, 3)] * 4
    scale = np.array([640, 300]) / [1280, 720]
    expected = scale * (joints_of(rig, some_poses) + 0.5) - 0.5
    np.testing.assert_allclose(joints_of(small_rig, some_poses), expected, atol=1e-9)
    assert draw_overlay(small, some_poses, small_rig, FRAME)[0].shape == (300, 640, 3)


def test_images_of_another_size_are_refused(
    rig: Rig, some_poses: Poses3D, images: list[np.ndarray]
) -> None:
    with pytest.raises(ValueError, match=r"'cam1' must be of size \(1280, 720\)"):
        draw_overlay([images[0][:50], *images[1:]], some_poses, rig, FRAME)
