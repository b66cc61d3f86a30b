"""Joint angles against poses whose angles are known by hand, and by rotations."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from triangulate.errors import InputError
from triangulate.export.angles import joint_angles, write_angles
from triangulate.skeleton import Skeleton

# Somebody who stands: z up, looking along x, the left side along y. Head and feet included.
STANDING = {
    "nose": (0.1, 0, 1.6), "left_ear": (0, 0.08, 1.6), "right_ear": (0, -0.08, 1.6),
    "left_shoulder": (0, 0.2, 1.4), "right_shoulder": (0, -0.2, 1.4),
    "left_elbow": (0, 0.2, 1.1), "right_elbow": (0, -0.2, 1.1),
    "left_wrist": (0, 0.2, 0.85), "right_wrist": (0, -0.2, 0.85),
    "left_hip": (0, 0.1, 0.9), "right_hip": (0, -0.1, 0.9),
    "left_knee": (0, 0.1, 0.5), "right_knee": (0, -0.1, 0.5),
    "left_ankle": (0, 0.1, 0.1), "right_ankle": (0, -0.1, 0.1),
    "left_heel": (-0.05, 0.1, 0.02), "right_heel": (-0.05, -0.1, 0.02),
    "left_big_toe": (0.18, 0.1, 0.02), "right_big_toe": (0.18, -0.1, 0.02),
}  # fmt: skip
BEHIND = {
    "hip": ("knee", "ankle", "heel", "big_toe"),
    "knee": ("ankle", "heel", "big_toe"),
    "ankle": ("heel", "big_toe"),
    "shoulder": ("elbow", "wrist"),
    "elbow": ("wrist",),
}
SKELETON = Skeleton.from_edges(list(STANDING), [["left_hip", "left_knee"]])
SIDES = {"left": 1, "right": -1}


def bent(joint: str, rotation: Rotation, at: dict[str, Any] | None = None) -> dict[str, Any]:
    """The pose with everything behind a joint turned about it."""
    at = dict(at or STANDING)
    side, _, name = joint.partition("_")
    for other in BEHIND[name]:
        away = np.subtract(at[f"{side}_{other}"], at[joint])
        at[f"{side}_{other}"] = at[joint] + rotation.apply(away)
    return at


def angles_of(made_poses: Any, at: dict[str, Any], **options: Any) -> dict[str, float]:
    positions = np.array([at[name] for name in SKELETON.joint_names])[None, None]
    poses = made_poses(SKELETON, positions_m=positions, with_gaps=False, **options)
    return {name: float(value[0, 0]) for name, value in joint_angles(poses).items()}


def about(axis: str, degrees: float) -> Rotation:
    return Rotation.from_euler(axis, degrees, degrees=True)


def test_standing_is_zero(made_poses: Any) -> None:
    found = angles_of(made_poses, STANDING)
    assert len(found) == 21
    np.testing.assert_allclose(list(found.values()), 0, atol=1e-5)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("joint", "rotation", "expected"),
    [
        ("knee", about("y", 60), {"knee_flexion": 60}),
        ("elbow", about("y", -100), {"elbow_flexion": 100}),
        ("ankle", about("y", -12), {"ankle_dorsiflexion": 12}),
        ("ankle", about("y", 25), {"ankle_dorsiflexion": -25}),
        ("hip", about("y", -35), {"hip_flexion": 35}),
        ("hip", about("y", 10), {"hip_flexion": -10}),
        ("hip", about("x", 20), {"hip_abduction": 20}),
        ("shoulder", about("y", -120), {"shoulder_flexion": 120, "shoulder_elevation": 120}),
        ("shoulder", about("x", 70), {"shoulder_abduction": 70, "shoulder_elevation": 70}),
    ],
)
def test_one_joint_moves_one_angle(
    side: str, joint: str, rotation: Rotation, expected: dict[str, float], made_poses: Any
) -> None:
    """Rotations are those of the left side; the right one mirrors them."""
    x, y, z = rotation.as_rotvec()
    mirrored = Rotation.from_rotvec([x * SIDES[side], y, z * SIDES[side]])
    found = angles_of(made_poses, bent(f"{side}_{joint}", mirrored))
    for name, value in found.items():
        wanted = expected.get(name.removeprefix(f"{side}_"), 0) if side in name else 0
        assert value == pytest.approx(wanted, abs=1e-5), name


def test_flexion_and_abduction_are_turns_in_sequence(made_poses: Any) -> None:
    """Grood & Suntay: flexion about the pelvis's left, then abduction about the turned forward."""
    for flexion, abduction in [(40, 15), (-20, 30), (95, -10)]:
        turn = about("y", -flexion) * about("x", abduction)
        found = angles_of(made_poses, bent("left_hip", turn))
        assert found["left_hip_flexion"] == pytest.approx(flexion, abs=1e-5)
        assert found["left_hip_abduction"] == pytest.approx(abduction, abs=1e-5)


def test_the_trunk_leans_and_turns(made_poses: Any) -> None:
    upper = [
        n for n in STANDING if n.split("_")[-1] in ("nose", "ear", "shoulder", "elbow", "wrist")
    ]
    hips = np.array([0, 0, 0.9])
    for rotation, expected in [
        (about("y", 30), {"trunk_flexion": 30}),
        (about("x", -10), {"trunk_bend": 10}),
        (about("z", 25), {"trunk_rotation": 25}),
    ]:
        at = dict(STANDING)
        at |= {name: hips + rotation.apply(np.subtract(at[name], hips)) for name in upper}
        found = angles_of(made_poses, at)
        for name in ("trunk_flexion", "trunk_bend", "trunk_rotation", "neck_flexion", "neck_bend"):
            assert found[name] == pytest.approx(expected.get(name, 0), abs=1e-5), name


def test_the_neck_bends(made_poses: Any) -> None:
    ears = np.array([0, 0, 1.4])
    for rotation, expected in [(about("y", 20), (20, 0)), (about("x", -15), (0, 15))]:
        at = dict(STANDING)
        for name in ("left_ear", "right_ear"):
            at[name] = ears + rotation.apply(np.subtract(at[name], ears))
        found = angles_of(made_poses, at)
        assert (found["neck_flexion"], found["neck_bend"]) == pytest.approx(expected, abs=1e-5)


def test_where_somebody_stands_and_looks_does_not_matter(made_poses: Any) -> None:
    at = bent("left_knee", about("y", 50), bent("left_hip", about("y", -30)))
    before = angles_of(made_poses, at)
    turn = about("z", 130)
    moved = {name: np.add(turn.apply(place), [3, -2, 0.1]) for name, place in at.items()}
    assert angles_of(made_poses, moved) == pytest.approx(before, abs=1e-5)
    lying = {name: about("x", 90).apply(place) for name, place in at.items()}  # -y is up now
    assert angles_of(made_poses, lying, up_axis="-y") == pytest.approx(before, abs=1e-5)


def test_a_limb_that_points_aside_has_no_flexion(made_poses: Any) -> None:
    found = angles_of(made_poses, bent("left_shoulder", about("x", 85)))
    assert np.isnan(found["left_shoulder_flexion"])
    assert found["left_shoulder_abduction"] == pytest.approx(85)


def test_the_file_has_a_row_a_frame_and_person(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses("halpe26", 30, 2)
    assert write_angles(poses, tmp_path / "a.csv") == ()
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert [row["person"] for row in rows[:4]] == ["0", "1", "0", "1"]
    assert (rows[2]["frame"], rows[2]["time_s"]) == ("11", "0.220000")
    truth = joint_angles(made_poses("halpe26", 30, 2, with_gaps=False))
    knees = np.array([float(row["left_knee_flexion_deg"] or "nan") for row in rows])
    joints = [poses.skeleton.index(f"left_{joint}") for joint in ("hip", "knee", "ankle")]
    known = np.isfinite(poses.positions_m[:, :, joints, 0]).all(-1).ravel()
    np.testing.assert_array_equal(np.isfinite(knees), known)
    np.testing.assert_allclose(knees[known], truth["left_knee_flexion"].ravel()[known], atol=6e-5)
    assert 40 < np.nanmax(knees) < 80 and 0 < np.nanmin(knees) < 30  # a walker's


def test_what_cannot_be_told_is_said(made_poses: Any, tmp_path: Path) -> None:
    notes = write_angles(made_poses("coco17", up_axis=None, fps=None), tmp_path / "a.csv")
    assert notes == (
        "angles: the skeleton has not the joints for left_ankle_dorsiflexion, "
        "right_ankle_dorsiflexion",
        "angles: the rig does not say which way is up, so there is no lean of the trunk",
    )
    head, first = (tmp_path / "a.csv").read_text().splitlines()[:2]
    assert "ankle" not in head and "trunk_bend" not in head and "trunk_rotation_deg" in head
    assert first.startswith("10,,0,")
    mouse = made_poses(
        Skeleton.from_edges(["snout", "tail"], []),
        positions_m=np.zeros((2, 1, 2, 3)),
        with_gaps=False,
    )
    with pytest.raises(InputError, match=r"none can be told from the joints snout, tail"):
        write_angles(mouse, tmp_path / "b.csv")
    assert not (tmp_path / "b.csv").exists()
