from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triangulate.errors import InputError
from triangulate.synthetic.bvh import read_bvh

ROTATION = "CHANNELS 3 Zrotation Xrotation Yrotation"


def joint(name: str, offset: str, *children: str) -> str:
    inside = " ".join(children) or "End Site { OFFSET 0 1 0 }"
    return f"JOINT {name} {{ OFFSET {offset} {ROTATION} {inside} }}"


def leg(side: str, x: int) -> str:
    foot = joint(f"{side}Foot", "0 -40 0")
    return joint(f"{side}UpLeg", f"{x} -5 0", joint(f"{side}Leg", "0 -41 0", foot))


def arm(side: str, x: int) -> str:
    hand = joint(f"{side}Hand", f"{25 * x} 0 0")
    fore = joint(f"{side}ForeArm", f"{30 * x} 0 0", hand)
    return joint(f"{side}Arm", f"{20 * x} 0 0", fore)


def bvh(values: dict[int, float], frames: int = 1) -> str:
    """A person in centimetres, arms to the sides; `values` by the channel's number."""
    head = joint("Neck", "0 26 0", joint("Head", "0 12 0"))
    spine = joint("Spine", "0 20 0", head, arm("Left", 1), arm("Right", -1))
    channels = "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation"
    root = f"ROOT mixamorig:Hips {{ OFFSET 0 0 0 {channels} {leg('Left', 10)} "
    numbers = [values.get(k, 0.0) for k in range(6 + 3 * 15)]
    row = " ".join(map(str, numbers))
    rows = "\n".join([row] * frames)
    return (
        f"HIERARCHY {root} {leg('Right', -10)} {spine} }}\n"
        f"MOTION\nFrames: {frames}\nFrame Time: 0.04\n{rows}\n"
    )


def test_rest_and_a_bent_knee_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    # Channels 0-5 are the root's, 6-8 the thigh's; 10 turns the shank about x, to the back.
    path.write_text(bvh({0: 100.0, 1: 95.0, 10: 90.0}, frames=2))
    captured = read_bvh(path)
    at = {name: place[1] for name, place in captured.points_m.items()}
    assert captured.fps == pytest.approx(25)
    np.testing.assert_allclose(at["left_hip"], [0, 1.1, 0.9], atol=1e-12)
    np.testing.assert_allclose(at["left_knee"], [0, 1.1, 0.49], atol=1e-12)
    np.testing.assert_allclose(at["left_ankle"], [-0.4, 1.1, 0.49], atol=1e-12)
    np.testing.assert_allclose(at["right_ankle"], [0, 0.9, 0.09], atol=1e-12)
    np.testing.assert_allclose(at["left_wrist"] - at["left_elbow"], [0, 0.25, 0], atol=1e-12)
    assert captured.pivot_height_m == pytest.approx(0.12)
    same = read_bvh(path, unit_m=0.02).points_m["left_knee"]
    np.testing.assert_allclose(same, 2 * captured.points_m["left_knee"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Frames: 1", "Frames: 7", "BVH"),
        ("LeftUpLeg", "LeftStick", "no joint called left_up_leg"),
        ("Frame Time: 0.04", "Frame Time: zero", "BVH"),
        ("MOTION", "", "BVH"),
    ],
)
def test_broken_files_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text(bvh({}).replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        read_bvh(path)
    assert str(path) in str(error.value)
