"""The RANSAC baseline (Iskakov et al. 2019, section 4): the highest cells, the best pair of views.

Nothing of it is learned but the heatmaps, and no gradient passes. All pairs of views are tried
where there are few, instead of drawing ten of them.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.dlt import normal_basis, normal_entries, solve_normal
from triangulate.geometry.heatmap import normalise_maps
from triangulate.geometry.refine import refine
from triangulate.geometry.robust import MAX_PAIRS
from triangulate.geometry.sampling import Sampling
from triangulate.models.algebraic import solve_views
from triangulate.models.image_network import ImageNetwork
from triangulate.models.prediction import Prediction
from triangulate.models.uncertainty import triangulation_covariance
from triangulate.models.views import (
    Backbone,
    cameras_of,
    image_points,
    map_cameras,
    maps_of,
    present_views,
    size_of,
)

_CELL_VARIANCE = 1 / 12  # of a uniform distribution over a cell
_HUBER_PX = 2.0
_STEPS = 10


class RansacTriangulator(ImageNetwork):
    """The pair of views that most others agree with, then all of those that do."""

    def __init__(
        self,
        backbone: Backbone,
        *,
        threshold_px: float = 30.0,
        huber: bool = True,
        heatmap_multiplier: float = 100.0,
        homogeneous_unit: float = math.inf,
        sampling: Sampling = "exact",
    ) -> None:
        """An estimator around a backbone.

        Args:
            backbone: gives heatmaps.
            threshold_px: a view farther than this from a point disagrees, in pixels of the images.
            huber: whether the reprojection error of the agreeing views is then minimised, as
                published: views more than 2 px off pull with a constant force.
            heatmap_multiplier: sharpens the heatmaps that `keep_maps` returns.
            homogeneous_unit: of `triangulate_dlt`, in metres; 1e-3 for the published weights.
            sampling: "published" for the published weights.
        """
        super().__init__()
        self.backbone, self.heatmap_multiplier = backbone, heatmap_multiplier
        self.threshold_px, self.huber = threshold_px, huber
        self.homogeneous_unit, self.sampling = homogeneous_unit, sampling

    def forward(
        self,
        images: Tensor,
        cameras: Camera,
        views: Tensor | None = None,
        *,
        keep_maps: bool = False,
    ) -> Prediction:
        """As `AlgebraicTriangulator.forward`; `confidence` is 1 for views that agree, else 0."""
        views = present_views(images, views)
        maps = maps_of(self.backbone, images, views)
        of_images = cameras_of(cameras, views)
        image_size, map_size = size_of(images), size_of(maps.heatmaps)
        of_maps = map_cameras(of_images, image_size, map_size, self.sampling)
        points = highest_cells(maps.heatmaps)
        scale = math.sqrt(math.prod(map_size) / math.prod(image_size))
        with torch.no_grad():
            solved = self._solve(points.double(), of_maps, views, scale)
        points_px = image_points(points, of_maps, of_images)
        found = Prediction(solved[0], solved[1], points_px, solved[3], solved[2])
        if not keep_maps:
            return found
        logits = maps.heatmaps.float() * self.heatmap_multiplier
        return replace(found, heatmaps=normalise_maps(logits, 2), heatmap_logits=logits)

    def _solve(
        self, points_px: Tensor, cameras: Camera, views: Tensor, scale: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Points, validity, covariance and (B, V, J) which views agree; `scale` of image pixels."""
        observed = views[..., None].expand(points_px.shape[:-1])
        threshold = self.threshold_px * scale
        agree = consensus(points_px, cameras, observed, threshold, self.homogeneous_unit)
        weights = agree.to(points_px.dtype)
        variance = torch.full_like(weights, _CELL_VARIANCE)
        points, valid, covariance = solve_views(
            points_px, cameras, weights, variance, self.homogeneous_unit
        )
        if self.huber:
            refined, spread, settled = _huber(points, points_px, cameras, agree, _HUBER_PX * scale)
            better = valid & settled
            points = torch.where(better[..., None], refined, points)
            covariance = torch.where(better[..., None, None], spread, covariance)
        return points, valid, covariance, (weights * valid[:, None]).float()


def highest_cells(heatmaps: Tensor) -> Tensor:
    """The cell with the highest value, (*B, h, w) -> (*B, 2) whole heatmap pixels (x, y)."""
    at = heatmaps.flatten(-2).argmax(-1)
    width = heatmaps.shape[-1]
    return torch.stack([at % width, at.div(width, rounding_mode="floor")], -1).to(heatmaps.dtype)


def consensus(
    points_px: Tensor,
    cameras: Camera,
    observed: Tensor,
    threshold_px: float,
    homogeneous_unit: float = math.inf,
) -> Tensor:
    """The largest set of views that agree with the point of one pair of them.

    Args:
        points_px: (B, V, J, 2) distorted.
        cameras: (B, V).
        observed: (B, V, J) bool.
        threshold_px: a view that sees the point nearer than this to its own agrees. The two views
            of the pair always do.
        homogeneous_unit: see `triangulate_dlt`.

    Returns:
        (B, V, J) bool; False throughout where no pair gives a point. Of sets of one size, that of
        the first pair counts.
    """
    if observed.shape[1] < 2:
        return torch.zeros_like(observed)
    undistorted_px, undistortable = cameras.undistort(points_px)
    observed = observed & undistortable
    undistorted_px = torch.where(observed[..., None], undistorted_px, 0.0)
    projections = cameras.projection()
    first, second = _pairs(observed.any(-1))  # (B, H)
    basis = normal_basis(projections[..., None, :, :])  # (B, V, 10, 4)
    entries = normal_entries(
        undistorted_px[:, :, None], basis, observed[:, :, None].to(undistorted_px.dtype)
    )  # (10, B, V, J)
    rows = torch.arange(len(first), device=first.device)[:, None]
    points, solvable = solve_normal(
        entries[:, rows, first] + entries[:, rows, second], homogeneous_unit
    )  # (3, B, H, J), (B, H, J)
    near = _within(points.movedim(0, -1), undistorted_px, projections, threshold_px)
    views = torch.arange(observed.shape[1], device=first.device)
    of_pair = (views == first[..., None]) | (views == second[..., None])  # (B, H, V)
    agree = (near | of_pair[..., None]) & observed[:, None]  # (B, H, V, J)
    possible = solvable & observed[rows, first] & observed[rows, second]
    size = torch.where(possible, agree.sum(2), 0)
    number = torch.arange(size.shape[1], device=size.device)[:, None]
    best = (size * len(number) - number).argmax(1)  # (B, J)
    chosen = agree.gather(1, best[:, None, None].expand(-1, 1, *observed.shape[1:]))[:, 0]
    return chosen & (size.amax(1) > 0)[:, None]


def _pairs(views: Tensor) -> tuple[Tensor, Tensor]:
    """(B, V) bool -> two (B, H): all pairs of views, or `MAX_PAIRS` drawn ones of those there."""
    batch, num_views = views.shape
    first, second = torch.triu_indices(num_views, num_views, 1, device=views.device)
    if len(first) <= MAX_PAIRS:
        return first.expand(batch, -1), second.expand(batch, -1)
    both = views[:, first] & views[:, second]
    generator = torch.Generator(device=views.device).manual_seed(0)
    lot = torch.rand(both.shape, generator=generator, device=views.device)
    drawn = (lot + both).topk(MAX_PAIRS, dim=1).indices
    return first[drawn], second[drawn]


def _within(
    points_world: Tensor, points_px: Tensor, projections: Tensor, threshold_px: float
) -> Tensor:
    """(B, H, J, 3) against (B, V, J, 2) -> (B, H, V, J): before the camera, and near its pixel."""
    image = torch.einsum("bvrc,bhjc->bhvjr", projections[..., :3], points_world)
    image = image + projections[:, None, :, None, :, 3]
    depth = image[..., 2]
    pixels = image[..., :2] / torch.where(depth > 0, depth, 1.0)[..., None]
    return (depth > 0) & ((pixels - points_px[:, None]).square().sum(-1) < threshold_px**2)


def _huber(
    points_world: Tensor, points_px: Tensor, cameras: Camera, agree: Tensor, width_px: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Minimise Huber's loss of the reprojection error; points, covariance and validity."""

    def weigh(squared_px: Tensor) -> Tensor:
        pull = width_px / squared_px.clamp_min(width_px**2).sqrt()
        return torch.where(agree.transpose(0, 1), pull, 0.0)

    across = cameras.map(lambda field: field.transpose(0, 1))  # (V, B)
    refined = refine(points_world, points_px.transpose(0, 1), across, weigh, _STEPS)
    precision = refined.precision.transpose(0, 1)
    depth = cameras.cam_from_world.apply(refined.points_world[:, None])[..., 2]
    undistorted_px, _ = cameras.undistort(points_px)
    covariance, valid = triangulation_covariance(
        refined.points_world,
        undistorted_px,
        cameras.projection(),
        precision.sqrt() / depth.abs().clamp_min(1e-9),
        torch.full_like(precision, _CELL_VARIANCE),
    )
    return refined.points_world, covariance, valid & refined.valid
