from __future__ import annotations

import numpy as np
import pytest
import torch

from calib.findings import (
    Probe,
    lens_findings,
    link_findings,
    probe_findings,
    rejected_findings,
    together_findings,
)
from calib.unknowns import Views

NAMES = ("a", "b", "c")


def of(late: float = 0.0, bow: float = 0.0, sigma: float = 1e-4) -> Probe:
    return Probe(
        torch.tensor([0.0, late, 0.0]),
        torch.tensor([0.0, sigma, sigma]),
        torch.tensor([bow, 0.0, bow]),
        torch.full((3,), sigma),
    )


def said(probe: Probe, **options: bool) -> list[str]:
    options = {"solved_bow": False, "solved_clocks": False} | options
    return [f.text for f in probe_findings(probe, NAMES, "a", 0.5, **options)]


def test_small_or_doubtful_faults_are_not_spoken_of() -> None:
    assert said(of()) == []
    assert said(of(late=5e-4)) == []  # sure, but half a millisecond
    assert said(of(late=0.01, sigma=0.005)) == []  # ten, give or take five
    assert not of(late=0.01, sigma=0.005).is_sure


def test_faults_are_told_with_their_size() -> None:
    (late,) = said(of(late=-0.0123))
    assert "camera 'b' is 12.3 +- 0.1 ms early against 'a'" in late
    (bent,) = said(of(bow=0.004))
    assert "bent by 2.00 +- 0.05 mm" in bent  # 0.004 of a reach of half a metre
    assert said(of(late=-0.0123, bow=0.004), solved_bow=True, solved_clocks=True) == []


def test_weak_links() -> None:
    seen = np.zeros((3, 20), dtype=bool)
    seen[0], seen[1], seen[2, :2] = True, True, True
    (finding,) = link_findings(seen, NAMES)
    assert finding.camera == "c"
    assert "shares only 2 frames" in finding.text
    assert list(link_findings(seen[:1], NAMES[:1])) == []


def test_many_rejected_points_are_told_in_one_line() -> None:
    placed = np.ones((3, 10, 10), dtype=bool)
    outliers = np.zeros_like(placed)
    outliers[1, :2] = True
    (finding,) = rejected_findings(outliers, placed, NAMES)
    assert finding.camera == "b"
    assert "('b' 20 %)" in finding.text
    outliers[2, :3] = True
    (finding,) = rejected_findings(outliers, placed, NAMES)
    assert finding.camera is None
    assert "'b' 20 %, 'c' 30 %" in finding.text


def test_cameras_that_fit_worse_together() -> None:
    views = Views(
        torch.zeros(3, 50, 2), torch.ones(3, 50), torch.arange(3), torch.zeros(3, dtype=torch.int64)
    )
    alone = torch.tensor([0.3, 0.3, 0.3])
    assert list(together_findings(alone, torch.tensor([0.31, 0.4, 0.3]), views, NAMES)) == []
    (finding,) = together_findings(alone, torch.tensor([0.31, 2.0, 0.3]), views, NAMES)
    assert finding.camera == "b"
    assert "synchronized" in finding.text


def test_loose_lenses() -> None:
    parameters = (("a", "fx"), ("a", "fy"), ("b", "fx"))
    values, sigmas = np.array([1000.0, 1000.0, 1000.0]), np.array([30.0, 30.0, 5.0])
    (finding,) = lens_findings(parameters, values, sigmas)
    assert finding.camera == "a"
    assert "3.0 %" in finding.text


@pytest.mark.parametrize("late", [0.01, -0.01])
def test_a_sure_probe_knows_it(late) -> None:
    assert of(late=late).is_sure
    assert of(bow=0.01).is_sure
