from __future__ import annotations

import numpy as np
import pytest
import torch

from calib.camera_motion import world_motions
from calib.joint_bundle import fit_cameras
from calib.joint_uncertainty import known_from
from calib.joints import Joints
from calib.scale import Baseline, Limb, scale_factor, scale_row, scaled
from triangulate.errors import InputError
from triangulate.synthetic import DetectorNoise, moved_camera, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


@pytest.fixture(scope="module")
def scene():
    """A rig, the fit to perfect detections, what it knows, and the motion."""
    rig = ring_rig(seeded(5), 4)
    motion = walk(seeded(6), 30)
    seen, _ = observe(motion.positions_m, rig, motion.skeleton, seeded(7), DetectorNoise.none())
    joints = Joints.of(seen.points_px[:, :, 0], seen.confidence[:, :, 0], rig)
    fit = fit_cameras(joints, rig.cameras)
    return rig, fit, known_from(fit, joints.num_joints), motion


def names_of(motion) -> tuple[str, ...]:
    return motion.skeleton.joint_names


def test_a_baseline_stretches_to_its_length(scene) -> None:
    rig, fit, known, motion = scene
    centre = fit.camera.centre_world
    length = float((centre[0] - centre[2]).norm())
    found = scaled(fit, known, Baseline("cam1", "cam3", 2 * length), rig, names_of(motion))
    assert found.factor == pytest.approx(2.0)
    assert "cam1 and cam3" in found.text
    growth = world_motions(fit.camera.cam_from_world)[:, 6]
    assert float(found.row @ growth) == pytest.approx(1.0)  # one part a part


def test_a_limb_goes_by_name_or_number(scene) -> None:
    rig, fit, known, motion = scene
    names = names_of(motion)
    a, b = names.index("left_hip"), names.index("left_knee")
    apart = motion.positions_m[:, a] - motion.positions_m[:, b]
    length = float(np.median(np.linalg.norm(apart, axis=-1)))
    by_name = scaled(fit, known, Limb("left_hip", "left_knee", 3 * length), rig, names)
    by_number = scaled(fit, known, Limb(a, b, 3 * length), rig, names)
    otherwise = scaled(fit, known, Limb("LHip", "knee_l", 3 * length), rig, names)
    assert by_name.factor == by_number.factor == otherwise.factor == pytest.approx(3.0, rel=1e-3)
    growth = world_motions(fit.camera.cam_from_world)[:, 6]
    assert float(by_name.row @ growth) == pytest.approx(1.0, abs=1e-3)


def test_the_rigs_own_scale_does_not_heed_one_moved_camera(scene) -> None:
    rig, fit, known, motion = scene
    assert scaled(fit, known, "rig", rig, names_of(motion)).factor == pytest.approx(1, abs=1e-4)
    centre = 0.5 * rig.cameras.centre_world
    assert scale_factor(centre, rig.cameras.centre_world) == pytest.approx(2.0)
    five = ring_rig(seeded(1), 6)
    knocked = moved_camera(five, "cam1", (0.0, 0.0, 2.0)).cameras.centre_world
    assert scale_factor(five.cameras.centre_world, knocked) == pytest.approx(1, abs=1e-9)


def test_the_row_is_the_growth_of_the_rig(scene) -> None:
    rig, *_ = scene
    free = world_motions(rig.cameras.cam_from_world)
    seen = scale_row(rig.cameras.centre_world) @ free
    expected = torch.zeros(7, dtype=torch.float64)
    expected[6] = 1
    torch.testing.assert_close(seen, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (lambda: Baseline("cam1", "cam9", 1.0), "no camera 'cam9' in the rig; it has cam1"),
        (lambda: Limb("left_hip", "tail", 0.4), "no joint 'tail'; there are"),
        (lambda: Limb(0, 99, 0.4), "no joint 99; there are 17"),
        (lambda: 2.5, "must be 'rig', a Baseline or a Limb"),
        (lambda: Baseline("cam1", "cam2", 0.0), "cannot be"),
        (lambda: Limb("left_hip", "left_knee", 1e6), "cannot be"),
        (lambda: Limb(3, 3, 0.4), "takes two joints"),
    ],
)
def test_what_is_no_scale_is_refused_in_one_line(scene, scale, said) -> None:
    rig, fit, known, motion = scene
    with pytest.raises(InputError) as caught:
        scaled(fit, known, scale(), rig, names_of(motion))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
