from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib.essential_start import start_from_joints
from calib.joints import Joints
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.synthetic import observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


def seen_by(rig: Rig, seed: int, frames: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """What a detector with gaps, gross errors and swapped sides makes of a walk."""
    generator = seeded(seed)
    motion = walk(generator, frames)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, generator)
    return seen.points_px[:, :, 0], seen.confidence[:, :, 0]


@pytest.mark.parametrize(("count", "lens"), [(3, "radtan"), (5, "mixed")])
def test_cameras_are_placed_without_any_poses(count, lens, errors) -> None:
    rig = ring_rig(seeded(count), count, lens=lens)
    joints = Joints.of(*seen_by(rig, count), rig)
    camera = start_from_joints(joints, rig, seeded(0))
    centre, true = camera.centre_world, rig.cameras.centre_world
    scale = float((true[0] - true[1]).norm() / (centre[0] - centre[1]).norm())
    pose = camera.cam_from_world
    metric = replace(camera, cam_from_world=replace(pose, translation=scale * pose.translation))
    centre_m, turned_deg = errors(replace(rig, cameras=metric), rig)
    assert centre_m < 0.15
    assert turned_deg < 2


def test_the_same_seed_gives_the_same_start() -> None:
    rig = ring_rig(seeded(1), 3)
    joints = Joints.of(*seen_by(rig, 1), rig)
    one, other = (start_from_joints(joints, rig, seeded(4)) for _ in range(2))
    assert one.cam_from_world.translation.equal(other.cam_from_world.translation)


def test_cameras_that_saw_the_person_at_another_time_are_named() -> None:
    """Two pairs of cameras, each of which saw one half of the recording."""
    rig = ring_rig(seeded(2), 4)
    points_px, confidence = seen_by(rig, 2)
    points_px[:50, 2:], points_px[50:, :2] = np.nan, np.nan
    joints = Joints.of(points_px, confidence, rig)
    with pytest.raises(InputError, match="cannot be joined to") as caught:
        start_from_joints(joints, rig, seeded(0))
    assert "\n" not in str(caught.value)
    told = str(caught.value)
    assert ("'cam3', 'cam4' cannot" in told) or ("'cam1', 'cam2' cannot" in told)
