from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.synthetic.acclaim import read_acclaim

UNIT_M = 0.0254 / 0.45
REST = ":FULLY-SPECIFIED\n:DEGREES\n1\nroot 1 2 3 0 0 0\n"


@pytest.fixture
def rest(tmp_path: Path, shared: Any) -> Path:
    """The skeleton of subject 1 at rest, arms to the sides."""
    (tmp_path / "01.asf").write_bytes((shared / "cmu_mocap" / "01.asf").read_bytes())
    path = tmp_path / "01_09.amc"
    path.write_text(REST)
    return path


def test_rest_by_hand(rest: Path) -> None:
    captured = read_acclaim(rest)
    at = {name: place[0] for name, place in captured.points_m.items()}
    # File: z forward, x left, y up. World: x forward, y left, z up.
    root = UNIT_M * np.array([3.0, 1.0, 2.0])
    hip = 2.40479 * np.array([0.349008, 0.566809, -0.746272])
    np.testing.assert_allclose(at["left_hip"], root + UNIT_M * hip, atol=1e-4)
    upper = at["left_elbow"] - at["left_shoulder"]
    np.testing.assert_allclose(upper, [0, 4.983 * UNIT_M, 0], atol=1e-6)
    fore = at["left_wrist"] - at["left_elbow"]
    np.testing.assert_allclose(fore, [0, (3.48356 + 1.74178) * UNIT_M, 0], atol=1e-6)
    np.testing.assert_allclose(captured.head[0], np.eye(3), atol=1e-12)


def test_a_knee_turns_about_the_axis_of_its_bone(rest: Path) -> None:
    rest.write_text(REST + "ltibia 90\n")
    at = read_acclaim(rest).points_m
    thigh, shank = at["left_knee"] - at["left_hip"], at["left_ankle"] - at["left_knee"]
    np.testing.assert_allclose((thigh * shank).sum(), 0, atol=1e-6)
    assert shank[0, 0] < -0.42  # straight to the back


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (REST + "ltibia 1 2\n", "2 values of 'ltibia'"),
        (REST + "lwing 1\n", "no such bone"),
        (REST + "ltibia one\n", "'one' is no number"),
        (REST + "2\nltibia 3\n", "without values"),
        (":DEGREES\n", "without values of root"),
    ],
)
def test_broken_motions_are_refused(text: str, message: str, rest: Path) -> None:
    rest.write_text(text)
    with pytest.raises(InputError, match=message):
        read_acclaim(rest)


def test_skeletons_are_looked_for_and_checked(rest: Path) -> None:
    skeleton = rest.with_name("01.asf")
    text = skeleton.read_text()
    skeleton.write_text(text.replace("lfemur", "thigh"))
    with pytest.raises(InputError, match="no bone called lfemur"):
        read_acclaim(rest)
    skeleton.write_text(text.partition(":hierarchy")[0])
    with pytest.raises(InputError, match="no Acclaim skeleton"):
        read_acclaim(rest)
    skeleton.unlink()
    with pytest.raises(InputError, match=r"01\.asf is not beside it"):
        read_acclaim(rest)
