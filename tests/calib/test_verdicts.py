from __future__ import annotations

from dataclasses import replace

import numpy as np

import calib
from calib.assessment import Remedy
from calib.solution import Finding
from triangulate.pages.verdicts import CARE, GOOD, REFUSED, in_mm


def test_a_faultless_rig_is_good_and_says_by_how_much_it_may_be_off(faultless):
    found = calib.verdict(faultless.solution, faultless.trust)
    assert found.level == GOOD
    assert in_mm(faultless.trust.quantile_m(0.5)) in found.headline
    assert in_mm(faultless.trust.quantile_m(0.95)) in found.headline
    text = " ".join(found.sentences)
    assert "the figures can be believed" in text
    assert "16 frames that it was not fitted to" in text
    assert "ruler" in found.advice[-1]


def test_a_camera_that_moved_is_named(bumped):
    found = calib.verdict(bumped.solution, bumped.trust)
    assert found.level == REFUSED
    assert found.reasons[0].text.startswith("Camera 'cam2' looks ")
    assert "the synchronisation or the board is not what it is taken for" in found.reasons[1].text
    assert found.advice[0].startswith("Fasten 'cam2' ")


def test_a_late_camera_is_not_taken_for_one_that_moved(bumped):
    clock = Finding("clock", "camera 'cam1' is late", "cam1")
    found = calib.verdict(replace(bumped.solution, findings=(clock,)), bumped.trust)
    assert not any("moved" in text for text in found.sentences)


def test_the_size_of_the_error_decides(faultless):
    extent = np.linalg.norm(faultless.trust.volume.extent_m)
    count = len(faultless.trust.predicted_m)
    for part, level in ((0.002, GOOD), (0.005, CARE), (0.02, REFUSED)):
        trust = replace(faultless.trust, predicted_m=np.full(count, part * extent))
        assert calib.verdict(faultless.solution, trust).level == level


def test_ratios_decide(faultless):
    def with_noise(times: float):
        splits = tuple(
            replace(split, noise_m=split.noise_m / times, predicted_m=split.predicted_m / times)
            for split in faultless.trust.splits
        )
        return replace(faultless.trust, splits=splits)

    ratio = faultless.trust.ratio
    assert calib.verdict(faultless.solution, with_noise(1.4 / ratio)).level == GOOD
    doubted = calib.verdict(faultless.solution, with_noise(2.5 / ratio))
    assert doubted.level == CARE
    assert "2.5 times what noise explains" in doubted.reasons[0].text
    assert "raised by 2.5" in doubted.reasons[0].text
    assert calib.verdict(faultless.solution, with_noise(7 / ratio)).level == REFUSED


def test_held_out_frames_and_the_measured_board_decide(faultless):
    held_out = faultless.trust.held_out
    worse = replace(held_out, held_out_px=1.5 * held_out.fit_px)
    found = calib.verdict(faultless.solution, replace(faultless.trust, held_out=worse))
    assert found.level == CARE
    assert "fits its own frames better than others" in found.reasons[0].text
    bent = replace(held_out, shape_m=held_out.shape_m + 0.004)
    found = calib.verdict(faultless.solution, replace(faultless.trust, held_out=bent))
    assert found.level == CARE
    assert "departs by up to " in found.reasons[0].text


def test_findings_are_told_with_what_they_do(faultless):
    count = len(faultless.trust.predicted_m)
    weak = Finding("weak_link", "camera 'cam1' shares few frames: film more")
    solution = replace(faultless.solution, findings=(weak,))
    found = calib.verdict(solution, faultless.trust)
    assert found.level == CARE
    assert found.reasons[0].text == "Camera 'cam1' shares few frames: film more."

    bow = Finding("bow", "the board is bent")
    solution = replace(faultless.solution, findings=(bow,))
    for moved_m, level in ((1e-6, GOOD), (1e-3, CARE)):
        remedy = Remedy("bow", np.full(count, moved_m), np.zeros(5))
        found = calib.verdict(solution, replace(faultless.trust, remedies=(remedy,)))
        assert found.level == level
        assert any(f"That moves points by {in_mm(moved_m)}" in text for text in found.sentences)


def test_a_late_camera_matters_for_what_moves(faultless):
    count = len(faultless.trust.predicted_m)
    clock = Finding("clock", "camera 'cam2' is late", "cam2")
    solution = replace(faultless.solution, findings=(clock,))
    for late_s, level in ((0.004, CARE), (0.033, REFUSED)):
        remedy = Remedy("clock", np.zeros(count), np.array([0, late_s, 0, 0, 0]))
        found = calib.verdict(solution, replace(faultless.trust, remedies=(remedy,)))
        assert found.level == level
        assert f"1 m/s is seen up to {in_mm(late_s)} elsewhere" in found.reasons[0].text


def test_what_could_not_be_checked_is_said(faultless):
    trust = replace(faultless.trust, splits=(), notes=("the recording is too short",))
    found = calib.verdict(faultless.solution, trust)
    assert found.level == CARE
    assert "Not checked: the recording is too short." in found.sentences


def test_places_that_one_camera_sees_are_told(faultless):
    unseen = faultless.trust.predicted_m.copy()
    unseen[: len(unseen) // 2] = np.nan
    found = calib.verdict(faultless.solution, replace(faultless.trust, predicted_m=unseen))
    assert found.level == CARE
    assert "fewer than two cameras" in found.reasons[0].text
