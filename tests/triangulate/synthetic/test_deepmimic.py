from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.synthetic.deepmimic import CHARACTER_FILE, read_deepmimic

KNEE_RIGHT, ELBOW_LEFT = 20, 43  # columns


def still_frame() -> list[float]:
    """Upright, arms hanging, the root 0.9 m up and 2 m to the right."""
    one = [1.0, 0.0, 0.0, 0.0]
    frame = [0.02, 0.0, 0.9, 2.0, *one]  # duration, root, its turn
    frame += [*one, *one, *one, 0.0, *one, *one, 0.0]  # chest neck hip knee ankle shoulder elbow
    return [*frame, *one, 0.0, *one, *one, 0.0]


def written(folder: Path, character: Path, frames: Any) -> Path:
    (folder / CHARACTER_FILE).write_bytes((character / CHARACTER_FILE).read_bytes())
    path = folder / "humanoid3d_test.txt"
    path.write_text(json.dumps({"Loop": "none", "Frames": frames}))
    return path


def test_hinges_by_hand(tmp_path: Path, shared: Any) -> None:
    bent = still_frame()
    bent[KNEE_RIGHT], bent[ELBOW_LEFT] = -math.pi / 2, math.pi / 2
    path = written(tmp_path, shared / "deepmimic_motions", [still_frame(), bent])
    captured = read_deepmimic(path)
    assert captured.fps == pytest.approx(50)
    at = captured.points_m
    # File: x forward, y up, z right. World: x forward, y left, z up.
    np.testing.assert_allclose(at["pelvis"][0], [0, -2, 0.9], atol=1e-12)
    np.testing.assert_allclose(at["right_hip"][0], [0, -2 - 0.084887, 0.9], atol=1e-12)
    down = at["right_ankle"] - at["right_knee"]
    np.testing.assert_allclose(down[0], [0, 0, -0.40987], atol=1e-12)
    np.testing.assert_allclose(down[1], [-0.40987, 0, 0], atol=1e-12)  # the heel to the back
    hand = at["left_wrist"] - at["left_elbow"]
    np.testing.assert_allclose(hand[1], [0.258947, 0, 0], atol=1e-12)  # the hand to the front
    np.testing.assert_allclose(captured.head[0], np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([[1.0, 2.0]], "44 numbers"),
        ([], "44 numbers"),
        ("nothing", "Frames"),
        ([[math.nan, *still_frame()[1:]]], "makes no sense"),
    ],
)
def test_other_files_are_refused_by_name(
    frames: Any, message: str, tmp_path: Path, shared: Any
) -> None:
    path = written(tmp_path, shared / "deepmimic_motions", frames)
    with pytest.raises(InputError, match=message) as error:
        read_deepmimic(path)
    assert str(path) in str(error.value)


def test_a_missing_character_is_named(tmp_path: Path, shared: Any) -> None:
    path = written(tmp_path, shared / "deepmimic_motions", [still_frame()])
    (tmp_path / CHARACTER_FILE).unlink()
    with pytest.raises(InputError, match=CHARACTER_FILE):
        read_deepmimic(path)
    (tmp_path / CHARACTER_FILE).write_text('{"Skeleton": {"Joints": []}}')
    with pytest.raises(InputError, match="the skeleton has no"):
        read_deepmimic(path)
    path.write_text("no json")
    with pytest.raises(InputError, match="no JSON"):
        read_deepmimic(path)
