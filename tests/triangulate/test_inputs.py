"""What a run begins with; that the whole way begins with it is in test_pipeline.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.config import ReconstructConfig
from triangulate.errors import InputError
from triangulate.inputs import keypoints_from_arrays, open_recording, read_keypoints
from triangulate.keypoints import Keypoints2D
from triangulate.rig import Rig
from triangulate.skeleton import Skeleton
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import seeded

SIZE = (160, 120)
PAIR = Skeleton(("left_hip", "right_hip"))


@pytest.fixture(scope="module")
def rig() -> Rig:
    return ring_rig(seeded(1), 3, size=SIZE)


@pytest.fixture
def saved(rig: Rig, tmp_path: Path) -> Path:
    """Joint j of frame number n in view v at x = 100 v + n, y = j; frames 10, 12, ... 28."""
    frames = np.arange(10, 30, 2)
    points_px = np.zeros((10, 3, 1, 2, 2))  # (T, V, P, J, 2)
    points_px[..., 0] = 100 * np.arange(3)[:, None, None] + frames[:, None, None, None]
    points_px[..., 1] = [0, 1]
    confidence = np.ones(points_px.shape[:-1])
    keypoints = Keypoints2D(points_px, confidence, rig.names, PAIR, 50.0, frames=frames)
    keypoints.save(tmp_path / "k.npz")
    return tmp_path / "k.npz"


# --- Videos ---------------------------------------------------------------------------------------


def test_a_recording_is_opened_as_the_settings_say(
    rig: Rig, tmp_path: Path, write_video: Any
) -> None:
    def black(number: int, width: int, height: int) -> np.ndarray:
        return np.zeros((height, width, 3), np.uint8)

    for name in rig.names:
        write_video(tmp_path / f"{name}.mp4", 9, size=SIZE, picture=black)
    rig.save(tmp_path / "rig.yaml")
    settings = ReconstructConfig(cameras=["cam3", "cam1"], frames="2:8", every=2)
    opened = open_recording(tmp_path, tmp_path / "rig.yaml", settings)
    assert set(opened.rig.names) == {"cam3", "cam1"}
    assert opened.frame_numbers.tolist() == [2, 4, 6]
    assert open_recording(opened, rig, ReconstructConfig()) is opened


# --- Files of keypoints ---------------------------------------------------------------------------


def test_keypoints_are_read_as_the_settings_say(rig: Rig, saved: Path) -> None:
    settings = ReconstructConfig(cameras=["cam3", "cam1"], frames="12:25", every=3)
    keypoints, fitted, _ = read_keypoints(saved, rig, settings, skeleton=PAIR, fps=25)
    assert keypoints.names == fitted.names == ("cam3", "cam1")
    assert np.asarray(keypoints.frames).tolist() == [12, 18, 24]
    assert keypoints.points_px[:, :, 0, 1].tolist() == [
        [[212, 1], [12, 1]], [[218, 1], [18, 1]], [[224, 1], [24, 1]],
    ]  # fmt: skip
    assert keypoints.fps == 25


def test_joints_are_those_asked_for_however_they_are_spelt(rig: Rig, saved: Path) -> None:
    wanted = Skeleton(("RHip", "hip_l"))
    keypoints, _, _ = read_keypoints(saved, rig, ReconstructConfig(), skeleton=wanted)
    assert keypoints.skeleton == wanted
    assert keypoints.points_px[0, 0, 0].tolist() == [[10, 1], [10, 0]]
    with pytest.raises(InputError, match=r"k\.npz: lacks joints of the skeleton asked for"):
        read_keypoints(saved, rig, ReconstructConfig(), skeleton=Skeleton(("left_hip", "nose")))


def test_frames_that_are_not_there(rig: Rig, saved: Path) -> None:
    with pytest.raises(InputError, match=r"--frames 0:9: the keypoints are of frames 10 to 28"):
        read_keypoints(saved, rig, ReconstructConfig(frames="0:9"))
    with pytest.raises(InputError, match="no camera 'cam9' in the rig"):
        read_keypoints(saved, rig, ReconstructConfig(cameras=["cam1", "cam9"]))


def test_offsets_put_frames_together_once(rig: Rig, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "sync.yaml").write_text(
        "format: triangulate-sync\nversion: 1\nreference: cam1\ncameras:\n"
        "  cam1: {late_s: 0}\n  cam2: {late_s: 0.04}\n  cam3: {late_s: 0}\n"
    )
    settings = ReconstructConfig(sync=str(tmp_path / "sync.yaml"))
    keypoints, _, _ = read_keypoints(saved, rig, settings)
    # What cam2 shows in frame n is what cam1 shows in frame n + 2, of 50 a second.
    shown = keypoints.points_px[:, :, 0, 0, 0]
    assert (shown[1:, 0] - (shown[1:, 1] - 100) == 2).all()
    assert np.isnan(shown[0]).tolist() == [False, True, False]
    keypoints.save(saved)
    again, _, notes = read_keypoints(saved, rig, settings)
    np.testing.assert_array_equal(again.points_px, keypoints.points_px)
    assert any("left aside, as the keypoints' frames are paired" in note for note in notes)


# --- Arrays ---------------------------------------------------------------------------------------


def test_arrays_are_one_persons_keypoints(rig: Rig) -> None:
    points_px = np.arange(4 * 3 * 2 * 2.0).reshape(4, 3, 2, 2)
    confidence = np.full((4, 3, 2), 0.5)
    confidence[1, 2, 0] = np.nan
    keypoints = keypoints_from_arrays(points_px, confidence, rig, PAIR, 50)
    points_px[1, 2, 0] = np.nan
    np.testing.assert_array_equal(keypoints.points_px[:, :, 0], points_px)
    assert keypoints.confidence[1, 2, 0].tolist() == [0, 0.5]
    assert (keypoints.names, keypoints.skeleton, keypoints.fps) == (rig.names, PAIR, 50)
    assert np.asarray(keypoints.frames).tolist() == [0, 1, 2, 3]
    assert keypoints_from_arrays(points_px, confidence, rig).skeleton == Skeleton.anonymous(2)


@pytest.mark.parametrize(
    ("points", "confidence", "skeleton", "said"),
    [
        ((4, 2, 2, 2), (4, 2, 2), PAIR, r"points_px must have shape \(T, 3, J, 2\)"),
        ((4, 3, 2, 3), (4, 3, 2), PAIR, r"points_px must have shape \(T, 3, J, 2\)"),
        ((4, 3, 2, 2), (4, 3, 1), PAIR, r"confidence must have shape \(4, 3, 2\)"),
        ((4, 3, 1, 2), (4, 3, 1), PAIR, "skeleton must have 1 joints, got 2"),
    ],
)
def test_arrays_of_wrong_shapes(
    rig: Rig, points: tuple[int, ...], confidence: tuple[int, ...], skeleton: Skeleton, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        keypoints_from_arrays(np.ones(points), np.ones(confidence), rig, skeleton)


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_confidences_are_shares(rig: Rig, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"confidence must lie in \[0, 1\]"):
        keypoints_from_arrays(np.ones((1, 3, 2, 2)), np.full((1, 3, 2), confidence), rig)
