from __future__ import annotations

import torch

from calib.placement import renumbered
from calib.unknowns import Views


def test_points_are_put_in_the_targets_order() -> None:
    """What a view calls n is the target's point symmetry(n)."""
    symmetries = torch.tensor([[0, 1, 2], [1, 2, 0]])
    points = torch.arange(12, dtype=torch.float64).reshape(2, 3, 2)
    weights = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 0.0]], dtype=torch.float64)
    none = torch.zeros(2, dtype=torch.int64)
    found = renumbered(Views(points, weights, none, none), symmetries, torch.tensor([0, 1]))
    assert torch.equal(found.points_px[0], points[0])
    assert torch.equal(found.points_px[1][symmetries[1]], points[1])
    assert found.weights[1].tolist() == [0.0, 4.0, 5.0]
