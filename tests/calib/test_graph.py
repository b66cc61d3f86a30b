from __future__ import annotations

import numpy as np
import pytest
import torch

from calib.graph import (
    Links,
    candidates,
    island_message,
    islands,
    link_cameras,
    place_cameras,
    symmetry_turns,
)
from calib.poses import identity_poses
from triangulate.geometry.homography import mirrored_pose
from triangulate.geometry.rigid import Rigid, rotation_from_vector
from triangulate.synthetic.boards import board_grid

CHAIN = torch.tensor([[0, 1], [1, 2], [0, 2], [2, 3]])


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ring(count: int) -> Rigid:
    """cam_from_world of cameras at different places."""
    away = torch.tensor([0.0, 0.0, 4.0], dtype=torch.float64)
    return Rigid(rotation_from_vector(0.3 * draw(count, 3)), 0.5 * draw(count, 3, seed=1) + away)


def test_turns_of_a_symmetric_board_map_its_points_on_each_other() -> None:
    points = torch.from_numpy(board_grid(7, 5) - board_grid(7, 5).mean(0))
    symmetries = torch.stack([torch.arange(35), torch.arange(35).flip(0)])
    turns = symmetry_turns(points, symmetries)
    for turn, order in zip(range(2), symmetries, strict=True):
        torch.testing.assert_close(turns[turn].apply(points), points[order])


@pytest.mark.parametrize("mirrored_first", [False, True])
def test_pairs_agree_on_where_they_stand_in_spite_of_mirrored_poses(mirrored_first) -> None:
    cameras, frames = 4, 12
    pose = ring(cameras)
    board = Rigid(
        rotation_from_vector(0.6 * draw(frames, 3, seed=2)), 0.5 * draw(frames, 3, seed=3)
    )
    camera = torch.arange(cameras).repeat_interleave(frames)
    frame = torch.arange(frames).repeat(cameras)
    best = pose[camera] @ board[frame]
    other = mirrored_pose(best, torch.zeros(3, dtype=torch.float64))
    costs = (torch.zeros(len(camera)), torch.zeros(len(camera)))  # the views cannot tell
    pair = (other, best) if mirrored_first else (best, other)
    found = candidates(*pair, costs, identity_poses(1))
    quality = torch.ones(len(camera), dtype=torch.float64)
    links = link_cameras(found, camera, frame, quality, torch.Generator().manual_seed(0))
    assert links.cameras.tolist() == [[a, b] for a in range(4) for b in range(a + 1, 4)]
    assert links.frames.tolist() == [12] * 6
    assert float(links.votes.min()) > 11.9
    first, second = links.cameras.T
    expected = pose[second] @ pose[first].inverse()
    torch.testing.assert_close(links.b_from_a.rotation, expected.rotation, atol=1e-9, rtol=0)
    placed = place_cameras(links, 4, 2)
    expected = pose @ pose[2].inverse().map(lambda tensor: tensor[None])
    torch.testing.assert_close(placed.translation, expected.translation, atol=1e-8, rtol=0)


def test_the_strongest_pairs_carry_the_rig() -> None:
    pose = ring(4)
    first, second = CHAIN.T
    right = pose[second] @ pose[first].inverse()
    wrong = right.rotation.clone()
    wrong[2] = torch.eye(3)  # the pair 0, 2 has one vote and is mistaken
    links = Links(
        CHAIN, torch.ones(4), torch.tensor([9.0, 8.0, 1.0, 2.0]), Rigid(wrong, right.translation)
    )
    placed = place_cameras(links, 4, 0)
    expected = pose @ pose[0].inverse().map(lambda tensor: tensor[None])
    torch.testing.assert_close(placed.rotation, expected.rotation, atol=1e-9, rtol=0)


def test_islands_come_largest_first_and_say_what_to_film() -> None:
    links = Links(
        torch.tensor([[0, 1], [2, 3], [3, 4]]), torch.ones(3), torch.ones(3), identity_poses(3)
    )
    found = islands(links, 6)
    assert found == [[2, 3, 4], [0, 1], [5]]
    message = island_message(found, list("abcdef"))
    assert "3 islands" in message
    assert "c, d, e; a, b; f" in message
    assert "such as 'c' and 'a'" in message
    assert np.ptp([len(group) for group in found]) == 2
