from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib.board_difference import board_difference
from calib.camera_motion import motions, world_motions
from calib.congruence import invariant_information
from calib.observations import Observations
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.synthetic import board_grid, board_scene, moved_camera, ring_rig
from triangulate.synthetic.draws import seeded

BOARD = board_grid(9, 6, 0.08)
NEAR = {"volume": ((0.0, 0.0, 1.0), (0.6, 0.6, 0.4)), "max_tilt_deg": 75.0}


def rig_of(seed: int, count: int = 5) -> Rig:
    return ring_rig(seeded(seed), count, radius_m=2.5, height_m=1.8)


def filmed(rig: Rig, seed: int, frames: int = 60) -> Observations:
    scene = board_scene(seeded(seed), rig, BOARD, frames, **NEAR)
    return Observations.from_arrays(scene.points_px, rig.names, rig.sizes)


def test_the_covariance_is_that_of_the_errors() -> None:
    """Over six rigs, distances of the poses to the truth in sigmas: one a degree of freedom."""
    squared, freedom = 0.0, 0
    for seed in range(6):
        rig = rig_of(seed, 4 + seed % 3)
        now = moved_camera(rig, "cam2", (0.003, 0.004, 0.0), (0.0, 0.2, 0.0))
        found = board_difference(rig, filmed(now, 50 + seed), BOARD, None)
        true = replace(found, old=now.select(found.names)).aligned(range(len(found.names)))
        pose = true.old.cameras.cam_from_world
        off = motions(pose, true.rig.cameras.cam_from_world).flatten()
        free = world_motions(pose)[:, :6]
        information = invariant_information(found.new_covariance, free)
        squared += float(off @ information @ off)
        freedom += len(off) - 6
    assert 0.6 < squared / freedom < 1.6


def test_a_lens_that_was_turned_is_told_from_a_motion() -> None:
    rig = rig_of(7)
    K = rig.cameras.K.clone()
    K[3, 0, 0] *= 1.02
    K[3, 1, 1] *= 1.02
    zoomed = replace(rig, cameras=replace(rig.cameras, K=K))
    found = board_difference(rig, filmed(zoomed, 8), BOARD, None)
    assert found.zoom[3] == pytest.approx(0.02, abs=4 * found.zoom_sigma[3])
    assert found.zoom_sigma[3] < 0.004
    np.testing.assert_array_equal(found.zoom[[0, 1, 2, 4]], 0)
    assert found.rig.cameras.K[0].equal(rig.cameras.K[0])
    same = board_difference(rig, filmed(rig, 9), BOARD, None)
    np.testing.assert_array_equal(same.zoom, 0)


def test_cameras_that_the_board_does_not_join_are_left_out() -> None:
    rig = rig_of(1)
    seen = filmed(rig, 2)
    points = seen.points_px.copy()
    together = ~np.isnan(points[3, :, :, 0]).all(-1)
    points[:3, together], points[4, together] = np.nan, np.nan  # cam4 sees it alone
    found = board_difference(
        rig, Observations.from_arrays(points, rig.names, rig.sizes), BOARD, None
    )
    assert found.names == ("cam1", "cam2", "cam3", "cam5")
    assert any("cam4" in note and "not checked" in note for note in found.notes)


def test_recordings_that_tell_nothing_are_refused() -> None:
    rig = rig_of(1, 3)
    seen = filmed(rig, 2, 20)
    others = Observations.from_arrays(seen.points_px, ["cam1", "cam2", "left"], rig.sizes)
    with pytest.raises(InputError, match="no camera 'left'; it has cam1, cam2, cam3"):
        board_difference(rig, others, BOARD, None)
    points = seen.points_px.copy()
    for frame in range(points.shape[1]):  # one camera at a time
        points[np.arange(3) != frame % 3, frame] = np.nan
    alone = Observations.from_arrays(points, rig.names, rig.sizes)
    with pytest.raises(InputError, match="no two cameras see the board together"):
        board_difference(rig, alone, BOARD, None)
