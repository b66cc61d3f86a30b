"""Detections as rays, and points from them by weighted least squares.

Residuals are taken in the plane through the point that is parallel to the image: X and Y of the
point in the camera, less what the detection says at the point's depth. That is the distance in
pixels of the distorted image, times depth over focal length: metres at the person, for a close-up
in 4K as for a crop of 128 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.covariance import inverse_information
from triangulate.geometry.dlt import normal_basis, normal_entries, solve_normal


@dataclass(frozen=True)
class Views:
    """Detections as rays in the cameras' frames, float64.

    Attributes:
        points_n: (B, V, J, 2) undistorted, in the z = 1 plane.
        stretch: (B, V, J) how many pixels of the distorted image, over the focal length, a step in
            that plane is.
        seen: (B, V, J) 1 where there is a detection, else 0.
        pose: (G, V, 3, 4) camera from world; G is B, or 1 where all scenes share a rig.
        focal_px: (G, V).
    """

    points_n: Tensor
    stretch: Tensor
    seen: Tensor
    pose: Tensor
    focal_px: Tensor

    @classmethod
    def of(cls, points_px: Tensor, observed: Tensor, cameras: Camera) -> Views:
        """Undistort; what no ray belongs to is taken as not observed, and what one view sees too.

        Args:
            points_px: (B, V, J, 2), finite where observed.
            observed: (B, V, J).
            cameras: (G, V), float64.
        """
        points_px = torch.where(observed[..., None], points_px.double(), 0.0)
        pixels, valid = cameras.undistort(points_px)
        linear, offset = cameras.K[..., None, :2, :2], cameras.K[..., None, :2, 2]
        points_n = torch.linalg.solve(linear, (pixels - offset)[..., None])[..., 0]
        valid = valid & observed
        valid = valid & (valid.sum(1, keepdim=True) >= 2)
        points_n = torch.where(valid[..., None], points_n, 0.0)
        stretch = torch.linalg.det(cameras.lens.jacobian(points_n)).clamp_min(1e-6).sqrt()
        focal_px = torch.linalg.det(cameras.K[..., :2, :2]).abs().clamp_min(1e-12).sqrt()
        pose = cameras.cam_from_world.matrix()
        return cls(points_n, stretch, valid.double(), pose, focal_px)

    def residuals(self, points_world: Tensor) -> tuple[Tensor, Tensor]:
        """Metres off, and depths.

        Args:
            points_world: (B, *H, J, 3); every hypothesis against every view.

        Returns:
            (B, *H, V, J, 2) and (B, *H, V, J).
        """
        extra = points_world.ndim - 3
        pose = self.pose.reshape(len(self.pose), *[1] * extra, *self.pose.shape[1:])
        at = (slice(None), *[None] * extra)
        points_cam = points_world[..., None, :, :] @ pose[..., :3].mT + pose[..., None, :, 3]
        depth = points_cam[..., 2]
        off = points_cam[..., :2] - self.points_n[at] * depth[..., None]
        return off * self.stretch[at][..., None], depth

    def solve(self, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Least weighted squares of the residuals.

        Args:
            weights: (B, V, J), which multiply residuals.

        Returns:
            (B, J, 3) points, (B, J) validity, and (6, B, J) the normal matrix's upper triangle.
        """
        entries = normal_entries(self.points_n, normal_basis(self.pose), weights * self.stretch)
        points, valid = solve_normal(entries)
        return points.movedim(0, -1), valid, entries[[0, 1, 2, 4, 5, 7]]

    def entries_by_view(self, weights: Tensor) -> Tensor:
        """What each view adds to the normal matrix, (B, V, J) -> (10, B, V, J)."""
        by_view = normal_basis(self.pose).unflatten(-1, (-1, 4)).movedim(-2, -3)  # (G, V, 10, 4)
        weights = (weights * self.stretch)[:, :, None]
        return normal_entries(self.points_n[:, :, None], by_view, weights)

    def leverage(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Each view's part in the point, (B, V, J) in [0, 2], and (B, J) how open the point is.

        The second is the standard deviation of the point where each residual's is one.
        """
        entries = self.entries_by_view(weights)
        own = _symmetric(entries[[0, 1, 2, 4, 5, 7]])
        covariance, _ = inverse_information(own.sum(1))
        part = (own * covariance[:, None]).sum((-2, -1))
        return part, covariance.diagonal(dim1=-2, dim2=-1).sum(-1).clamp_min(0).sqrt()


def _symmetric(entries: Tensor) -> Tensor:
    """(6, *B) xx xy xz yy yz zz -> (*B, 3, 3)."""
    xx, xy, xz, yy, yz, zz = entries.unbind()
    return torch.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], dim=-1).unflatten(-1, (3, 3))
