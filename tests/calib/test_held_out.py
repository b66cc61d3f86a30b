from __future__ import annotations

import numpy as np
import pytest

from calib.held_out import hold_out
from triangulate.synthetic.boards import bowed


def test_a_faultless_rig_predicts_frames_that_it_has_not_seen(faultless):
    found = faultless.trust.held_out
    assert found.frames == 16  # two of eight stretches
    # Noise of 0.3 px in x and in y, on points of which some degrees of freedom are fitted.
    assert found.fit_px == pytest.approx(0.3 * np.sqrt(2), rel=0.08)
    assert found.held_out_px == pytest.approx(found.fit_px, rel=0.12)
    assert found.pairs > 150
    assert found.distance_m == pytest.approx(found.expected_distance_m, rel=0.2)
    known = np.isfinite(found.shape_m).all(-1)
    assert known.sum() >= 15
    normalised = found.shape_m[known] / found.shape_sigma_m[known]
    assert 0.7 < np.sqrt(np.square(normalised).mean()) < 1.3


def test_a_wrong_rig_does_not(bumped, faultless):
    assert bumped.trust.held_out.held_out_px > 1.1 * bumped.trust.held_out.fit_px
    assert bumped.trust.held_out.distance_m > faultless.trust.held_out.distance_m


def test_the_shape_of_a_bent_board_is_measured(bent):
    found = bent.trust.held_out
    true_m = bowed(bent.solution.target_m, 0.006)[:, 2]
    known = np.isfinite(found.shape_m).all(-1)
    off_m = found.shape_m[known, 2] - (true_m[known] - true_m[known].mean())
    assert np.sqrt(np.square(off_m).mean()) < 0.35 * true_m.std()
    assert np.corrcoef(found.shape_m[known, 2], true_m[known])[0, 1] > 0.95


def test_the_same_seed_gives_the_same(faultless):
    solution = faultless.solution
    again = hold_out(solution, solution.target_m, seed=0)
    assert again.distance_m == faultless.trust.held_out.distance_m
