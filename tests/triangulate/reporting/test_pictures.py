from __future__ import annotations

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.recording import Recording
from triangulate.reporting.pictures import misfit, overlay_moments, shown_views, telling_moments
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

SIZE = (160, 120)


@pytest.fixture
def filmed(tmp_path, write_video, perfect):
    """A recording whose frame t is of grey 3 t, its rig, and poses of it."""
    rig = ring_rig(seeded(4), 4, size=SIZE)

    def grey(number, width, height):
        return np.full((height, width, 3), 3 * number, np.uint8)

    for name in rig.names:
        write_video(tmp_path / f"{name}.mp4", 60, picture=grey, fps=50, size=SIZE)
    errors = perfect.reprojection_px.copy()
    errors *= np.random.default_rng(0).permutation(60)[:, None, None, None] + 1
    return Recording.open(tmp_path, rig), replace(perfect, names=rig.names, reprojection_px=errors)


def decoded(uri: str) -> np.ndarray:
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    return cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)


def test_moments_by_error_on_their_own_pictures(filmed) -> None:
    recording, poses = filmed
    moments = overlay_moments(recording, poses)
    assert [moment.error_px for moment in moments] == [4, 31, 57, 60]
    for moment in moments:
        assert moment.error_px == poses.reprojection_px[moment.frame, 0, 0, 0]
        assert list(moment.pictures) == list(recording.names)
        picture = decoded(moment.pictures["cam2"])
        assert picture.shape == (120, 160, 3)
        assert np.median(picture) == pytest.approx(3 * moment.frame, abs=4)
        assert np.abs(picture.astype(int) - np.median(picture)).max() > 40  # a person is drawn


def test_poses_of_other_frames_or_cameras_are_refused(filmed) -> None:
    recording, poses = filmed
    with pytest.raises(InputError, match="ends with frame 59"):
        overlay_moments(recording, replace(poses, frames=np.arange(60) + 30))
    with pytest.raises(InputError, match="poses of other cameras"):
        overlay_moments(recording, replace(poses, names=tuple("abcd")))


def test_moments_without_an_error_come_last() -> None:
    errors = np.array([5.0, np.nan, 1.0, 3.0, np.nan])
    assert telling_moments(errors) == [2, 3, 0, 0]
    assert telling_moments(np.array([np.nan])) == [0, 0, 0, 0]


def test_of_many_cameras_the_worst_is_shown(perfect) -> None:
    names = tuple(f"c{v}" for v in range(9))
    many = replace(
        perfect,
        names=names,
        reprojection_px=np.ones((60, 1, 9, 17)) + np.array([0, 0, 0, 0, 0, 7, 0, 0, 0])[:, None],
        views_used=np.ones((60, 1, 9, 17), bool),
        sides_swapped=np.zeros((60, 1, 9), bool),
    )
    shown = shown_views(names, many)
    assert 5 in shown and len(set(shown)) == 4
    assert shown_views(names[:3], many) == [0, 1, 2]


def test_a_rig_that_is_not_that_of_the_poses_is_found_out(walked) -> None:
    poses, rig = walked.poses, walked.rig
    assert misfit(poses, rig) is None
    assert "no camera cam3, which the poses were made from" in str(
        misfit(poses, rig.select(["cam1", "cam2", "cam4"]))
    )
    away = replace(poses, positions_m=poses.positions_m + np.array([0, 0, 30]))
    assert "behind it or outside its image" in str(misfit(away, rig))
