"""Calibrations of real recordings, from raw videos and stills, against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

import calib
import triangulate
from calib.observations import Observations
from calib.scale import Baseline
from calib.solution import Solution
from calib.targets import Charuco
from triangulate.geometry.dlt import triangulate_dlt
from triangulate.geometry.similarity import align
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.rig import Rig

WEBCAMS = "caliscope_4_cam_recording"
MOUSE = "sleap_anipose_mouse"
BALANCING = "pose2sim_balancing"


def board_figures(
    solution: Solution, seen: Observations, target_m: np.ndarray
) -> tuple[float, float]:
    """Mean reprojection (px) of corners triangulated from all views, none left out.

    And the rmse (m) of the distances between them.
    """
    views, frames, corners, _ = seen.points_px.shape
    cameras = solution.rig.cameras
    pixels = torch.from_numpy(np.nan_to_num(seen.points_px.reshape(views, -1, 2)))
    undistorted, valid = cameras.undistort(pixels)
    weights = (torch.from_numpy(seen.seen.reshape(views, -1)) & valid).double()
    projections = cameras.projection().expand(frames * corners, views, 3, 4).contiguous()
    points, found = triangulate_dlt(
        undistorted.transpose(0, 1).contiguous(), projections, weights.T.contiguous()
    )
    again, _ = cameras.project(points)
    used = (weights > 0) & found & ((weights > 0).sum(0) >= 2)
    reprojection_px = float((again - pixels).norm(dim=-1)[used].mean())
    points[~(found & ((weights > 0).sum(0) >= 2))] = torch.nan
    world = points.numpy().reshape(frames, corners, 3)
    a, b = np.triu_indices(corners, 1)
    distance_m = np.linalg.norm(world[:, a] - world[:, b], axis=-1)
    off_m = distance_m - np.linalg.norm(target_m[a] - target_m[b], axis=-1)
    return reprojection_px, float(np.sqrt(np.nanmean(np.square(off_m))))


@pytest.mark.slow
def test_webcams_from_raw_videos_one_of_them_behind_the_board(shared, own_cache) -> None:
    board = Charuco(4, 5, 0.054, 0.0405, "DICT_4X4_1000", inverted=True)
    seen = calib.detect(shared / WEBCAMS / "calibration" / "extrinsic", board)
    assert seen.names == ("cam_0", "cam_1", "cam_2", "cam_3")
    assert any("cam_1" in note and "behind" in note for note in seen.notes)
    solution = calib.solve(seen, board)
    reprojection_px, distance_m = board_figures(solution, seen, board.points_m)
    assert reprojection_px <= 0.6
    assert distance_m <= 0.5e-3
    assert {finding.code for finding in solution.findings} >= {"rejected"}  # not in step


@pytest.mark.slow
def test_a_mouse_rig_from_its_stills(shared, own_cache) -> None:
    session = shared / MOUSE / "minimal_session"
    folders = {
        name: session / name / "calibration_images" for name in ("back", "mid", "side", "top")
    }
    board = Charuco(8, 11, 0.024, 0.01875, "DICT_4X4_1000")
    seen = calib.detect(folders, board)
    solution = calib.solve(seen, board)
    length_px = np.linalg.norm(solution.residuals_px, axis=-1)
    assert solution.inliers.sum() >= 5500
    assert length_px[solution.inliers].mean() <= 0.29


@pytest.fixture(scope="module")
def balancing(shared) -> tuple[Rig, np.ndarray, np.ndarray]:
    """The Qualisys rig, and the keypoints (T, V, J, 2) of the surest person in each view."""
    rig = triangulate.load_rig(shared / BALANCING / "calibration" / "Calib.qca.txt")
    seen = load_keypoints_from(shared / BALANCING / "pose_openpose_body25b", rig.names)
    surest = seen.confidence.mean(-1).argmax(-1)[..., None]  # (T, V, 1)
    points = np.take_along_axis(seen.points_px, surest[..., None, None], axis=2)[:, :, 0]
    return rig, points, np.take_along_axis(seen.confidence, surest[..., None], axis=2)[:, :, 0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_people_bring_a_disturbed_rig_back(balancing, seed) -> None:
    rig, points_px, confidence = balancing
    random = np.random.default_rng(seed)
    arrays = rig.to_arrays()
    centre = rig.cameras.centre_world.numpy() + 0.10 * unit(random, len(rig))
    turn = Rotation.from_rotvec(np.deg2rad(3.0) * unit(random, len(rig))).as_matrix()
    arrays["rotation"] = turn @ arrays["rotation"]
    arrays["translation_m"] = -(arrays["rotation"] @ centre[..., None])[..., 0]
    true = rig.cameras.centre_world
    first, second = rig.names[:2]
    baseline = Baseline(first, second, float((true[0] - true[1]).norm()))
    found = calib.selfcal(points_px, confidence, Rig.from_arrays(**arrays), scale=baseline)
    motion, _ = align(found.cameras.centre_world, true, with_scale=False)
    apart = motion.apply(found.cameras.centre_world) - true
    relative = found.cameras.cam_from_world.rotation @ motion.rotation.mT
    relative = relative @ rig.cameras.cam_from_world.rotation.mT
    angle_deg = np.rad2deg(Rotation.from_matrix(relative.numpy()).magnitude())
    figures = (float(apart.square().sum(-1).mean().sqrt()), float(np.sqrt(np.mean(angle_deg**2))))
    assert figures[0] <= 0.04
    assert figures[1] <= 0.8


def unit(random: np.random.Generator, count: int) -> np.ndarray:
    """Directions (count, 3)."""
    vectors = random.normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
