"""Volumetric triangulation of heatmaps, whatever 2D source they come from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from triangulate.geometry.aggregation import LOGSUM_FLOOR, Aggregation
from triangulate.geometry.camera import Camera
from triangulate.geometry.heatmap import normalise_maps, soft_argmax_2d
from triangulate.geometry.volume import cuboid_grid, unproject
from triangulate.models.prediction import Prediction
from triangulate.models.views import cameras_of, in_use
from triangulate.models.volume_points import (
    algebraic_points,
    body_centre,
    interpolated,
    read_volume,
    volume_prediction,
)

REFINE_SIDE_M = 0.6
"""Little with four views (1 to 2 % closer on made-up heatmaps), 4 to 40 % with two."""


class HeatmapVolume(nn.Module):
    """Heatmaps of all views, joined in a cube of which the expected position is read.

    With "logsum" the volume is the logarithm of the product of the heatmaps, each with a little
    mass everywhere: what is known of a joint when the views err independently, and now and then
    grossly. Nothing about it is learned; a network may add to it.
    """

    def __init__(
        self,
        num_joints: int,
        *,
        aggregation: Aggregation = "logsum",
        size: int = 32,
        side_m: float = 2.5,
        v2v: nn.Module | None = None,
        volume_multiplier: float = 1.0,
        refine_side_m: float | None = REFINE_SIDE_M,
        refine_size: int = 12,
        centre_joints: Sequence[int] | None = None,
        floor: float = LOGSUM_FLOOR,
    ) -> None:
        """An estimator without a backbone.

        Args:
            num_joints: J.
            aggregation: see `triangulate.geometry.volume.unproject`.
            size: voxels along a side of the cube.
            side_m: of the cube.
            v2v: J channels to J channels; what it gives is added to the joined heatmaps. It gets
                them with the highest voxel at zero and, of logsum, as the mean over the views.
            volume_multiplier: sharpens the volume's softmax.
            refine_side_m: of a smaller cube around each joint's first estimate, where the heatmaps
                are joined and read once more; None: the first estimate stays. For logsum only.
                What `v2v` gives is interpolated there.
            refine_size: voxels along a side of the smaller cube.
            centre_joints: whose mean is the cube's centre; None: the median of all joints.
            floor: of logsum, see `unproject`.
        """
        super().__init__()
        self.num_joints, self.aggregation = num_joints, aggregation
        self.size, self.side_m, self.volume_multiplier = size, side_m, volume_multiplier
        self.refine_side_m = refine_side_m if aggregation == "logsum" else None
        self.refine_size, self.centre_joints = refine_size, centre_joints
        self.floor = floor
        self.v2v = v2v

    def forward(
        self,
        heatmaps: Tensor,
        cameras: Camera,
        views: Tensor | None = None,
        *,
        centre_world: Tensor | None = None,
        rotation: Tensor | None = None,
        keep_maps: bool = False,
    ) -> Prediction:
        """3D joints of a batch of moments.

        Args:
            heatmaps: (B, V, J, h, w) of mass one; a map without mass is a joint not seen.
            cameras: (B, V) or (V,) of the heatmaps: the images' cameras, resized as these are.
            views: (B, V) bool, False where a view is missing.
            centre_world: (B, 3) of the cubes; None: found from the heatmaps.
            rotation: (B, 3, 3) turns the cubes about their centres.
            keep_maps: whether the prediction has `heatmaps`, `volume` and `grid_world` (of the
                whole cube).

        Returns:
            The joints in float64, `points_px` in heatmap pixels. `valid` where two views with mass
            stand apart and have the joint before them. `confidence` is what the heatmap holds at
            the joint, relative to its highest cell.
        """
        views = self._present(heatmaps, views)
        with torch.autocast(heatmaps.device.type, enabled=False):
            mass = torch.where(views[..., None, None, None], heatmaps.float(), 0.0)
            mass = normalise_maps(mass, 2, "relu")
            cameras = cameras_of(cameras, views)
            seen = views[..., None] & (mass.sum((-2, -1)) > 0)
            points_px, _ = soft_argmax_2d(mass, "relu")
            if centre_world is None:
                joints = algebraic_points(points_px, mass, cameras, seen)
                centre_world, is_found = body_centre(*joints, self.centre_joints)
                seen = seen & is_found[:, None, None]
            centre_world = centre_world.to(cameras.K)
            grid = cuboid_grid(centre_world, self.side_m, self.size, rotation)
            joined = self._join(mass, cameras, grid, views)
        added = None if self.v2v is None else self.v2v(self._given(joined, views))
        with torch.autocast(heatmaps.device.type, enabled=False):
            step_m = self.side_m / (self.size - 1)
            added = None if added is None else added.float()
            logits = joined if added is None else joined + added
            points_world, covariance, volume = read_volume(
                logits, grid[:, None], step_m, self.volume_multiplier
            )
            if self.refine_side_m is not None:
                finer = cuboid_grid(points_world.detach(), self.refine_side_m, self.refine_size)
                logits = self._join_by_joint(mass, cameras, finer, views)
                if added is not None:
                    away = finer - centre_world[:, None, None, None, None]
                    logits = logits + interpolated(added, away / self.side_m, rotation)
                step_m = self.refine_side_m / (self.refine_size - 1)
                points_world, covariance, _ = read_volume(
                    logits, finer, step_m, self.volume_multiplier
                )
            read = points_world, covariance, volume
            return volume_prediction(
                *read, grid, points_px, mass, cameras, seen, keep_maps=keep_maps
            )

    @torch.no_grad()
    def predict(
        self,
        heatmaps: Tensor,
        cameras: Camera,
        views: Tensor | None = None,
        *,
        centre_world: Tensor | None = None,
        keep_maps: bool = False,
    ) -> Prediction:
        """`forward` as in use: without gradients, batch norm as learned."""
        with in_use(self):
            return self(heatmaps, cameras, views, centre_world=centre_world, keep_maps=keep_maps)

    def _join(self, mass: Tensor, cameras: Camera, grid: Tensor, views: Tensor) -> Tensor:
        return unproject(mass, cameras, grid, views, aggregation=self.aggregation, floor=self.floor)

    def _given(self, joined: Tensor, views: Tensor) -> Tensor:
        """What the network gets: the same range for any number of views."""
        given = joined - joined.amax((-3, -2, -1), keepdim=True)
        if self.aggregation != "logsum":
            return given
        return given / views.sum(1).clamp_min(1)[:, None, None, None, None]

    def _join_by_joint(self, mass: Tensor, cameras: Camera, grid: Tensor, views: Tensor) -> Tensor:
        """Each joint's heatmaps in a cube of its own, (B, J, X, Y, Z, 3) -> (B, J, X, Y, Z)."""
        batch, num_views, joints = mass.shape[:3]
        by_joint = mass.transpose(1, 2).reshape(batch * joints, num_views, 1, *mass.shape[-2:])
        of_joint = cameras.map(lambda field: field.repeat_interleave(joints, 0))
        of_views = views.repeat_interleave(joints, 0)
        joined = self._join(by_joint, of_joint, grid.flatten(0, 1), of_views)
        return joined[:, 0].unflatten(0, (batch, joints))

    def _present(self, heatmaps: Tensor, views: Tensor | None) -> Tensor:
        if heatmaps.ndim != 5 or heatmaps.shape[2] != self.num_joints:
            raise ValueError(
                f"heatmaps must have shape (B, V, {self.num_joints}, h, w), "
                f"got {tuple(heatmaps.shape)}"
            )
        if views is None:
            return torch.ones(heatmaps.shape[:2], dtype=torch.bool, device=heatmaps.device)
        if views.shape != heatmaps.shape[:2]:
            raise ValueError(
                f"views must have shape {tuple(heatmaps.shape[:2])}, got {tuple(views.shape)}"
            )
        return views.bool()
