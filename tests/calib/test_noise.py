from __future__ import annotations

import pytest
import torch

from calib.noise import with_misfit

ALONE = torch.tensor([0.1, 0.2], dtype=torch.float64)


def test_without_a_misfit_each_camera_keeps_its_own_noise() -> None:
    count = torch.tensor([100.0, 300.0], dtype=torch.float64)
    found = with_misfit(ALONE, ALONE.square() * count, count)
    torch.testing.assert_close(found, ALONE)
    # A camera that fits better together than alone lowers nothing.
    torch.testing.assert_close(with_misfit(ALONE, 0 * count, count), ALONE)


def test_a_misfit_is_everybodys_by_hand() -> None:
    count = torch.tensor([100.0, 300.0], dtype=torch.float64)
    total = ALONE.square() * count + torch.tensor([16.0, 0.0])
    # 16 square pixels over 400 coordinates: 0.04 each.
    found = with_misfit(ALONE, total, count)
    assert found.tolist() == pytest.approx([(0.01 + 0.04) ** 0.5, (0.04 + 0.04) ** 0.5])
