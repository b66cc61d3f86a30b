from __future__ import annotations

import pytest
import torch

from calib.joints import Joints
from calib.tracks import Belief, with_tracks
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded

NOISE = DetectorNoise(sigma_px=(1.0, 1.0), missing=0.0, gross=0.0, swapped=0.0)


@pytest.fixture(scope="module")
def scene():
    """A rig, the joints as seen with even noise, and where they truly are, (T * J, 3)."""
    rig = ring_rig(seeded(4), 4)
    motion = walk(seeded(5), 80)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, seeded(6), NOISE)
    joints = Joints.of(seen.points_px[:, :, 0], seen.confidence[:, :, 0], rig)
    return rig, joints, torch.from_numpy(motion.positions_m).reshape(-1, 3)


def weighed(rig, joints: Joints, points) -> Belief:
    valid = torch.ones(len(points), dtype=torch.bool)
    belief = Belief.learned(joints, rig.cameras)
    for _ in range(3):
        belief = with_tracks(joints, rig.cameras, points, valid, belief)
    return belief


def test_tracks_that_only_scatter_count_alike(scene) -> None:
    belief = weighed(*scene)
    assert belief.track.shape == (4, 17)
    assert float(belief.track.min()) > 0.3
    assert float(belief.track.max()) < 2.5


def test_a_joint_that_a_camera_puts_elsewhere_is_not_believed(scene) -> None:
    rig, joints, points = scene
    shifted = joints.points_px.clone()
    shifted[2, :, 9] += torch.tensor([8.0, -5.0])
    off = weighed(rig, Joints(shifted, joints.confidence), points)
    others = torch.ones(4, 17, dtype=torch.bool)
    others[2, 9] = False
    assert float(off.track[2, 9]) < 0.1 * float(off.track[others].median())
    assert float(off.track_slope[2, 9]) < -0.8
    sigma_px, _ = off.at(joints)
    at_joint = sigma_px.unflatten(1, (80, 17))
    assert float(at_joint[2, :, 9].min()) > 3 * float(
        at_joint[others.unsqueeze(1).expand(4, 80, 17)].median()
    )


def test_hidden_joints_keep_their_weight(scene) -> None:
    rig, joints, points = scene
    confidence = joints.confidence.clone()
    confidence[1, :, 3] = 0
    belief = weighed(rig, Joints(joints.points_px, confidence), points)
    assert bool(torch.isfinite(belief.track).all())
    assert float(belief.track[1, 3]) == 1
