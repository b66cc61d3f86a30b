from __future__ import annotations

from dataclasses import replace

from calib.advice import advice, moved_camera
from calib.solution import Finding


def test_a_camera_that_moved_is_to_be_fastened(bumped):
    assert moved_camera(bumped.solution, bumped.trust) == 1
    assert next(advice(bumped.solution, bumped.trust)).startswith("Fasten 'cam2' ")


def test_a_late_camera_moved_nowhere(bumped):
    clock = Finding("clock", "camera 'cam1' is late", "cam1")
    assert moved_camera(replace(bumped.solution, findings=(clock,)), bumped.trust) is None


def test_nobody_is_accused_of_a_faultless_recording(faultless):
    assert moved_camera(faultless.solution, faultless.trust) is None


def test_advice_names_the_weakest_link_and_the_empty_parts(faultless):
    outliers = faultless.solution.outliers.copy()
    outliers[4, 6:] = True  # cam5 keeps the first frames alone
    solution = replace(faultless.solution, outliers=outliers)
    found = list(advice(solution, faultless.trust))
    assert found[0].startswith("Film the board where ") and "'cam5'" in found[0]
    left = solution.observations.points_px[0, :, :, 0] > 400
    outliers[0] |= left
    found = list(advice(replace(solution, outliers=outliers), faultless.trust))
    assert any("of 'cam1'" in text and "image" in text for text in found)
