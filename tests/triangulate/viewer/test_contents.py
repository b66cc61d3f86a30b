from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.poses import Poses3D
from triangulate.recording import Recording
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.viewer.contents import SAMPLED_FRAMES, Contents, Motion


def motion_of(positions_m: np.ndarray, frames: np.ndarray | None = None) -> Motion:
    count = len(positions_m)
    names = Skeleton.anonymous(positions_m.shape[2])
    return Motion(positions_m, names, np.arange(count) if frames is None else frames)


def test_the_motion_of_poses_is_theirs(poses: Poses3D) -> None:
    motion = Motion.of(replace(poses, frames=np.arange(30) * 2 + 7))
    assert motion.positions_m is poses.positions_m and motion.skeleton is poses.skeleton
    assert (motion.fps, motion.up_axis, motion.frames[-1]) == (25.0, "z", 65)


def test_samples_lie_all_over_a_motion() -> None:
    long = motion_of(np.zeros((10_000, 1, 1, 3)))
    sample = long.sampled()
    assert len(sample) == SAMPLED_FRAMES and (sample[0], sample[-1]) == (0, 9_999)
    assert set(np.diff(sample)) <= {25, 26}
    np.testing.assert_array_equal(motion_of(np.zeros((3, 1, 1, 3))).sampled(), [0, 1, 2])


def test_nothing_to_be_seen_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"walk: there is nothing in it"):
        Contents("walk")
    for count in (0, 5):
        nothing = motion_of(np.full((count, 2, 3, 3), np.nan))
        with pytest.raises(InputError, match=r"walk: no point of it has a position"):
            Contents("walk", nothing)
    Contents("walk", sequence={3: tmp_path / "a.ply"})


def test_somebody_who_is_there_for_a_moment_is_found() -> None:
    positions = np.full((100_000, 1, 2, 3), np.nan)
    positions[77_777:77_780] = 1.0  # between all samples
    motion = motion_of(positions)
    assert Contents("walk", motion).motion is motion
    assert set(motion.sampled()) & {77_777, 77_778, 77_779}


def test_the_timeline_is_the_motions_else_the_recordings_else_the_clouds(
    poses: Poses3D, rig: Rig, recording: Recording, tmp_path: Path
) -> None:
    late = Motion.of(replace(poses, frames=np.arange(30) + 100, fps=None))
    clouds = {9: tmp_path / "b.ply", 4: tmp_path / "a.ply"}
    everything = Contents("walk", late, rig, recording, sequence=clouds)
    np.testing.assert_array_equal(everything.frames, late.frames)
    assert everything.fps == recording.fps == 25.0  # where the motion does not tell
    alone = Contents("walk", None, rig, recording, sequence=clouds)
    np.testing.assert_array_equal(alone.frames, np.arange(30))
    np.testing.assert_array_equal(Contents("walk", None, rig, sequence=clouds).frames, [4, 9])
    np.testing.assert_array_equal(Contents("walk", None, rig).frames, [0])
    assert Contents("walk", None, rig).fps is None and Contents("walk", None, rig).rate is None


def test_the_rate_is_that_of_the_frames_which_are_there(poses: Poses3D) -> None:
    assert Contents("walk", Motion.of(poses)).rate == 25.0
    fifth = replace(poses, frames=np.arange(30) * 5)
    assert Contents("walk", Motion.of(fifth)).rate == 5.0
    one = poses.select_frames(np.array([3]))
    assert Contents("walk", Motion.of(one)).rate == 25.0
