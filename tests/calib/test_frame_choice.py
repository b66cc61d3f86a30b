from __future__ import annotations

import numpy as np
import pytest

from calib.frame_choice import MANY_FRAMES, choose_frames, new_places
from triangulate.errors import InputError


def test_all_frames_or_many():
    assert choose_frames(None, None, 3) == (pytest.approx([0, 1, 2]), ())
    frames, notes = choose_frames(None, None, 10 * MANY_FRAMES)
    assert len(frames) == MANY_FRAMES
    assert (frames[0], frames[-1]) == (0, 10 * MANY_FRAMES - 1)
    assert np.ptp(np.diff(frames)) <= 1
    assert notes[0].startswith("400 of 4000 frames are looked at")


@pytest.mark.parametrize(
    ("frames", "every", "count", "chosen"),
    [
        ("2:5", None, 9, [2, 3, 4]),
        ("2:", 3, 9, [2, 5, 8]),
        (None, 4, 9, [0, 4, 8]),
        ("all", None, 3, [0, 1, 2]),
        ("auto", None, 3, [0, 1, 2]),
    ],
)
def test_frames_that_are_asked_for(frames, every, count, chosen):
    assert choose_frames(frames, every, count)[0].tolist() == chosen


def test_asking_for_all_takes_all():
    assert len(choose_frames("all", None, 2 * MANY_FRAMES)[0]) == 2 * MANY_FRAMES
    assert len(choose_frames("auto", None, 2 * MANY_FRAMES)[0]) == MANY_FRAMES


@pytest.mark.parametrize("frames", ["7", "5:2", "0:99", "every"])
def test_frames_that_there_are_not(frames):
    with pytest.raises(InputError, match="--frames"):
        choose_frames(frames, None, 9)


def test_a_board_at_rest_is_kept_once_and_again_when_another_camera_sees_it():
    start = np.array([[10.0, 10], [20, 10], [10, 20]])
    points = np.full((2, 6, 3, 2), np.nan)
    points[0, 0] = start
    points[0, 1] = start + 1  # one pixel is not 1 % of 300
    points[0, 2] = start + 9
    points[0, 3] = start  # as in frame 0
    points[0, 4], points[1, 4] = start, start
    keep = new_places(points, np.array([300, 300]))
    assert keep.tolist() == [True, False, True, False, True, False]
