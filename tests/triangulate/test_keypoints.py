from __future__ import annotations

import json

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.keypoints import KEYPOINTS_FORMAT, Keypoints2D, load_keypoints
from triangulate.skeleton import Skeleton

SKELETON = Skeleton.from_edges(["nose", "left_hip", "right_hip"], [["nose", "left_hip"]])


def make(**changes: object) -> Keypoints2D:
    points = np.arange(4 * 2 * 1 * 3 * 2, dtype=np.float32).reshape(4, 2, 1, 3, 2) + 1
    fields: dict = {
        "points_px": points,
        "confidence": np.full(points.shape[:-1], 0.5),
        "names": ("left", "right"),
        "skeleton": SKELETON,
        "fps": 59.94,
        "sizes": ((1280, 720), None),
        "frames": np.array([3, 4, 6, 9]),
        "source": "made up",
    }
    return Keypoints2D(**(fields | changes))


def test_missing_is_nan_and_confidence_0_at_once():
    points = make().points_px.copy()
    confidence = make().confidence.copy()
    points[0, 0, 0, 1, 0] = np.nan
    confidence[1, 1, 0, 2] = 0
    confidence[2, 0, 0, 0] = np.nan
    keypoints = make(points_px=points, confidence=confidence)
    missing = np.isnan(keypoints.points_px)
    assert (missing.all(-1) == missing.any(-1)).all()
    assert (missing.any(-1) == (keypoints.confidence == 0)).all()
    assert missing.any(-1).sum() == 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(dtype):
    points = make().points_px.astype(dtype)
    keypoints = make(points_px=points, confidence=np.ones(points.shape[:-1], dtype))
    assert keypoints.points_px.dtype == keypoints.confidence.dtype == dtype


def test_confidence_is_clipped_and_the_input_untouched():
    confidence = np.full((4, 2, 1, 3), 1.5)
    confidence[0, 0, 0, 0] = -2
    keypoints = make(confidence=confidence)
    assert keypoints.confidence.max() == 1
    assert keypoints.confidence[0, 0, 0, 0] == 0
    assert confidence.max() == 1.5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points_px": np.zeros((4, 2, 1, 2, 2))}, "points_px must have shape"),
        ({"points_px": np.zeros((4, 2, 3, 2))}, "points_px must have shape"),
        ({"confidence": np.zeros((4, 2, 1, 2))}, "confidence must have shape"),
        ({"frames": np.arange(3)}, "frames must have shape"),
        ({"sizes": ((1280, 720),)}, "sizes must hold 2"),
        ({"names": ("left", "left")}, "names must differ"),
    ],
)
def test_broken_contracts(changes: dict, words: str):
    with pytest.raises(ValueError, match=words):
        make(**changes)


def test_frames_count_from_zero_by_default():
    assert make(frames=None).frames.tolist() == [0, 1, 2, 3]


def test_select_cameras_keeps_what_belongs_together():
    both = make()
    chosen = both.select_cameras(["right", "left"])
    assert chosen.names == ("right", "left")
    assert chosen.sizes == (None, (1280, 720))
    np.testing.assert_array_equal(chosen.points_px[:, 0], both.points_px[:, 1])
    assert both.select_cameras(["right"]).points_px.shape == (4, 1, 1, 3, 2)
    with pytest.raises(InputError, match=r"no keypoints for camera 'top'.*left, right"):
        both.select_cameras(["top"])


def test_file_round_trip(tmp_path):
    points = make().points_px.copy()
    points[1, 0, 0, 2] = np.nan
    saved = make(points_px=points)
    saved.save(tmp_path / "deep" / "keypoints.npz")
    loaded = load_keypoints(tmp_path / "deep" / "keypoints.npz")
    for name in ("points_px", "confidence", "frames"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(saved, name))
    for name in ("names", "skeleton", "fps", "sizes", "source"):
        assert getattr(loaded, name) == getattr(saved, name)


def test_file_without_sizes_and_fps(tmp_path):
    make(sizes=None, fps=None).save(tmp_path / "k.npz")
    loaded = load_keypoints(tmp_path / "k.npz")
    assert loaded.fps is None
    assert loaded.sizes == (None, None)


def test_bad_files_end_in_one_line_that_names_them(tmp_path):
    good = tmp_path / "good.npz"
    make().save(good)
    content = good.read_bytes()
    spoilt = bytearray(content)
    spoilt[len(content) // 2] ^= 0xFF
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    (tmp_path / "spoilt.npz").write_bytes(spoilt)
    (tmp_path / "folder.npz").mkdir()
    np.save(tmp_path / "lone.npy", np.zeros(3))
    (tmp_path / "lone.npz").write_bytes((tmp_path / "lone.npy").read_bytes())
    header = {"format": KEYPOINTS_FORMAT, "version": 1}
    for name, text in {
        "other": {"format": "poses", "version": 1},
        "newer": header | {"version": 99},
        "lacking": header,
        "number": 3,
    }.items():
        np.savez(tmp_path / f"{name}.npz", header=np.array(json.dumps(text)))
    np.savez(tmp_path / "headless.npz", points_px=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", header=np.array([None], dtype=object))
    names = [path.name for path in tmp_path.glob("*.npz") if path != good]
    assert len(names) == 12
    for name in [*names, "missing.npz"]:
        with pytest.raises(InputError, match=name) as caught:
            load_keypoints(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="version 99 is not known"):
        load_keypoints(tmp_path / "newer.npz")
    with pytest.raises(InputError, match="holds 'poses'"):
        load_keypoints(tmp_path / "other.npz")
