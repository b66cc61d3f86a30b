"""Robust triangulation: points from views some of which are plainly wrong.

The noise is a mixture: with probability 1 - p an observation lies around the projection, by a
Student distribution whose degrees of freedom tell how heavy its flanks are (Lange, Little & Taylor
1989), with probability p it lies anywhere (a Cauchy tail, ten times as wide). A view's weight is
that of the first part, so a view is never dropped by a fixed distance in pixels, and never without
the others agreeing on a point that contradicts it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.dlt import normal_basis, normal_entries, solve_normal
from triangulate.geometry.refine import Refined, refine

MAX_PAIRS = 66
"""All pairs of up to 12 views; with more views this many pairs are drawn for each point."""

_CUTOFF2 = 16.0  # squared distance in sigmas beyond which an observation says nothing
_TAIL2 = 100.0  # squared width of the Cauchy tail in sigmas
_REFITS = 3


def triangulate_robust(
    points_px: Tensor,
    camera: Camera,
    sigma_px: Tensor,
    outlier_share: Tensor,
    observed: Tensor,
    freedom: float = 30.0,
    steps: int = 2,
) -> tuple[Refined, Tensor]:
    """Triangulate points of which some views may be wrong.

    Least squares first. Where a view then lies more than four sigmas off, all pairs of views are
    tried (up to `MAX_PAIRS` a point), the pair that most views agree with is kept and refitted to
    them (MSAC: Torr & Zisserman 2000). Gauss-Newton with the mixture's weights follows.

    Args:
        points_px: (V, N, 2) distorted pixels, finite everywhere.
        camera: with leading dim V.
        sigma_px: (V, N) standard deviation of a good observation, by coordinate.
        outlier_share: (V, N) prior probability in (0, 1) that an observation is wrong.
        observed: (V, N) bool.
        freedom: degrees of freedom of the noise; many: Gaussian.
        steps: Gauss-Newton steps.

    Returns:
        The points with what is known about them, and (V, N) how probably each view shows its point
        (0 where not observed). Gradients flow through the Gauss-Newton steps.
    """
    undistorted_px, undistortable = camera.undistort(points_px)
    weight = (observed & undistortable).to(points_px.dtype) / sigma_px
    projections = camera.projection()
    with torch.no_grad():
        start, settled = _least_squares(undistorted_px, projections, weight)
        doubtful = (settled.amax(0) > _CUTOFF2).nonzero()[:, 0]
        if doubtful.numel():
            start[doubtful] = _best_pair(
                undistorted_px[:, doubtful], projections, weight[:, doubtful]
            )
    inverse_variance = weight.square()
    odds = outlier_share / (1 - outlier_share)

    def weigh(squared_px: Tensor) -> Tensor:
        squared_sigmas = squared_px * inverse_variance
        flanks = (freedom + 2) / (freedom + squared_sigmas)
        return belonging(squared_sigmas, odds, freedom) * flanks * inverse_variance

    refined = refine(start, points_px, camera, weigh, steps)
    shows = belonging(refined.squared_px * inverse_variance, odds, freedom)
    return refined, torch.where((weight > 0) & refined.in_front, shows, 0.0)


def belonging(squared_sigmas: Tensor, odds: Tensor, freedom: float) -> Tensor:
    """The probability that a residual is an honest one rather than of the tail.

    Args:
        squared_sigmas: (*B,) squared residual over the variance.
        odds: (*B,) p / (1 - p) of the tail.
        freedom: degrees of freedom of the honest ones' two-dimensional Student distribution.
    """
    # Logarithms, because far off both densities vanish.
    honest = -0.5 * (freedom + 2) * torch.log1p(squared_sigmas / freedom)
    tail = torch.log(odds * _TAIL2**0.5) - 1.5 * torch.log(squared_sigmas + _TAIL2)
    return torch.sigmoid(honest - tail)


def _least_squares(points_px: Tensor, projections: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Points from all views and the squared residuals in sigmas; open points get infinite ones."""
    basis = normal_basis(projections)
    points, valid = solve_normal(normal_entries(points_px, basis, weight))
    depth, _ = _residuals(points, points_px, projections)
    by_depth = weight / depth.abs().clamp_min(1e-6)  # turns the algebraic error into pixels
    points, valid = solve_normal(normal_entries(points_px, basis, by_depth))
    depth, squared = _residuals(points, points_px, projections)
    squared = torch.where((depth > 0) & valid, squared, torch.inf)
    return points.mT.contiguous(), torch.where(weight > 0, squared * weight.square(), 0.0)


def _residuals(points: Tensor, points_px: Tensor, projections: Tensor) -> tuple[Tensor, Tensor]:
    """(3, *N) points against (V, *N, 2) pixels: depths and squared distances, (V, *N)."""
    flat = points.flatten(1)
    homogeneous = torch.cat([flat, torch.ones_like(flat[:1])])
    image = (projections.flatten(0, 1) @ homogeneous).unflatten(0, (-1, 3))
    image = image.unflatten(2, points.shape[1:])
    depth = image[:, 2]
    inverse = 1 / torch.where(depth.abs() < 1e-9, 1e-9, depth)
    error_x = image[:, 0] * inverse - points_px[..., 0]
    error_y = image[:, 1] * inverse - points_px[..., 1]
    return depth, error_x * error_x + error_y * error_y


def _best_pair(points_px: Tensor, projections: Tensor, weight: Tensor) -> Tensor:
    """MSAC over pairs of views, refitted to the views that agree; (N, 3) points."""
    basis = normal_basis(projections)
    hypotheses, determined = _pair_points(points_px, basis, weight)  # (3, H, N)
    precision = weight.square()

    def truncated(points: Tensor, pixels: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        depth, squared = _residuals(points, pixels, projections)
        sigmas2 = torch.where(depth > 0, squared * scale, torch.inf).clamp_max(_CUTOFF2)
        return depth, torch.where(scale > 0, sigmas2, 0.0)

    cost = truncated(hypotheses, points_px[:, None], precision[:, None])[1].sum(0)
    cost = torch.where(determined, cost, torch.inf)
    best = cost.argmin(0)
    points = hypotheses.gather(1, best.expand(3, 1, -1))[:, 0]
    for _ in range(_REFITS):
        depth, sigmas2 = truncated(points, points_px, precision)
        agreeing = torch.where(sigmas2 < _CUTOFF2, weight / depth.abs().clamp_min(1e-6), 0.0)
        refitted, valid = solve_normal(normal_entries(points_px, basis, agreeing))
        points = torch.where(valid, refitted, points)
    return points.mT


def _pair_points(points_px: Tensor, basis: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Points from pairs of views that both saw them, (3, H, N) and their validity (H, N)."""
    num_views, num_points = weight.shape
    by_view = basis.unflatten(-1, (num_views, 4)).movedim(1, 0)  # (V, 10, 4)
    entries = normal_entries(points_px[:, None], by_view, weight[:, None])  # (10, V, N)
    first, second = torch.triu_indices(num_views, num_views, 1, device=weight.device)
    both = (weight[first] > 0) & (weight[second] > 0)
    if len(first) <= MAX_PAIRS:
        points, valid = solve_normal(entries[:, first] + entries[:, second])
        return points, valid & both
    generator = torch.Generator(device=weight.device).manual_seed(0)
    lot = torch.rand(both.shape, generator=generator, device=weight.device)
    drawn = (lot + both).topk(MAX_PAIRS, dim=0).indices  # (H, N), pairs that saw the point first
    columns = torch.arange(num_points, device=weight.device)
    points, valid = solve_normal(
        entries[:, first[drawn], columns] + entries[:, second[drawn], columns]
    )
    return points, valid & both.gather(0, drawn)


def pair_disagreement(points_px: Tensor, camera: Camera, observed: Tensor) -> tuple[Tensor, Tensor]:
    """How far the views are from agreeing, without knowing the scale of their noise.

    Args:
        points_px: (V, N, 2) distorted pixels, finite everywhere.
        camera: with leading dim V.
        observed: (V, N) bool.

    Returns:
        (N,) squared pixels: over pairs of views, the least of the median squared residual of all
        observing views (the next higher order statistic where their number is even); infinite
        where no pair gives a point. And (N,) the number of observing views.
    """
    undistorted_px, undistortable = camera.undistort(points_px)
    weight = (observed & undistortable).to(points_px.dtype)
    projections = camera.projection()
    hypotheses, determined = _pair_points(undistorted_px, normal_basis(projections), weight)
    depth, squared = _residuals(hypotheses, undistorted_px[:, None], projections)
    squared = torch.where((weight[:, None] > 0) & (depth > 0), squared, torch.inf)
    num_views = (weight > 0).sum(0)
    rank = (num_views // 2).clamp_max(len(weight) - 1)
    median = squared.sort(0).values.gather(0, rank.expand(1, len(hypotheses[0]), -1))[0]
    return torch.where(determined, median, torch.inf).amin(0), num_views
