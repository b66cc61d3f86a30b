"""BVH, read by a parser and moved by forward kinematics that know nothing of the writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from triangulate.errors import InputError
from triangulate.export.bvh import write_bvh
from triangulate.export.options import ExportOptions, LengthUnit, Up
from triangulate.skeleton import Skeleton
from triangulate.synthetic import walk
from triangulate.synthetic.draws import seeded, uniform

PER_M = {"m": 1, "cm": 100, "mm": 1000}


@dataclass
class Joint:
    name: str
    offset: np.ndarray
    channels: list[str]
    children: list[Joint] = field(default_factory=list)


@dataclass
class Bvh:
    root: Joint
    frame_s: float
    values: np.ndarray  # (T, channels)

    def positions(self) -> dict[str, np.ndarray]:
        """Joint -> (T, 3), by multiplying one matrix after the other, as the format defines it."""
        found: dict[str, np.ndarray] = {}
        columns = iter(self.values.T)

        def place(joint: Joint, parent: np.ndarray) -> None:
            world = parent @ moved(joint.offset[None])
            for channel in joint.channels:
                value = next(columns)
                axis = "XYZ".index(channel[0])
                if channel.endswith("position"):
                    world = world @ moved(value[:, None] * np.eye(3)[axis])
                else:
                    world = world @ turned(axis, np.radians(value))
            found[joint.name] = world[:, :3, 3]
            for child in joint.children:
                place(child, world)

        place(self.root, np.broadcast_to(np.eye(4), (len(self.values), 4, 4)))
        assert next(columns, None) is None
        return found


def moved(offset: np.ndarray) -> np.ndarray:
    matrix = np.tile(np.eye(4), (len(offset), 1, 1))
    matrix[:, :3, 3] = offset
    return matrix


def turned(axis: int, angle: np.ndarray) -> np.ndarray:
    matrix = np.tile(np.eye(4), (len(angle), 1, 1))
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, a, a] = matrix[:, b, b] = np.cos(angle)
    matrix[:, b, a] = np.sin(angle)
    matrix[:, a, b] = -np.sin(angle)
    return matrix


def read_bvh(path: Path) -> Bvh:
    """A strict reader."""
    lines = path.read_text("ascii").split("\n")
    assert lines.pop(0) == "HIERARCHY" and lines.pop() == ""

    def joint(kind: str) -> Joint:
        word, name = lines.pop(0).split()
        assert word == kind
        assert lines.pop(0).strip() == "{"
        offset = numbers("OFFSET", lines.pop(0))
        word, count, *channels = lines.pop(0).split()
        assert word == "CHANNELS" and int(count) == len(channels)
        read = Joint(name, offset, channels)
        while lines[0].strip() != "}":
            if lines[0].split() == ["End", "Site"]:
                del lines[0]
                assert lines.pop(0).strip() == "{"
                numbers("OFFSET", lines.pop(0))
                assert lines.pop(0).strip() == "}"
            else:
                read.children.append(joint("JOINT"))
        del lines[0]
        return read

    root = joint("ROOT")
    assert lines.pop(0) == "MOTION"
    [count] = numbers("Frames:", lines.pop(0))
    [frame_s] = numbers("Frame Time:", lines.pop(0))
    values = np.array([[float(word) for word in line.split()] for line in lines])
    assert len(values) == count and np.isfinite(values).all()
    return Bvh(root, frame_s, values)


def numbers(label: str, line: str) -> np.ndarray:
    assert line.strip().startswith(label)
    return np.array([float(word) for word in line.strip().removeprefix(label).split()])


def rigid_motion(skeleton: Skeleton, num_frames: int = 30) -> np.ndarray:
    """(T, 1, J, 3): a walker's first pose whose bones stay rigid and turn about every joint.

    All bones that leave one joint turn together, so that one rotation a joint tells it all.
    """
    start = walk(seeded(3), 1, skeleton=skeleton).positions_m[0]
    root = skeleton.index("pelvis" if "pelvis" in skeleton.joint_names else "mid_hip")
    generator = seeded(4)
    phase = np.linspace(0, 4, num_frames)
    placed = {root: np.stack([np.cos(phase), np.sin(phase), 1 + 0.1 * phase], axis=-1)}
    turns = {root: np.tile(np.eye(3), (num_frames, 1, 1))}
    waiting = [root]
    while waiting:
        joint = waiting.pop(0)
        axis, speed = uniform(generator, -1, 1, (3,)), 1.5 if joint == root else 0.5
        turns[joint] = turns[joint] @ spun(axis, speed * np.sin(phase + float(axis[0])))
        for a, b in skeleton.edges:
            for near, far in ((a, b), (b, a)):
                if near == joint and far not in placed:
                    placed[far] = placed[joint] + turns[joint] @ (start[far] - start[joint])
                    turns[far] = turns[joint]
                    waiting.append(far)
    return np.stack([placed[j] for j in range(len(skeleton.joint_names))], axis=1)[:, None]


def spun(axis: Any, angle: np.ndarray) -> np.ndarray:
    cross = torch.linalg.cross(
        torch.as_tensor(axis / np.linalg.norm(axis))[None], torch.eye(3).double()
    )
    return torch.linalg.matrix_exp(torch.as_tensor(angle)[:, None, None] * cross.mT).numpy()


def distance_m(poses: Any, path: Path, unit: str = "cm", columns: Any = (1, 2, 0)) -> np.ndarray:
    """(T, J) between the file's joints and the poses', whose axes are taken by `columns`."""
    positions = read_bvh(path).positions()
    read = np.stack([positions[name] for name in poses.skeleton.joint_names], axis=1) / PER_M[unit]
    return np.linalg.norm(read - poses.positions_m[:, 0][..., list(columns)], axis=-1)


@pytest.mark.parametrize("name", ["h36m17", "body25"])
def test_rigid_bones_are_met_to_a_hundredth_of_a_millimetre(
    name: str, made_poses: Any, tmp_path: Path
) -> None:
    skeleton = Skeleton.named(name)
    poses = made_poses(skeleton, positions_m=rigid_motion(skeleton), with_gaps=False)
    notes = write_bvh(poses, tmp_path / "a.bvh")
    assert notes == (
        "bvh: the file cannot tell that it is in cm, up: +Y",
        "bvh: bones of one length put its joints 0.0 mm (median, 95 %: 0.0 mm) from the measured "
        "ones",
    )
    assert distance_m(poses, tmp_path / "a.bvh").max() < 1e-5
    assert read_bvh(tmp_path / "a.bvh").frame_s == pytest.approx(1 / 50)


@pytest.mark.parametrize(
    ("options", "unit", "columns"),
    [
        (ExportOptions(LengthUnit.m, Up.z), "m", (0, 1, 2)),
        (ExportOptions(LengthUnit.mm, Up.as_is), "mm", (0, 1, 2)),
        (ExportOptions(up=Up.y), "cm", (1, 2, 0)),
    ],
)
def test_units_and_axes(
    options: ExportOptions, unit: str, columns: Any, made_poses: Any, tmp_path: Path
) -> None:
    skeleton = Skeleton.named("h36m17")
    poses = made_poses(skeleton, positions_m=rigid_motion(skeleton), with_gaps=False)
    notes = write_bvh(poses, tmp_path / "a.bvh", options)
    assert f"in {unit}, up: +{'Y' if options.up == 'y' else 'Z'}" in notes[0]
    assert distance_m(poses, tmp_path / "a.bvh", unit, columns).max() < 1e-5


def test_gaps_are_filled_and_told_and_disturb_nothing_else(made_poses: Any, tmp_path: Path) -> None:
    skeleton = Skeleton.named("h36m17")
    truth = rigid_motion(skeleton)
    poses = made_poses(skeleton, positions_m=truth)
    poses.positions_m[:3, 0, 5], poses.positions_m[20:24, 0] = np.nan, np.nan
    poses.positions_m[[3, 10, 25, 29]] = truth[[3, 10, 25, 29]]
    count = np.isnan(poses.positions_m[..., 0]).sum()
    notes = write_bvh(poses, tmp_path / "a.bvh")
    [note] = [note for note in notes if "interpolated" in note]
    assert f"{count} of 510 positions are missing" in note and "the longest gap over" in note
    apart = distance_m(poses, tmp_path / "a.bvh")
    assert apart[[3, 10, 25, 29]].max() < 1e-5
    assert np.nanmax(apart) < 0.3


@pytest.mark.parametrize("name", ["h36m17", "body25", "body25b", "coco17", "halpe26", "panoptic19"])
def test_a_walker_is_met_as_well_as_rigid_bones_can(
    name: str, made_poses: Any, tmp_path: Path
) -> None:
    """The made-up spine bends between pelvis and chest, where a joint has one rotation."""
    poses = made_poses(name, 60, with_gaps=False)
    write_bvh(poses, tmp_path / "a.bvh")
    apart = distance_m(poses, tmp_path / "a.bvh")
    assert np.median(apart) < 0.004 and apart.max() < 0.025
    positions = read_bvh(tmp_path / "a.bvh").positions()
    for side in ("left", "right"):
        joints = [f"{side}_{joint}" for joint in ("hip", "knee", "ankle")]
        ours = [poses.positions_m[:, 0, poses.skeleton.index(j)][:, [1, 2, 0]] for j in joints]
        for near, far, a, b in zip(joints[:-1], joints[1:], ours[:-1], ours[1:], strict=True):
            bone = positions[far] - positions[near]
            along = (bone * (b - a)).sum(-1) / np.linalg.norm(bone, axis=-1)
            np.testing.assert_allclose(along, np.linalg.norm(b - a, axis=-1), atol=1e-6)


def test_at_rest_a_person_stands_upright_with_arms_spread(made_poses: Any, tmp_path: Path) -> None:
    write_bvh(made_poses("h36m17", 60), tmp_path / "a.bvh")
    bvh = read_bvh(tmp_path / "a.bvh")
    bvh.values[:] = 0
    rest = {name: at[0] for name, at in bvh.positions().items()}
    assert rest["pelvis"].tolist() == [0, 0, 0]
    assert rest["head"][1] > rest["thorax"][1] > 40 and rest["left_ankle"][1] < -70
    assert rest["left_wrist"][0] > 60 and rest["right_wrist"][0] < -60
    assert rest["left_hip"][0] > 5 and rest["right_hip"][0] < -5
    width = rest["left_hip"] - rest["right_hip"]
    assert np.abs(width[1:]).max() < 0.05 * width[0]


def test_twists_are_those_of_the_parent_and_angles_go_on(made_poses: Any, tmp_path: Path) -> None:
    """A joint with one bone turns about an axis across it; no channel jumps while people turn."""
    poses = made_poses("h36m17", 250, with_gaps=False)
    write_bvh(poses, tmp_path / "a.bvh")
    bvh = read_bvh(tmp_path / "a.bvh")
    assert np.abs(np.diff(bvh.values[:, 3:], axis=0)).max() < 30
    at, joints = 6, list(bvh.root.children)
    checked = 0
    while joints:
        joint = joints.pop(0)
        angles = np.radians(bvh.values[:, at : at + 3].T)
        at, joints = at + 3, joint.children + joints
        local = (turned(2, angles[0]) @ turned(0, angles[1]) @ turned(1, angles[2]))[:, :3, :3]
        if len(joint.children) == 1:
            axis = np.stack([local[:, 2, 1] - local[:, 1, 2], local[:, 0, 2] - local[:, 2, 0],
                             local[:, 1, 0] - local[:, 0, 1]], axis=-1)  # fmt: skip
            offset = joint.children[0].offset
            assert np.abs(axis @ offset).max() < 1e-4 * np.linalg.norm(offset)
            checked += 1
    assert checked == 10


def test_what_is_not_known_is_said(made_poses: Any, tmp_path: Path) -> None:
    poses = made_poses(up_axis=None, fps=None)
    notes = " ".join(write_bvh(poses, tmp_path / "a.bvh"))
    assert "which way is up" in notes and "frame rate is not known" in notes
    assert read_bvh(tmp_path / "a.bvh").frame_s == 1


def test_what_does_not_go(made_poses: Any, tmp_path: Path) -> None:
    boneless = Skeleton(Skeleton.named("h36m17").joint_names)
    with pytest.raises(InputError, match="no bones"):
        write_bvh(made_poses(boneless), tmp_path / "a.bvh")
    poses = made_poses()
    poses.positions_m[:, :, poses.skeleton.index("left_knee")] = np.nan
    with pytest.raises(InputError, match=r"left_knee has no position .* the way to left_ankle"):
        write_bvh(poses, tmp_path / "a.bvh")
    with pytest.raises(InputError, match="no frames"):
        write_bvh(made_poses(positions_m=np.zeros((0, 1, 17, 3))), tmp_path / "a.bvh")
    assert not list(tmp_path.iterdir())
