from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import calib
from calib.scale import Baseline, Limb
from calib.selfcalibration import selfcalibrate
from triangulate.errors import InputError
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


@pytest.fixture(scope="module")
def walked():
    """A rig, and what a detector saw of a walking person."""
    generator = seeded(3)
    rig = ring_rig(generator, 4)
    motion = walk(generator)
    seen, _ = observe(
        motion.positions_m[:150], rig, motion.skeleton, generator, DetectorNoise(swapped=0.0)
    )
    return rig, motion, seen.points_px[:, :, 0], seen.confidence[:, :, 0]


def baseline(rig: Rig) -> Baseline:
    centre = rig.cameras.centre_world
    return Baseline(rig.names[0], rig.names[1], float((centre[0] - centre[1]).norm()))


def disturbed(rig: Rig, seed: int = 0) -> Rig:
    """Every camera 10 cm and 3 degrees off."""
    random = np.random.default_rng(seed)
    arrays = rig.to_arrays()
    off = random.normal(size=(2, len(rig), 3))
    off /= np.linalg.norm(off, axis=-1, keepdims=True)
    arrays["rotation"] = (
        Rotation.from_rotvec(np.deg2rad(3) * off[0]).as_matrix() @ arrays["rotation"]
    )
    centre = rig.cameras.centre_world.numpy() + 0.1 * off[1]
    arrays["translation_m"] = -(arrays["rotation"] @ centre[..., None])[..., 0]
    return Rig.from_arrays(**arrays)


def test_a_disturbed_rig_comes_back(walked, errors) -> None:
    rig, _, points_px, confidence = walked
    found = calib.selfcal(points_px, confidence, disturbed(rig), scale=baseline(rig))
    centre_m, turned_deg = errors(found, rig)
    assert centre_m < 0.02
    assert turned_deg < 0.3
    assert any("self-calibrated" in note for note in found.notes)


def test_without_any_poses_essential_matrices_start(walked, errors) -> None:
    rig, motion, points_px, confidence = walked
    arrays = rig.to_arrays()
    arrays["rotation"][:], arrays["translation_m"][:] = np.eye(3), 0.0
    lenses = Rig.from_arrays(**arrays)
    found = selfcalibrate(points_px, confidence, lenses, scale=baseline(rig))
    assert found.start == "essential"
    assert errors(found.rig, rig)[0] < 0.03
    names = motion.skeleton.joint_names
    a, b = names.index("left_hip"), names.index("left_knee")
    thigh_m = float(
        np.linalg.norm(motion.positions_m[:, a] - motion.positions_m[:, b], axis=-1).mean()
    )
    limb = Limb("left_hip", "left_knee", thigh_m)
    found = selfcalibrate(points_px, confidence, lenses, scale=limb, joint_names=names)
    assert errors(found.rig, rig)[0] < 0.1


def test_what_cannot_be_is_refused(walked) -> None:
    rig, _, points_px, confidence = walked
    with pytest.raises(InputError):
        calib.selfcal(points_px[:, :3], confidence[:, :3], rig)
    with pytest.raises(InputError):
        calib.selfcal(points_px, confidence, rig, scale=Baseline("cam1", "left", 2.0))
    with pytest.raises(InputError, match="takes two cameras"):
        Baseline("cam1", "cam1", 2.0)
    nothing = np.full_like(points_px, np.nan)
    with pytest.raises(InputError) as caught:
        calib.selfcal(nothing, confidence, rig)
    assert "\n" not in str(caught.value)
