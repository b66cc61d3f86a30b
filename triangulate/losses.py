"""What training makes small: pure functions of predictions and truth.

Each is a sum divided by `total`, by default this batch's own count. Where one step is spread over
several batches or processes, give the count of all of them: the parts then add up to the loss of
the whole.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMOOTH_EXPONENT = 0.1
VOLUME_EPSILON = 1e-6


def keypoint_mse(
    points: Tensor, truth: Tensor, known: Tensor, total: Tensor | float | None = None
) -> Tensor:
    """Mean squared difference of a coordinate.

    Args:
        points: (*B, J, 3) in any unit.
        truth: (*B, J, 3) in the same unit, finite everywhere.
        known: (*B, J) what counts.
        total: how many joints count altogether; by default those of `known`.
    """
    return _mean_coordinate((points - truth).square(), known, total)


def keypoint_mae(
    points: Tensor, truth: Tensor, known: Tensor, total: Tensor | float | None = None
) -> Tensor:
    """Mean absolute difference of a coordinate; arguments as in `keypoint_mse`."""
    return _mean_coordinate((points - truth).abs(), known, total)


def keypoint_mse_smooth(
    points: Tensor,
    truth: Tensor,
    known: Tensor,
    total: Tensor | float | None = None,
    *,
    threshold: float = 400.0,
) -> Tensor:
    """Squared differences d, those above `threshold` as d^0.1 threshold^0.9 (Iskakov et al. 2019).

    Arguments as in `keypoint_mse`; the threshold is in squares of the points' unit, and the
    published 400 in square centimetres.
    """
    squared = (points - truth).square()
    far = squared.clamp_min(threshold) ** SMOOTH_EXPONENT * threshold ** (1 - SMOOTH_EXPONENT)
    return _mean_coordinate(torch.where(squared > threshold, far, squared), known, total)


def keypoint_l2(
    points: Tensor, truth: Tensor, known: Tensor, total: Tensor | float | None = None
) -> Tensor:
    """Mean distance; arguments as in `keypoint_mse`. Its gradient is zero where points meet."""
    squared = (points - truth).square().sum(-1)
    apart = squared > 0
    distance = torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)
    return (distance * known).sum() / _at_least_one(known.sum() if total is None else total)


def volumetric_ce(
    volume: Tensor,
    grid_world: Tensor,
    truth_world: Tensor,
    known: Tensor,
    total: Tensor | float | None = None,
) -> Tensor:
    """-log of the mass in the voxel nearest to the truth (Iskakov et al. 2019, equation 12).

    Args:
        volume: (*B, J, X, Y, Z) of mass one.
        grid_world: (*B, X, Y, Z, 3) where the voxels lie: a regular grid, turned at will.
        truth_world: (*B, J, 3) in the grid's unit.
        known: (*B, J) what counts.
        total: how many joints there are altogether, known or not; by default those of the batch.
    """
    nearest = _nearest_voxel(grid_world, truth_world)  # (*B, J)
    mass = volume.flatten(-3).gather(-1, nearest[..., None])[..., 0]
    surprise = -torch.log(mass + VOLUME_EPSILON) * known
    return surprise.sum() / _at_least_one(known.numel() if total is None else total)


def heatmap_cross_entropy(
    log_heatmaps: Tensor,
    truth_px: Tensor,
    weights: Tensor,
    sigma_cells: float = 1.0,
    total: Tensor | float | None = None,
) -> Tensor:
    """Cross-entropy of heatmaps with a Gaussian around the truth.

    Args:
        log_heatmaps: (*B, H, W) finite logarithms of heatmaps of mass one: `log_softmax_maps` of
            what these are the softmax of, or else `log_mass`.
        truth_px: (*B, 2) in heatmap pixels, finite everywhere.
        weights: (*B,) non-negative; a joint outside its map has weight 0.
        sigma_cells: of the Gaussian, in heatmap pixels.
        total: the sum of all weights; by default that of `weights`.
    """
    height, width = log_heatmaps.shape[-2:]
    across = _gaussian(truth_px[..., 0], width, sigma_cells)  # (*B, W)
    down = _gaussian(truth_px[..., 1], height, sigma_cells)
    row_surprise = -(log_heatmaps * across[..., None, :]).sum(-1)
    surprise = (row_surprise * down).sum(-1)
    return (surprise * weights).sum() / _at_least_one(weights.sum() if total is None else total)


def log_mass(heatmaps: Tensor) -> Tensor:
    """Logarithms of heatmaps of any shape that may hold zeros; these give no gradient."""
    return torch.log(heatmaps + torch.finfo(heatmaps.dtype).tiny)


def inside_map(points_px: Tensor, size: tuple[int, int]) -> Tensor:
    """Whether points (*B, 2) lie on the cells of a map of (width, height)."""
    x, y = points_px.unbind(-1)
    width, height = size
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


def _mean_coordinate(values: Tensor, known: Tensor, total: Tensor | float | None) -> Tensor:
    """(*B, J, 3) -> the mean over the coordinates of known joints."""
    count = known.sum() if total is None else total
    return (values * known[..., None]).sum() / (3 * _at_least_one(count))


def _at_least_one(count: Tensor | float) -> Tensor | float:
    return count.clamp_min(1) if isinstance(count, Tensor) else max(count, 1.0)


def _nearest_voxel(grid_world: Tensor, points_world: Tensor) -> Tensor:
    """(*B, X, Y, Z, 3), (*B, J, 3) -> (*B, J) index into X Y Z flattened."""
    sizes = grid_world.shape[-4:-1]
    corner = grid_world[..., 0, 0, 0, :]
    along_x, along_y = grid_world[..., -1, 0, 0, :], grid_world[..., 0, -1, 0, :]
    ends = [along_x, along_y, grid_world[..., 0, 0, -1, :]]
    offset = points_world - corner[..., None, :]
    index = torch.zeros(points_world.shape[:-1], dtype=torch.long, device=points_world.device)
    for size, end in zip(sizes, ends, strict=True):
        edge = (end - corner)[..., None, :]
        share = (offset * edge).sum(-1) / edge.square().sum(-1)
        index = index * size + (share * (size - 1)).round().clamp(0, size - 1).long()
    return index


def _gaussian(centre: Tensor, size: int, sigma: float) -> Tensor:
    """(*B,) -> (*B, size) of sum one."""
    cells = torch.arange(size, dtype=centre.dtype, device=centre.device)
    return torch.softmax(-0.5 * ((cells - centre[..., None]) / sigma).square(), dim=-1)
