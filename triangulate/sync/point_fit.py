"""Points fitted to what cameras saw, and how the residuals change with the cameras' offsets.

What moves with velocity u is seen u d elsewhere if the camera is later by d, so the residual of an
observation changes with the offsets in two ways: by its own camera's, and over the point, which
follows all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.robust import belonging, triangulate_robust

_FREEDOM, _OUTLIERS = 30.0, 0.05  # of the errors, see `triangulate.geometry.robust`
_WIDER = 1.5  # cameras and points differ in noise: one scale for all must not be a narrow one
LEAST_PX = 0.05
"""Smaller errors are rounding."""


@dataclass(frozen=True)
class PointFit:
    """Residuals at common times after the points are fitted; K times, N points, V views.

    Attributes:
        residual_px: (K, N, V, 2) observed - predicted.
        by_late: (K, N, V, 2, L) how much they fall with the offsets of the L other cameras.
        by_pixels: (K, N, V, 2, V, 2) how much they fall if all that the views see of a point is
            moved, times the weight.
        weight: (K, N, V) 1 / px^2.
        slope: what remains of the weights' sum where a robust weight falls with its residual.
        noise_px: scale of the residuals.
        agreement: (V,) share of each camera's observations that fit the others', of points that
            three cameras or more saw; NaN without any.
    """

    residual_px: Tensor
    by_late: Tensor
    by_pixels: Tensor
    weight: Tensor
    slope: float
    noise_px: float
    agreement: Tensor


def fit_points(
    position: Tensor,
    velocity: Tensor,
    seen: Tensor,
    camera: Camera,
    others: Tensor,
    noise_px: float,
) -> PointFit:
    """Triangulate what moves through the views.

    Args:
        position: (K, N, V, 2) pixels, finite.
        velocity: (K, N, V, 2) pixels a second, finite.
        seen: (K, N, V) bool.
        camera: with leading dim V.
        others: (L,) the views whose offsets are free.
        noise_px: scale of the errors.
    """
    pixels = position.flatten(0, 1).movedim(1, 0)  # (V, M, 2)
    observed = seen.flatten(0, 1).mT
    scale = torch.full_like(pixels[..., 0], noise_px)
    share = torch.full_like(scale, _OUTLIERS)
    refined, shows = triangulate_robust(pixels, camera, scale, share, observed, _FREEDOM)
    projected, jacobian, in_front = camera.project_with_jacobian(refined.points_world)
    used = observed & in_front & refined.valid
    weight = torch.where(used, refined.precision, 0.0).mT  # (M, V)
    variance = torch.where(refined.valid[:, None, None], refined.covariance_m2, 0.0)
    jacobian = jacobian.movedim(1, 0)  # (M, V, 2, 3)
    # The point follows its observations: residuals are what a projection leaves of them.
    pull = variance[:, None] @ jacobian.mT * weight[..., None, None]  # (M, V, 3, 2)
    taken = torch.einsum("mvik,mwkj->mviwj", jacobian, pull)
    left = torch.eye(2 * len(pixels), dtype=pixels.dtype) - taken.flatten(3, 4).flatten(1, 2)
    residual = (pixels - projected).movedim(1, 0).flatten(1, 2)  # (M, 2V)
    residual = (left @ residual[..., None])[..., 0]
    moving = velocity.flatten(0, 1)[:, others]  # (M, L, 2)
    by_late = torch.einsum("mplj,mlj->mpl", left.unflatten(2, (-1, 2))[:, :, others], moving)
    by_pixels = left * weight.repeat_interleave(2, dim=1)[..., None]
    fair = used & (shows > 0.5)
    several = observed & (observed.sum(0) > 2)
    pairs, shape = (len(pixels), 2), seen.shape[:2]
    return PointFit(
        residual.unflatten(1, pairs).unflatten(0, shape),
        by_late.unflatten(1, pairs).unflatten(0, shape),
        by_pixels.unflatten(2, pairs).unflatten(1, pairs).unflatten(0, shape),
        weight.unflatten(0, shape),
        _slope(refined.squared_px[used] / scale[used].square()),
        _noise_px(refined.squared_px[fair]),
        (fair & several).sum(1) / several.sum(1),
    )


def _noise_px(squared_px: Tensor) -> float:
    if not squared_px.numel():
        return LEAST_PX
    return max(LEAST_PX, _WIDER * math.sqrt(float(squared_px.median()) / (2 * math.log(2))))


def _slope(squared_sigmas: Tensor) -> float:
    """How much less than its weights the robust normal matrix holds.

    An influence w(s) r with s = r^2 grows with r by w + s w'(s), on the mean over two directions.
    """
    odds = torch.tensor(_OUTLIERS / (1 - _OUTLIERS), dtype=squared_sigmas.dtype)

    def weigh(squared: Tensor) -> Tensor:
        flanks = (_FREEDOM + 2) / (_FREEDOM + squared)
        return belonging(squared, odds, _FREEDOM) * flanks

    weight = weigh(squared_sigmas)
    by_square = (weigh(1.01 * squared_sigmas) - weight) / 0.01
    if not float(weight.sum()) > 0:
        return 1.0
    return max(0.1, float((weight + by_square).sum() / weight.sum()))
