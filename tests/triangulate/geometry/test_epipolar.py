from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from triangulate.geometry.epipolar import (
    agreeing,
    depths,
    essential_of_five,
    poses_of_essential,
    relative_pose,
    sampson,
)
from triangulate.geometry.rigid import Rigid, skew


def two_views(count: int, *batch: int, seed: int = 0) -> tuple[Rigid, Tensor, Tensor]:
    """b_from_a with |t| = 1, and what both see of points that lie before both."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(*batch, count, 3, generator=generator, dtype=torch.float64)
    points = points * 1.2 + torch.tensor([-0.6, -0.6, 1.4])
    angle = torch.tensor(0.7, dtype=torch.float64)
    c, s, zero, one = angle.cos(), angle.sin(), torch.zeros(()).double(), torch.ones(()).double()
    rotation = torch.stack([c, zero, s, zero, one, zero, -s, zero, c]).reshape(3, 3)
    translation = torch.tensor([-0.95, 0.1, 0.0], dtype=torch.float64)
    translation[2] = (1 - translation.square().sum()).sqrt()
    pose = Rigid(rotation, translation)
    seen = pose.apply(points)
    assert bool((seen[..., 2] > 0).all())
    return pose, points[..., :2] / points[..., 2:], seen[..., :2] / seen[..., 2:]


def unit(essential: Tensor) -> Tensor:
    return essential / essential.flatten(-2).norm(dim=-1)[..., None, None]


@pytest.mark.parametrize("batch", [(), (1,), (3, 1, 2)])
def test_five_points_have_the_true_matrix_among_their_solutions(batch) -> None:
    pose, a, b = two_views(5, *batch)
    found, is_real = essential_of_five(a, b)
    assert found.shape == (*batch, 10, 3, 3)
    truth = unit(skew(pose.translation) @ pose.rotation)
    off = torch.minimum(
        (found - truth).flatten(-2).norm(dim=-1), (found + truth).flatten(-2).norm(dim=-1)
    )
    assert float(torch.where(is_real, off, torch.inf).amin(-1).max()) < 1e-8


def test_every_real_solution_is_an_essential_matrix_through_the_points() -> None:
    _, a, b = two_views(5, seed=3)
    found, is_real = essential_of_five(a, b)
    real = found[is_real]
    assert 1 <= len(real) <= 10
    singular = torch.linalg.svdvals(real)
    torch.testing.assert_close(singular[:, 0], singular[:, 1], atol=1e-7, rtol=0)
    assert float(singular[:, 2].max()) < 1e-7
    lifted_a, lifted_b = (torch.nn.functional.pad(x, (0, 1), value=1.0) for x in (a, b))
    assert float(torch.einsum("ni,kij,nj->kn", lifted_b, real, lifted_a).abs().max()) < 1e-8


def test_the_four_poses_by_hand_and_as_opencv_has_them() -> None:
    sideways = torch.tensor([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)  # R = I
    poses = poses_of_essential(sideways)
    assert {tuple(t.round().tolist()) for t in poses.translation} == {(1, 0, 0), (-1, 0, 0)}
    identity = torch.eye(3, dtype=torch.float64)
    apart = (poses.rotation - identity).flatten(1).norm(dim=-1)
    assert int((apart < 1e-12).sum()) == 2
    pose, *_ = two_views(5)
    essential = skew(pose.translation) @ pose.rotation
    first, second, baseline = cv2.decomposeEssentialMat(essential.numpy())
    found = poses_of_essential(essential)
    for rotation in (first, second):
        off = (found.rotation - torch.from_numpy(rotation)).flatten(1).norm(dim=-1)
        assert int((off < 1e-9).sum()) == 2
    np.testing.assert_allclose(
        np.abs(found.translation.numpy()), np.abs(baseline.T).repeat(4, 0), atol=1e-9
    )
    assert float((torch.linalg.det(found.rotation) - 1).abs().max()) < 1e-12


def test_sampsons_distance_by_hand() -> None:
    # Without a turn and along x, rows must agree: half of the difference is each image's share.
    pose = Rigid(torch.eye(3).double(), torch.tensor([1.0, 0, 0]).double())
    a = torch.tensor([[0.2, 0.1], [0.0, -0.3]]).double()
    b = torch.tensor([[0.5, 0.1], [0.4, 0.1]]).double()
    torch.testing.assert_close(
        sampson(pose, a, b).abs(), torch.tensor([0.0, 0.4 / 2**0.5]).double()
    )
    exact, x, y = two_views(20)
    assert float(sampson(exact, x, y).abs().max()) < 1e-12


def test_depths_by_hand_and_of_parallel_rays() -> None:
    pose = Rigid(torch.eye(3).double(), torch.tensor([-1.0, 0, 0]).double())  # b stands 1 right
    a = torch.tensor([[0.0, 0.0], [0.25, 0.5], [0.1, 0.1]]).double()
    b = torch.tensor([[-0.5, 0.0], [0.0, 0.5], [0.1, 0.1]]).double()
    in_a, in_b = depths(pose, a, b)
    torch.testing.assert_close(in_a, torch.tensor([2.0, 4.0, 0.0]).double())
    torch.testing.assert_close(in_b, torch.tensor([2.0, 4.0, 0.0]).double())


def test_a_third_of_wrong_pairs_does_no_harm() -> None:
    pose, a, b = two_views(240, seed=1)
    generator = torch.Generator().manual_seed(5)
    noise = 1e-3 * torch.randn(b.shape, generator=generator, dtype=torch.float64)
    wrong = torch.rand(240, generator=generator) < 1 / 3
    elsewhere = torch.rand(b.shape, generator=generator, dtype=torch.float64) - 0.5
    seen = torch.where(wrong[:, None], elsewhere, b + noise)
    found, agree = relative_pose(a, seen, generator)
    turn = found.rotation @ pose.rotation.mT
    angle_deg = torch.rad2deg(torch.arccos(((turn.trace() - 1) / 2).clamp(-1, 1)))
    assert float(angle_deg) < 0.4
    assert float((found.translation - pose.translation).norm()) < 0.015
    assert float(agree[~wrong].double().mean()) > 0.9
    assert float(agree[wrong].double().mean()) < 0.2


def test_points_behind_a_camera_do_not_agree() -> None:
    pose, a, b = two_views(30)
    assert bool(agreeing(pose, a, b).all())
    behind = Rigid(pose.rotation, -pose.translation)  # the same lines, all points behind both
    assert not bool(agreeing(behind, a, b).any())


def test_fewer_than_five_points_are_refused() -> None:
    _, a, b = two_views(4)
    with pytest.raises(ValueError, match="at least 5"):
        relative_pose(a, b, torch.Generator())
