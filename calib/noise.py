"""How uncertain a pixel is, as the residuals tell it."""

from __future__ import annotations

import torch
from torch import Tensor

from calib.projection import residuals, squared_sigmas
from calib.unknowns import State, Target, Views

CUTOFF = 4.5
"""Points farther off than so many sigmas are outliers; of good ones that is 1 in 25,000."""

_LEAST_PX = 1e-7


def spread_px(state: State, target: Target, views: Views, num_cameras: int) -> Tensor:
    """Each camera's standard deviation of a pixel coordinate, (V,), from its median residual."""
    error_px, in_front = residuals(state, target, views)
    squared = error_px.square().sum(-1) * views.weights
    counts = (views.weights > 0) & in_front
    medians = []
    for v in range(num_cameras):  # medians of sets of different sizes
        own = squared[views.camera == v][counts[views.camera == v]]
        medians.append(own.median() if len(own) else squared.new_tensor(1.0))
    # The median of a squared distance in the plane is 2 ln 2 sigma^2.
    return (torch.stack(medians) / 1.3863).sqrt().clamp_min(_LEAST_PX)


def inlier_noise(
    state: State, target: Target, views: Views, alone_px: Tensor, sigma_px: Tensor
) -> tuple[Tensor, Tensor]:
    """Each camera's noise (V,), and which points (M, N) are within the cutoff."""
    error_px, in_front = residuals(state, target, views)
    weighted = error_px.square().sum(-1) * views.weights
    for _ in range(5):
        squared = squared_sigmas(error_px, in_front, views, sigma_px)
        inside = (squared < CUTOFF**2) & (views.weights > 0)
        sums = torch.stack([torch.where(inside, weighted, 0.0).sum(-1), 2.0 * inside.sum(-1)], -1)
        by_camera = sums.new_zeros(len(sigma_px), 2).index_add_(0, views.camera, sums)
        sigma_px = with_misfit(alone_px, *by_camera.unbind(-1))
    return sigma_px, inside


def with_misfit(alone_px: Tensor, total: Tensor, count: Tensor) -> Tensor:
    """The noise of each camera (V,) when all must agree.

    What a camera shows by itself, and beyond that a misfit which all have in common. Were it each
    camera's own, the two that happen to agree best would take the target for themselves and leave
    the misfit to the others.

    Args:
        alone_px: (V,) noise of each camera by itself.
        total: (V,) sum of squared residuals, pixels squared.
        count: (V,) of how many coordinates.
    """
    misfit2 = (total - alone_px.square() * count).sum() / count.sum().clamp_min(1)
    return (alone_px.square() + misfit2.clamp_min(0)).sqrt().clamp_min(_LEAST_PX)
