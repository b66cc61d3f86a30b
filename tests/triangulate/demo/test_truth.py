from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from triangulate.demo.truth import (
    compare_rigs,
    error_quantiles_mm,
    missing_points,
    missing_text,
    telling_frame,
)
from triangulate.geometry.rigid import Rigid
from triangulate.poses import Poses3D, Reason
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import moved_camera, ring_rig
from triangulate.synthetic.draws import seeded


def made_up(num_frames: int) -> Poses3D:
    """One person of two joints before three cameras; all is seen and used."""
    shape = (num_frames, 1, 2)
    return Poses3D(
        positions_m=np.zeros((*shape, 3)),
        covariance_m2=np.zeros((*shape, 3, 3)),
        reprojection_px=np.ones((num_frames, 1, 3, 2)),
        views_used=np.ones((num_frames, 1, 3, 2), dtype=bool),
        reason=np.zeros(shape, dtype=np.uint8),
        sides_swapped=np.zeros((num_frames, 1, 3), dtype=bool),
        skeleton=Skeleton.anonymous(2),
        names=("a", "b", "c"),
    )


def test_quantiles_leave_out_what_is_missing() -> None:
    error_mm = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, 4.0]])
    assert error_quantiles_mm(error_mm) == pytest.approx((3.0, 4.8, 5.0))
    assert np.isnan(error_quantiles_mm(np.full(3, np.nan))).all()


def test_missing_points_are_counted_by_reason() -> None:
    poses = made_up(3)
    poses.reason[[0, 1], 0, 1] = Reason.high_error
    poses.reason[2, 0, 0] = Reason.too_few_views
    missing = missing_points(poses)
    assert missing == {"high_error": 2, "too_few_views": 1}
    assert missing_text(missing, 6) == "50.0 % (too_few_views 1, high_error 2)"
    assert missing_text({}, 6) == "0.0 %"


def test_the_telling_frame_is_whole_and_was_mended() -> None:
    poses = made_up(5)
    error_mm = np.full((5, 2), 5.0)
    poses.sides_swapped[[2, 3], 0, 1] = True
    error_mm[3, 1] = np.nan
    assert telling_frame(poses, error_mm) == 2


def in_another_world(rig: Rig, turn_deg: tuple[float, float, float]) -> Rig:
    turn = Rotation.from_rotvec(turn_deg, degrees=True).as_matrix()
    world_from_new = Rigid(torch.from_numpy(turn), torch.tensor([2.0, -1, 0.5]).double())
    moved = rig.cameras.cam_from_world @ world_from_new
    return replace(rig, cameras=replace(rig.cameras, cam_from_world=moved))


def test_a_rig_in_another_world_is_the_same_but_for_the_floor() -> None:
    rig = ring_rig(seeded(0))
    same = compare_rigs(in_another_world(rig, (0, 0, 70)), rig)
    assert max(same.position_mm + same.turn_deg + same.focal_percent) < 1e-9
    assert same.floor_deg < 1e-9
    leaning = compare_rigs(in_another_world(rig, (0, 2, 0)), rig)
    assert max(leaning.position_mm + leaning.turn_deg) < 1e-9
    assert leaning.floor_deg == pytest.approx(2)
    points = torch.rand(5, 3, dtype=torch.float64)
    turned = Rotation.from_rotvec((0, 2, 0), degrees=True).apply(points)
    moved = turned + np.array([2, -1, 0.5])
    np.testing.assert_allclose(leaning.world_from_found.apply(points), moved)


def test_one_camera_that_is_off_is_named_by_its_figures() -> None:
    rig = ring_rig(seeded(0), 6)
    found = moved_camera(rig, "cam3", shift_m=(0, 0, 0.012), turn_deg=(0.5, 0, 0))
    K = found.cameras.K.clone()
    K[1, 0, 0] *= 1.01
    found = replace(found, cameras=replace(found.cameras, K=K))
    order = [rig.names[v] for v in (3, 1, 2, 0, 5, 4)]
    off = compare_rigs(found.select(order), rig)
    assert int(np.argmax(off.position_mm)) == 2
    assert 6 < off.position_mm[2] < 12
    assert off.turn_deg[2] == pytest.approx(0.5, abs=0.15)
    assert off.focal_percent == pytest.approx((0, 1, 0, 0, 0, 0), abs=1e-9)


def test_cameras_in_a_line_cannot_be_compared() -> None:
    rig = ring_rig(seeded(0), 2)
    with pytest.raises(ValueError, match="in a line"):
        compare_rigs(rig, rig)
