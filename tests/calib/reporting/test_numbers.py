from __future__ import annotations

import json

import numpy as np
import pytest

import calib
from calib.reporting.numbers import camera_numbers, describe


def test_the_numbers_are_those_of_the_solution(bumped):
    solution, trust = bumped.solution, bumped.trust
    numbers = json.loads(json.dumps(describe(solution, trust, calib.verdict(solution, trust))))
    assert numbers["verdict"] == "do not use"
    assert numbers["error_mm"]["median"] == pytest.approx(1e3 * np.nanmedian(trust.error_m))
    assert numbers["error_mm"]["raised_by"] == trust.factor
    worst = solution.expected_error_m(np.array([numbers["error_mm"]["worst_at_m"]]))
    assert numbers["error_mm"]["max"] == pytest.approx(1e3 * trust.factor * worst[0])
    assert numbers["halves"][0]["images_px"]["cam2"]["observed"] == trust.splits[0].observed_px[1]
    assert numbers["weakest_link"]["frames"] > 0
    assert numbers["settings"]["bow"] is False


def test_a_camera_in_numbers(faultless):
    solution = faultless.solution
    found = camera_numbers(solution, 3)
    assert found["name"] == "cam4"
    assert found["points"] == int((~np.isnan(solution.residuals_px[3, ..., 0])).sum())
    assert found["outliers"] == int(solution.outliers[3].sum())
    off = solution.residuals_px[3][solution.inliers[3]]
    assert found["residual_px"] == pytest.approx(np.sqrt((off**2).sum(-1).mean()))
    K = solution.rig.cameras.K[3]
    assert found["parameters"]["fx"][0] == pytest.approx(float(K[0, 0]))
    assert found["parameters"]["fy"][0] == pytest.approx(float(K[1, 1]))
    number = solution.parameters.index(("cam4", "tz"))
    assert found["parameters"]["tz"] == [solution.values[number], solution.sigmas[number]]
    assert set(camera_numbers(solution, 0)["parameters"]).isdisjoint({"rx", "tx"})  # the reference
