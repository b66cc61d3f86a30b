from __future__ import annotations

import torch

from triangulate.adaptation.variation import chance, exchanged, some_views


def test_two_or_more_views_are_left_and_none_is_made_up() -> None:
    views = torch.ones(8, 4, dtype=torch.bool)
    views[:4, 3] = False
    numbers = set()
    for seed in range(20):
        left = some_views(views, torch.Generator().manual_seed(seed))
        assert not (left & ~views).any()
        numbers |= set(left[4:].sum(1).tolist())
        assert set(left[:4].sum(1).tolist()) <= {2, 3}
    assert numbers == {2, 3, 4}


def test_a_view_alone_stays_alone() -> None:
    views = torch.tensor([[True, False, False], [False, False, False]])
    assert torch.equal(some_views(views, torch.Generator().manual_seed(0)), views)


def test_sides_are_exchanged_where_said() -> None:
    flip = torch.tensor([1, 0, 2])
    points = torch.arange(12.0).reshape(2, 3, 2)  # two moments of three joints
    swapped = torch.tensor([True, False])
    expected = torch.stack([points[0, flip], points[1]])
    torch.testing.assert_close(exchanged(points, swapped, flip, 1), expected)


def test_chance_is_a_share() -> None:
    generator = torch.Generator().manual_seed(0)
    assert not chance(0.0, (100,), generator).any()
    assert chance(1.0, (100,), generator).all()
    assert 0.2 < chance(0.3, (20, 50), generator).double().mean() < 0.4
