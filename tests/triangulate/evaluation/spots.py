"""A data set of coloured spots, and estimators whose errors are known."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from triangulate.data.sample import Sample
from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.models.prediction import Prediction
from triangulate.skeleton import Skeleton

WIDTH, HEIGHT, VIEWS = 48, 32, 3


class Spots:
    """Three joints as a red, a green and a blue spot; the moment's number is its seed."""

    skeleton = Skeleton.from_edges(("pelvis", "head", "thorax"), [(0, 1)])
    groups = ("even", "odd", "never")

    def __init__(self, count: int = 40) -> None:
        self.count, self.cameras = count, _ring()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        generator = torch.Generator().manual_seed(index)
        points = 0.8 * (torch.rand(3, 3, generator=generator, dtype=torch.float64) - 0.5)
        points_px, _ = self.cameras.project(points)
        x, y = torch.arange(WIDTH), torch.arange(HEIGHT)
        distance2 = (x - points_px[..., 0, None, None]) ** 2 + (
            y[:, None] - points_px[..., 1, None, None]
        ) ** 2
        return Sample(
            images=(255 * torch.exp(-distance2 / 18)).to(torch.uint8),
            cameras=self.cameras,
            views=torch.ones(VIEWS, dtype=torch.bool),
            points_world=points,
            known=torch.ones(3, dtype=torch.bool),
            visible=torch.ones(VIEWS, 3, dtype=torch.bool),
            group=torch.tensor(index % 2),
        )


def exactly(offset_m: float = 0.0) -> Callable[[Sample], Prediction]:
    """An estimator that is off by as much along x."""

    def estimate(sample: Sample) -> Prediction:
        batch, joints = sample.known.shape
        views = sample.views.shape[1]
        return Prediction(
            points_world=sample.points_world + torch.tensor([offset_m, 0, 0]).double(),
            valid=torch.ones(batch, joints, dtype=torch.bool),
            points_px=torch.zeros(batch, views, joints, 2),
            confidence=torch.ones(batch, views, joints),
            covariance=torch.zeros(batch, joints, 3, 3),
        )

    return estimate


def _ring() -> Camera:
    angle = torch.arange(VIEWS, dtype=torch.float64) * (2 * math.pi / VIEWS)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    right = torch.stack([-torch.sin(angle), torch.cos(angle), zero], -1)
    down = torch.stack([zero, zero, -one], -1)
    forward = torch.stack([-torch.cos(angle), -torch.sin(angle), zero], -1)
    rotation = torch.stack([right, down, forward], -2)
    translation = torch.stack([zero, zero, 3 * one], -1)
    K = torch.tensor([[60.0, 0, 23.5], [0, 60.0, 15.5], [0, 0, 1]], dtype=torch.float64)
    lens = Lens.of("radtan", torch.zeros(VIEWS, 5, dtype=torch.float64))
    return Camera(K.expand(VIEWS, 3, 3).clone(), lens, Rigid(rotation, translation))
