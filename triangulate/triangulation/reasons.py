"""Why a point is there, or is not: the first reason that applies."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.refine import Refined
from triangulate.poses import Reason
from triangulate.triangulation.ways import Method

MIN_RAY_ANGLE_DEG = 1.0
"""Rays that meet under less leave the depth open."""
_COS_MIN_RAY_ANGLE = math.cos(math.radians(MIN_RAY_ANGLE_DEG))


def reasons_of(
    refined: Refined,
    used: Tensor,
    observed: Tensor,
    usable: Tensor,
    points_px: Tensor,
    camera: Camera,
    method: Method,
) -> Tensor:
    """(N,) uint8 codes; the first that applies of those in `tests`."""
    _, rays, on_lens = camera.rays(points_px)
    cosine = torch.einsum("vni,wni->vwn", rays, rays)
    usable = usable & on_lens
    num_used, num_usable = used.sum(0), usable.sum(0)
    behind = (usable & ~refined.in_front).any(0)
    if method != "dlt":
        # Two views agree by chance more easily than three: two that contradict them outweigh it.
        contradicted = (num_used < 2) | ((num_used == 2) & (num_usable - num_used >= 2))
        behind &= num_used < 2
    else:
        contradicted = torch.zeros_like(behind)
    tests = [
        (observed.sum(0) < 2, Reason.too_few_views),
        (num_usable < 2, Reason.low_confidence),
        # Before the point is judged: where parallel rays meet, if they do, is chance.
        (_are_narrow(cosine, usable), Reason.narrow_rays),
        (behind, Reason.behind_camera),
        (contradicted, Reason.high_error),
        (_are_narrow(cosine, used), Reason.narrow_rays),
        (~refined.valid, Reason.narrow_rays),
    ]
    reason = torch.full(num_used.shape, int(Reason.ok), dtype=torch.uint8)
    for holds, code in reversed(tests):
        reason[holds] = int(code)
    return reason


def _are_narrow(cosine: Tensor, views: Tensor) -> Tensor:
    """(N,) whether all rays of some views are nearly parallel, or face each other.

    Args:
        cosine: (V, V, N) of the angle between two views' rays.
        views: (V, N) bool.
    """
    both = views[:, None] & views[None, :]
    return ~(both & (cosine.abs() < _COS_MIN_RAY_ANGLE)).flatten(0, 1).any(0)
