from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from triangulate.geometry.homography import (
    fit_homography,
    homography_of_four,
    mirrored_pose,
    pose_of_homography,
    robust_homography,
)
from triangulate.geometry.rigid import Rigid, rotation_from_vector

BATCHES = [(), (1,), (3, 1, 2)]
PLANE = torch.tensor([[x, y] for y in range(6) for x in range(9)], dtype=torch.float64) * 0.06


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def poses(*batch: int) -> Rigid:
    away = torch.tensor([0.0, 0.0, 2.0], dtype=torch.float64)
    return Rigid(rotation_from_vector(0.5 * draw(*batch, 3)), 0.2 * draw(*batch, 3, seed=1) + away)


def seen(pose: Rigid, plane: Tensor = PLANE) -> Tensor:
    points = pose.apply(torch.nn.functional.pad(plane, (0, 1)))
    return points[..., :2] / points[..., 2:]


def mapped(homography: Tensor, plane: Tensor) -> Tensor:
    points = torch.nn.functional.pad(plane, (0, 1), value=1.0) @ homography.mT
    return points[..., :2] / points[..., 2:]


def test_four_points_by_hand() -> None:
    square = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=torch.float64)
    moved = square * torch.tensor([2.0, 3.0]).double() + torch.tensor([5.0, 7.0]).double()
    found = homography_of_four(square, moved)
    expected = torch.tensor([[2, 0, 5], [0, 3, 7], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(found / found[2, 2], expected)


@pytest.mark.parametrize("batch", BATCHES)
def test_four_points_and_all_points_give_the_same_map(batch) -> None:
    pose = poses(*batch)
    images = seen(pose)
    corners = [0, 8, 53, 45]
    four = homography_of_four(PLANE[corners].expand(*batch, 4, 2), images[..., corners, :])
    weights = torch.ones(*batch, 54, dtype=torch.float64)
    fitted = fit_homography(PLANE.expand(*batch, 54, 2), images, weights)
    torch.testing.assert_close(mapped(four, PLANE), images, atol=1e-10, rtol=0)
    torch.testing.assert_close(mapped(fitted, PLANE), images, atol=1e-9, rtol=0)


def test_least_squares_is_opencvs() -> None:
    images = seen(poses()) * 800 + 0.5 * draw(54, 2, seed=3)
    found = fit_homography(PLANE, images, torch.ones(54, dtype=torch.float64))
    expected, _ = cv2.findHomography(PLANE.numpy(), images.numpy(), 0)
    apart = mapped(found, PLANE) - mapped(torch.from_numpy(expected), PLANE)
    assert float(apart.abs().max()) < 0.05  # OpenCV polishes the geometric error after the DLT


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_outliers_are_told_apart(share) -> None:
    views = 20
    images = seen(poses(views)) * 800 + 0.2 * draw(views, 54, 2, seed=4)
    random = np.random.default_rng(5)
    wrong = torch.from_numpy(random.random((views, 54)) < share)
    images[wrong] += torch.from_numpy(random.uniform(10, 40, (int(wrong.sum()), 2)))
    observed = torch.from_numpy(random.random((views, 54)) < 0.8)
    found, agrees = robust_homography(PLANE, images, observed, torch.Generator().manual_seed(0))
    assert not bool((agrees & (wrong | ~observed)).any())
    assert float(agrees[observed & ~wrong].double().mean()) > 0.9
    off = (mapped(found, PLANE) - seen(poses(views)) * 800).norm(dim=-1)
    assert float(off.max()) < 3


def test_views_with_too_few_points_agree_with_nothing() -> None:
    observed = torch.zeros(2, 54, dtype=torch.bool)
    observed[0, :3] = True
    observed[1] = True
    images = seen(poses(2)) * 800
    _, agrees = robust_homography(PLANE, images, observed, torch.Generator().manual_seed(0))
    assert agrees.sum(-1).tolist() == [0, 54]


@pytest.mark.parametrize("batch", BATCHES)
def test_the_pose_comes_back_whatever_the_sign(batch) -> None:
    pose = poses(*batch)
    weights = torch.ones(*batch, 54, dtype=torch.float64)
    homography = fit_homography(PLANE.expand(*batch, 54, 2), seen(pose), weights)
    for sign in (1.0, -3.0):
        found = pose_of_homography(sign * homography, PLANE.mean(0))
        torch.testing.assert_close(found.rotation, pose.rotation, atol=1e-8, rtol=0)
        torch.testing.assert_close(found.translation, pose.translation, atol=1e-8, rtol=0)


@pytest.mark.parametrize("batch", BATCHES)
def test_the_mirrored_pose_looks_alike_from_far_away(batch) -> None:
    pose = poses(*batch)
    far = Rigid(pose.rotation, pose.translation * 50)
    plane = PLANE - PLANE.mean(0)
    middle = torch.zeros(3, dtype=torch.float64)
    other = mirrored_pose(far, middle)
    apart = (seen(other, plane) - seen(far, plane)).norm(dim=-1)
    size = (seen(far, plane) - seen(far, plane).mean(-2, keepdim=True)).norm(dim=-1)
    assert float(apart.max()) < 0.02 * float(size.max())
    assert float((other.rotation - far.rotation).abs().max()) > 0.1
    torch.testing.assert_close(torch.det(other.rotation), torch.ones(batch, dtype=torch.float64))
    again = mirrored_pose(other, middle)
    torch.testing.assert_close(again.rotation, far.rotation, atol=1e-9, rtol=0)
