"""Which frames are meant, by hand; how recordings take it is in test_recording.py."""

from __future__ import annotations

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.recording.choice import FrameChoice, select_frames


@pytest.mark.parametrize(
    ("frames", "every", "expected"),
    [
        (None, 1, [0, 1, 2, 3, 4, 5, 6, 7]),
        (None, 3, [0, 3, 6]),
        ("2:5", 1, [2, 3, 4]),
        ("2:", 2, [2, 4, 6]),
        (":3", 1, [0, 1, 2]),
        (range(1, 7, 2), 1, [1, 3, 5]),
        (slice(6, None), 1, [6, 7]),
        ([1, 4, 5], 1, [1, 4, 5]),
        (np.array([0, 2, 7]), 2, [0, 7]),
    ],
)
def test_frames_by_hand(frames: FrameChoice | None, every: int, expected: list[int]) -> None:
    chosen = select_frames(frames, every, 8)
    assert chosen.dtype == np.int64
    assert chosen.tolist() == expected


@pytest.mark.parametrize(
    ("frames", "every"), [("8:", 1), ("3:3", 1), ("0:99", 1), ("a:b", 1), ([9], 1), (None, 0)]
)
def test_frames_that_cannot_be(frames: FrameChoice | None, every: int) -> None:
    with pytest.raises(InputError):
        select_frames(frames, every, 8)
