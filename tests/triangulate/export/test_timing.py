from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from triangulate.export.timing import timing


def test_rows_may_be_every_nth_frame(made_poses: Any) -> None:
    when = timing(made_poses(step=5))
    assert (when.rate_hz, when.recording_hz, when.is_even, when.is_known) == (10, 50, True, True)
    np.testing.assert_allclose(when.time_s[:3], [0.2, 0.3, 0.4])
    assert when.notes("c3d", has_times=False) == []


def test_what_is_assumed_is_said(made_poses: Any) -> None:
    poses = replace(made_poses(num_frames=20), frames=np.r_[0:10, 15:25])
    when = timing(poses)
    assert (when.rate_hz, when.is_even) == (50, False)
    assert when.notes("trc", has_times=True) == []
    [note] = when.notes("c3d", has_times=False)
    assert "one rate (50 a second)" in note
    [note] = timing(made_poses(fps=None)).notes("trc", has_times=True)
    assert note == "trc: the frame rate is not known: it is written as 1, and Time counts frames"


@pytest.mark.parametrize("num_frames", [0, 1])
def test_a_frame_or_none(num_frames: int, made_poses: Any) -> None:
    positions = np.zeros((num_frames, 1, 17, 3))
    when = timing(made_poses(positions_m=positions, with_gaps=False))
    assert when.rate_hz == 50 and when.is_even and len(when.time_s) == num_frames
