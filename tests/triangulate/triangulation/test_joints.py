from __future__ import annotations

import cv2
import numpy as np
import pytest

from triangulate.poses import Reason
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise
from triangulate.triangulation import (
    METHODS,
    joints,
)

PLAIN = DetectorNoise(sigma_px=(0.5, 2.5), missing=0.15, gross=0.0, swapped=0.0)
HARD = DetectorNoise()

all_methods = pytest.mark.parametrize("method", METHODS)

SAME_M = {"robust": 1e-8, "dlt": 1e-8, "learned": 1e-5}
"""Within which poses are the same: a network's arithmetic is single precision."""


# --- Perfect data ---------------------------------------------------------------------------------


@all_methods
@pytest.mark.parametrize("num_cameras", [2, 3, 5])
@pytest.mark.parametrize("lens", ["radtan", "rational", "fisheye", "mixed"])
def test_perfect_data_gives_the_truth(scene_of, check_gaps, method, num_cameras, lens) -> None:
    scene = scene_of(num_cameras=num_cameras, lens=lens)
    result = scene.run(method)
    assert (result.reason == Reason.ok).all()
    assert scene.error_m(result).max() < 1e-9
    assert np.nanmax(result.reprojection_px) < 1e-6
    np.testing.assert_array_equal(result.views_used, scene.confidence > 0)
    np.linalg.cholesky(result.covariance_m2)
    check_gaps(result, scene.confidence)


@all_methods
@pytest.mark.parametrize(("num_frames", "num_joints"), [(1, 17), (20, 1), (1, 1)])
def test_few_frames_and_few_joints(scene_of, check_gaps, method, num_frames, num_joints) -> None:
    scene = scene_of(PLAIN, num_frames=num_frames)
    scene.points_px = scene.points_px[:, :, :num_joints]
    scene.confidence = scene.confidence[:, :, :num_joints]
    result = scene.run(method)
    assert result.positions_m.shape == (num_frames, num_joints, 3)
    assert result.covariance_m2.shape == (num_frames, num_joints, 3, 3)
    assert result.views_used.shape == result.reprojection_px.shape == (4, num_frames, num_joints)
    assert result.sides_swapped.shape == (4, num_frames)
    truth = scene.positions_m[:, :num_joints]
    assert np.nanmax(np.linalg.norm(result.positions_m - truth, axis=-1)) < 0.08
    assert np.isfinite(result.positions_m).any()
    check_gaps(result, scene.confidence)


def test_an_unknown_method_is_refused(scene_of) -> None:
    with pytest.raises(ValueError, match="method must be one of robust, dlt, learned, got 'best'"):
        scene_of(num_frames=1).run("best")


def test_the_input_stays_as_it_was(scene_of) -> None:
    scene = scene_of(HARD, num_frames=60)
    before = scene.points_px.copy(), scene.confidence.copy()
    scene.run(flip=scene.flip)
    np.testing.assert_array_equal(scene.points_px, before[0])
    np.testing.assert_array_equal(scene.confidence, before[1])


def test_chunks_do_not_show(scene_of, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_of(HARD, num_frames=40)
    whole = scene.run(flip=scene.flip)
    monkeypatch.setattr(joints, "_CHUNK_POINTS", 3 * 17)
    parts = scene.run(flip=scene.flip)
    np.testing.assert_allclose(parts.positions_m, whole.positions_m, atol=1e-9)
    np.testing.assert_array_equal(parts.reason, whole.reason)
    np.testing.assert_array_equal(parts.views_used, whole.views_used)


# --- Reprojection ---------------------------------------------------------------------------------


def project_with_opencv(rig: Rig, view: int, points_m: np.ndarray) -> np.ndarray:
    """(..., 3) -> (..., 2)."""
    arrays = rig.to_arrays()
    r, t = cv2.Rodrigues(arrays["rotation"][view])[0], arrays["translation_m"][view]
    K, dist = arrays["K"][view], arrays["dist"][view]
    flat = np.nan_to_num(points_m).reshape(-1, 1, 3)
    match rig.lens_names[view]:
        case "fisheye":
            pixels, _ = cv2.fisheye.projectPoints(flat, r, t, K, dist[:4])
        case "rational":
            pixels, _ = cv2.projectPoints(flat, r, t, K, dist[:8])
        case _:
            pixels, _ = cv2.projectPoints(flat, r, t, K, dist[:5])
    return pixels.reshape(*points_m.shape[:-1], 2)


@all_methods
def test_reprojection_is_that_of_opencv_for_every_observed_view(scene_of, method) -> None:
    scene = scene_of(HARD, num_frames=60, lens="mixed")
    result = scene.run(method, min_confidence=0.3)
    observed = (scene.confidence > 0) & (result.reason == Reason.ok)
    np.testing.assert_array_equal(np.isfinite(result.reprojection_px), observed)
    assert (observed & ~result.views_used).sum() > 5
    for view in range(4):
        pixels = project_with_opencv(scene.rig, view, result.positions_m)
        distance_px = np.linalg.norm(pixels - scene.points_px[view], axis=-1)
        seen = observed[view]
        np.testing.assert_allclose(result.reprojection_px[view][seen], distance_px[seen], atol=1e-6)


def test_reprojection_is_of_the_points_put_right(scene_of) -> None:
    noise = DetectorNoise(sigma_px=(0.5, 1.0), missing=0, gross=0, swapped=0)
    scene = scene_of(noise, num_frames=20)
    scene.points_px[2, 5:15] = scene.points_px[2, 5:15][:, scene.flip]
    result = scene.run(flip=scene.flip)
    expected = np.zeros((4, 20), dtype=bool)
    expected[2, 5:15] = True
    np.testing.assert_array_equal(result.sides_swapped, expected)
    assert np.median(result.reprojection_px[2, 5:15]) < 2
    assert result.views_used[2, 5:15].mean() > 0.95


# --- The world and the order ----------------------------------------------------------------------


def moved(rig: Rig, rotation: np.ndarray, shift_m: np.ndarray) -> Rig:
    """The rig in a world where x' = rotation x + shift."""
    arrays = rig.to_arrays() | {"up_axis": None}
    arrays["rotation"] = arrays["rotation"] @ rotation.T
    arrays["translation_m"] = arrays["translation_m"] - arrays["rotation"] @ shift_m
    return Rig.from_arrays(**arrays)


@all_methods
@pytest.mark.parametrize("shift_m", [(0, 0, 0), (1000.0, -600.0, 300.0)], ids=["here", "far"])
def test_the_poses_move_with_the_world(scene_of, method, shift_m) -> None:
    scene = scene_of(HARD, num_frames=60)
    rotation, _ = cv2.Rodrigues(np.array([0.4, -1.1, 2.0]))
    here = scene.run(method, flip=scene.flip)
    there = scene.run(method, moved(scene.rig, rotation, np.array(shift_m)), flip=scene.flip)
    np.testing.assert_allclose(
        there.positions_m, here.positions_m @ rotation.T + shift_m, atol=SAME_M[method]
    )
    expected = rotation @ here.covariance_m2 @ rotation.T
    tolerance = {"rtol": 1e-4, "atol": 1e-12 if method != "learned" else 1e-8}
    np.testing.assert_allclose(there.covariance_m2, expected, **tolerance)
    for name in ("reason", "views_used", "sides_swapped"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name))


@all_methods
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_the_world_does_not_matter(scene_of, method, scale: float) -> None:
    scene = scene_of(HARD, num_frames=60)
    arrays = scene.rig.to_arrays()
    arrays["translation_m"] *= scale
    here, there = scene.run(method), scene.run(method, Rig.from_arrays(**arrays))
    np.testing.assert_allclose(there.positions_m / scale, here.positions_m, atol=SAME_M[method])
    rtol = 1e-6 if method != "learned" else 1e-3
    np.testing.assert_allclose(there.covariance_m2 / scale**2, here.covariance_m2, rtol=rtol)
    np.testing.assert_array_equal(there.reason, here.reason)


@all_methods
def test_the_order_of_the_views_does_not_matter(scene_of, method) -> None:
    scene = scene_of(HARD, num_frames=60)
    here = scene.run(method, flip=scene.flip)
    order = [2, 0, 3, 1]
    scene.points_px, scene.confidence = scene.points_px[order], scene.confidence[order]
    there = scene.run(method, scene.rig.select([f"cam{v + 1}" for v in order]), flip=scene.flip)
    np.testing.assert_allclose(there.positions_m, here.positions_m, atol=SAME_M[method])
    np.testing.assert_array_equal(there.reason, here.reason)
    np.testing.assert_array_equal(there.views_used, here.views_used[order])
    np.testing.assert_array_equal(there.sides_swapped, here.sides_swapped[order])
