from __future__ import annotations

import pytest
import torch
from torch import Tensor

from calib.camera_motion import world_motions
from calib.congruence import compare, invariant_information
from triangulate.synthetic import ring_rig
from triangulate.synthetic.draws import normal, seeded

SIGMA = torch.tensor([1e-3] * 3 + [2e-3] * 3, dtype=torch.float64)


def world_of(count: int) -> Tensor:
    return world_motions(ring_rig(seeded(count), count).cameras.cam_from_world)[:, :6]


def drawn(count: int, seed: int) -> Tensor:
    """Motions (V, 6) that chance makes."""
    return torch.from_numpy(normal(seeded(seed), 1.0, (count, 6))) * SIGMA


def covariance(count: int) -> Tensor:
    return torch.diag(SIGMA.square().repeat(count))


def nothing(count: int) -> Tensor:
    return torch.zeros(6 * count, 6 * count, dtype=torch.float64)


def found(motion: Tensor, free: Tensor | None = None):
    count = len(motion)
    free = world_of(count) if free is None else free
    return compare(motion, covariance(count), nothing(count), free)


def test_chance_is_no_motion() -> None:
    alarms = sum(bool(found(drawn(5, seed)).moved) for seed in range(300))
    assert alarms <= 3  # one in a thousand is meant


@pytest.mark.parametrize("who", [(0,), (3,), (1, 4)])
def test_who_moved_is_found_whatever_the_world(who) -> None:
    motion = drawn(6, 1)
    for v in who:
        motion[v] += torch.tensor([0.02, -0.01, 0.0, 0.03, 0.02, 0.01]) * (1 + v)
    somewhere = torch.from_numpy(normal(seeded(3), 0.1, (6,)))
    carried = motion + (world_of(6) @ somewhere).reshape(6, 6)
    for given in (motion, carried):
        result = found(given)
        assert result.explained
        assert result.moved == who
        assert result.others == ()
        for v in who:
            moved = torch.tensor([0.02, -0.01, 0.0, 0.03, 0.02, 0.01]) * (1 + v)
            sigma = result.covariance[v].diagonal().sqrt()
            assert bool(((result.motion[v] - moved).abs() < 4.5 * sigma).all())


def test_two_pairs_that_stand_each_to_itself_are_not_told_apart() -> None:
    """Two of four cameras move together: those that stand might as well be the others."""
    free = world_of(4)
    motion = torch.zeros(4, 6, dtype=torch.float64)
    carried = free @ torch.tensor([0.1, 0.0, 0.05, 0.2, 0.1, 0.0], dtype=torch.float64)
    motion[:2] = carried.reshape(4, 6)[:2]
    result = found(motion, free)
    assert result.explained
    assert {result.moved, *result.others} == {(0, 1), (2, 3)}


def test_of_two_cameras_neither_is_named() -> None:
    motion = torch.zeros(2, 6, dtype=torch.float64)
    motion[1, 3] = 0.5
    result = found(motion)
    assert not result.explained
    assert result.moved == ()


def test_when_everything_moved_nothing_is_explained() -> None:
    motion = torch.from_numpy(normal(seeded(0), 0.1, (5, 6)))
    result = found(motion)
    assert not result.explained
    assert result.squared > 1e3
    assert result.freedom == 24


def test_what_is_harmless_is_borne_but_does_not_blur_the_figures() -> None:
    motion = torch.zeros(5, 6, dtype=torch.float64)
    motion[2, 3] = 0.03
    borne = torch.diag(torch.tensor([1e-3] * 3 + [0.05] * 3).double().square().repeat(5))
    tolerant = compare(motion, covariance(5), borne, world_of(5))
    assert tolerant.moved == ()
    strict = found(motion)
    assert strict.moved == (2,)
    torch.testing.assert_close(tolerant.covariance[2], strict.covariance[2])


def test_the_information_knows_nothing_of_the_world() -> None:
    free = world_of(4)
    information = invariant_information(covariance(4), free)
    assert float((information @ free).abs().max()) < 1e-6 * float(information.abs().max())
    assert int(torch.linalg.matrix_rank(information, rtol=1e-9)) == 18
