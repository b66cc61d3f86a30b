from __future__ import annotations

import torch

from calib.groups import all_pairs_within, rank_within


def test_pairs_are_those_of_two_loops() -> None:
    group = torch.tensor([2, 0, 2, 1, 0, 2])
    usable = torch.tensor([True, True, False, True, True, True])
    order = torch.argsort(group, stable=True)
    first, second = all_pairs_within(order, torch.bincount(group), usable)
    expected = {
        (i, j) for i in range(6) for j in range(6) if group[i] == group[j] and bool(usable[i])
    }
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == expected
    assert len(first) == len(expected)


def test_ranks_are_within_the_group() -> None:
    group = torch.tensor([1, 0, 1, 1, 0])
    worth = torch.tensor([0.5, 2.0, 3.0, 1.0, 7.0])
    assert rank_within(group, worth).tolist() == [2, 1, 0, 1, 0]
