from __future__ import annotations

import numpy as np
import pytest
import torch

from triangulate.synthetic import board_grid, ring_rig
from triangulate.synthetic.board_motion import waved_then_laid
from triangulate.synthetic.draws import seeded

RIG = ring_rig(seeded(0), radius_m=3.6)
BOARD_M = board_grid(4, 6, 0.15)


def test_every_camera_is_shown_the_board_and_it_ends_on_the_floor() -> None:
    rotation, translation = waved_then_laid(seeded(1), RIG, BOARD_M, 60, laid_frames=4)
    assert rotation.shape == (60, 3, 3)
    assert translation.shape == (60, 3)
    identity = np.broadcast_to(np.eye(3), rotation.shape)
    np.testing.assert_allclose(rotation @ rotation.mT, identity, atol=1e-12)
    points = np.einsum("fij,nj->fni", rotation, BOARD_M) + translation[:, None]
    assert points[:-4, :, 2].min() > 0
    np.testing.assert_allclose(points[-4:, :, 2], 0, atol=1e-12)
    np.testing.assert_allclose(points[-4:].mean(1), 0, atol=1e-12)
    np.testing.assert_allclose(rotation[-4:, 2, 2], -1)  # z goes into the floor: the print is up

    middle = points.mean(1)
    sight = middle - RIG.cameras.centre_world.numpy()[:, None]  # (V, F, 3)
    distance = np.linalg.norm(sight, axis=-1)
    shows = (sight * rotation[:, :, 2]).sum(-1) / distance > 0.5
    flat = torch.from_numpy(points.reshape(1, -1, 3)).expand(4, -1, -1)
    pixels, in_front = RIG.cameras.project(flat)
    inside = (pixels > 0) & (pixels < torch.tensor(RIG.sizes)[:, None])
    whole = (inside.all(-1) & in_front).reshape(4, 60, -1).all(-1).numpy()
    good = shows & whole
    assert (good.sum(1) >= 12).all()
    for own, near in zip(good, distance, strict=True):
        assert near[own].max() > 1.5 * near[own].min()
    assert (good.sum(0) >= 2).sum() >= 12  # what ties the cameras to each other


def test_it_moves_without_jumps_and_the_seed_decides() -> None:
    first, second, other = (
        waved_then_laid(seeded(seed), RIG, BOARD_M, 100, fps=10.0) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first[0], second[0])
    assert np.abs(first[1] - other[1]).max() > 0.1
    middle = first[0] @ BOARD_M.mean(0) + first[1]
    assert np.linalg.norm(np.diff(middle, axis=0), axis=-1).max() < 0.5


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 4 on the way to the floor and 1 on it, got 5"):
        waved_then_laid(seeded(1), RIG, BOARD_M, 5)
