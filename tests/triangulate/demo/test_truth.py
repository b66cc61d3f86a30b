from __future__ import annotations

import numpy as np
import pytest

from triangulate.demo.truth import (
    error_quantiles_mm,
    missing_points,
    missing_text,
    telling_frame,
)
from triangulate.poses import Poses3D, Reason
from triangulate.skeleton import Skeleton


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
