from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import calib
from calib.assessment import CHANCE, Remedy, fingerprint
from calib.displacement import displacement
from calib.halves import root_mean_square
from triangulate.errors import InputError


def true_error_m(judged) -> np.ndarray:
    """(N,) how far off the rig really puts the volume's places."""
    points = judged.trust.volume.points_world
    return displacement(judged.solution, judged.truth, judged.solution.rig, points).points_m


def test_the_predicted_error_is_of_the_size_of_the_true_one(faultless):
    assert faultless.trust.factor == 1
    np.testing.assert_array_equal(faultless.trust.error_m, faultless.trust.predicted_m)
    ratio = root_mean_square(true_error_m(faultless)) / root_mean_square(faultless.trust.error_m)
    assert 0.4 < ratio < 1.6


def test_a_fault_raises_the_error_to_about_the_true_one(bumped):
    trust = bumped.trust
    assert trust.factor == max(trust.ratio, trust.pixel_ratio) > CHANCE
    np.testing.assert_allclose(trust.error_m, trust.factor * trust.predicted_m)
    true_m = root_mean_square(true_error_m(bumped))
    assert true_m > 2 * root_mean_square(trust.predicted_m)  # the covariance alone would mislead
    assert true_m < 2 * root_mean_square(trust.error_m)


def test_misfit_is_against_noise_alone(faultless, bumped):
    assert faultless.trust.misfit < CHANCE < bumped.trust.misfit
    assert bumped.trust.misfit == max(bumped.trust.space_misfit, bumped.trust.pixel_misfit)
    # The solver has widened the covariance already, so it is exceeded by less.
    assert bumped.solution.coherence > 1
    assert bumped.trust.misfit > max(bumped.trust.ratio, bumped.trust.pixel_ratio)


def test_remedies_add_to_the_error(faultless):
    count = len(faultless.trust.predicted_m)
    remedy = Remedy("bow", np.full(count, 3e-3), np.zeros(5))
    both = replace(faultless.trust, remedies=(remedy,), predicted_m=np.full(count, 4e-3))
    np.testing.assert_allclose(both.error_m, 5e-3)
    assert both.quantile_m(0.95) == pytest.approx(5e-3)


def test_detections_add_what_triangulation_says(faultless):
    solution, trust = faultless.solution, faultless.trust
    both = solution.expected_error_m(trust.volume.points_world, 2.0)
    expected = np.hypot(trust.predicted_m, 2.0 * trust.detection_m)
    np.testing.assert_allclose(both, expected, rtol=1e-6)


def test_it_is_about_one_solution_and_seed(faultless):
    solution = faultless.solution
    assert faultless.trust.of == fingerprint(solution) == fingerprint(replace(solution))
    assert fingerprint(solution, 1) != faultless.trust.of
    other = replace(solution, covariance=2 * solution.covariance)
    assert fingerprint(other) != faultless.trust.of


def test_another_board_is_refused(faultless):
    with pytest.raises(InputError, match="the target has 19 points and the observations 20"):
        calib.trust(faultless.solution, faultless.solution.target_m[:19])


def test_findings_that_can_be_solved_for_are(bent):
    solution, trust = bent.solution, bent.trust
    assert "bow" in [finding.code for finding in solution.findings]
    (remedy,) = trust.remedies
    assert remedy.code == "bow"
    other = calib.solve(solution.observations, solution.target_m, start=solution.rig, bow=True)
    apart = displacement(solution, solution.rig, other.rig, trust.volume.points_world)
    np.testing.assert_allclose(remedy.moved_m, apart.points_m, atol=2e-5)
    assert (trust.error_m > trust.predicted_m)[np.isfinite(trust.error_m)].all()


def test_progress_is_told_to_the_end(bent):
    # Three ways of halving, frames held out, and the bow.
    assert bent.steps == [(i, 5) for i in range(1, 6)]
