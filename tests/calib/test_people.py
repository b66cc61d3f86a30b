from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import calib
import triangulate
from calib.people import agreed_person, as_images, selfcalibrate_people, surest_person
from calib.scale import Baseline, Limb
from triangulate.errors import InputError
from triangulate.keypoint_formats import load_keypoints_from
from triangulate.keypoints import Keypoints2D
from triangulate.rig import Rig
from triangulate.synthetic import DetectorNoise, moved_camera, observe, ring_rig, walk
from triangulate.synthetic.draws import seeded


def seen_of(rig: Rig, seed: int, people: int = 1, frames: int = 100) -> Keypoints2D:
    generator = seeded(seed)
    motions = [walk(generator, frames) for _ in range(people)]
    positions_m = np.stack([motion.positions_m for motion in motions], axis=1)
    noise = DetectorNoise(swapped=0.0)
    seen, _ = observe(positions_m, rig, motions[0].skeleton, generator, noise, fps=50.0)
    return seen


def baseline(rig: Rig) -> Baseline:
    centre = rig.cameras.centre_world
    return Baseline("cam1", "cam2", float((centre[0] - centre[1]).norm()))


@pytest.fixture(scope="module")
def rig() -> Rig:
    return ring_rig(seeded(11), 4)


def test_videos_that_were_resized_since_give_the_calibrations_own_lenses(rig, errors) -> None:
    half = replace(
        rig, cameras=rig.cameras.resized(0.5), sizes=tuple((640, 360) for _ in rig.names)
    )
    seen = seen_of(half, 1)
    to_half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1.0]])
    fitted = replace(seen, image_from_rig=np.tile(to_half, (4, 1, 1)))
    off = moved_camera(rig, "cam3", (0.1, 0.0, 0.1), (2.0, 0.0, 1.0))
    for keypoints, option in ((fitted, "crop"), (seen, "scale")):
        found = selfcalibrate_people(
            keypoints, off, scale=baseline(rig), start="rig", on_size_mismatch=option
        )
        assert errors(found.rig, rig)[0] < 0.02
        assert found.rig.cameras.K.equal(rig.cameras.K)
        assert found.rig.sizes == rig.sizes
        assert found.shift_m[2] > 0.08
    with pytest.raises(InputError, match="--on-size-mismatch scale"):
        selfcalibrate_people(seen, off)


def test_one_of_two_people_is_followed(rig, errors) -> None:
    seen = seen_of(rig, 3, people=2)
    surest = surest_person(seen)
    assert surest.num_people == 1
    slot = seen.confidence.sum(-1).argmax(-1)
    assert 0.2 < slot.mean() < 0.8  # views and frames do not agree who that is
    found = selfcalibrate_people(seen, rig, scale=baseline(rig))
    assert errors(found.rig, rig)[0] < 0.03


def test_a_limb_goes_by_the_skeletons_names(rig) -> None:
    seen = seen_of(rig, 4, frames=60)
    found = selfcalibrate_people(seen, rig, scale=Limb("left_hip", "left_knee", 1.0), start="rig")
    grown = found.rig.cameras.centre_world
    apart = float((grown[0] - grown[1]).norm()) / baseline(rig).length_m
    assert 2.1 < apart < 2.6  # a thigh of 0.43 m was said to be 1 m
    with pytest.raises(InputError, match="no joint 'tail'"):
        selfcalibrate_people(seen, rig, scale=Limb("left_hip", "tail", 1.0), start="rig")


def test_a_camera_that_moved_keeps_its_person(rig) -> None:
    """The views do not agree on anybody there, and that is what is looked for."""
    seen = seen_of(rig, 5, people=2, frames=40)
    off = moved_camera(rig, "cam2", (0.3, 0.0, 0.0), (0.0, 12.0, 0.0))
    person = agreed_person(seen, off)
    there = (seen.confidence > 0).any((-2, -1))
    np.testing.assert_array_equal((person.confidence > 0).any((-2, -1)), there)


def test_nobody_is_nobody(rig) -> None:
    seen = seen_of(rig, 6, frames=10)
    nobody = replace(seen, points_px=np.full_like(seen.points_px, np.nan))
    with pytest.raises(InputError, match="nobody was found in any view"):
        as_images(rig, nobody)


def test_check_takes_what_a_detector_wrote(rig) -> None:
    now = moved_camera(rig, "cam4", (0.06, 0.0, 0.0), (0.0, 1.5, 0.0))
    drift = calib.check(rig, seen_of(now, 7))
    assert drift.moved_names == ("cam4",)
    assert abs(drift.shift_m[3] - 0.06) < 4 * drift.shift_sigma_m[3]
    assert abs(drift.turn_deg[3] - 1.5) < 4 * drift.turn_sigma_deg[3]
    assert calib.check(rig, seen_of(rig, 8)).verdict == "no camera moved"
    some = seen_of(rig, 8).select_cameras(["cam1", "cam2", "cam4"])
    part = calib.check(rig, some)
    np.testing.assert_array_equal(part.checked, [True, True, False, True])
    assert any("cam3" in note for note in part.notes)
    with pytest.raises(InputError, match="the rig has no camera 'cam4'"):
        calib.check(rig.select(["cam1", "cam2", "cam3"]), seen_of(rig, 8))


# --- A real person --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def balancing(shared) -> tuple[Rig, Keypoints2D]:
    """A marker system's calibration, and OpenPose's keypoints; two views see a bystander."""
    folder = shared / "pose2sim_balancing"
    rig = triangulate.load_rig(folder / "calibration" / "Calib.qca.txt")
    return rig, load_keypoints_from(folder / "pose_openpose_body25b", rig.names)


@pytest.mark.slow
def test_essential_matrices_alone_find_a_real_rig(balancing, errors) -> None:
    rig, seen = balancing
    centre = rig.cameras.centre_world
    scale = Baseline("cam01", "cam02", float((centre[0] - centre[1]).norm()))
    found = selfcalibrate_people(seen, rig, scale=scale, start="essential")
    assert found.start == "essential"
    centre_m, turned_deg = errors(found.rig, rig)
    assert centre_m <= 0.04
    assert turned_deg <= 0.8
    # It says so itself, without knowing the truth.
    assert 0.02 < float(np.sqrt(np.mean(found.sigma_shift_m**2))) < 0.1
    assert 0.3 < float(np.sqrt(np.mean(found.sigma_turn_deg**2))) < 1.5


@pytest.mark.slow
def test_a_real_camera_that_stands_elsewhere_is_named(balancing) -> None:
    rig, seen = balancing
    assert calib.check(rig, seen).verdict == "no camera moved"
    off = moved_camera(rig, "cam03", (0.1, 0.0, 0.0), (0.0, 3.0, 0.0))
    assert calib.check(off, seen).moved_names == ("cam03",)
