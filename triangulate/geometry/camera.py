"""Cameras as values, and the conventions of the whole project.

* Camera axes: x right, y down, z forward. x_cam = R x_world + t, written `cam_from_world`.
* Points are (x, y). Image sizes are (width, height). Image tensors are (H, W).
* Pixel centres are integers, as in OpenCV: the image covers [-0.5, width - 0.5] in x.
* World unit: metres. Readers and writers convert; nothing else does.
* Confidence lies in [0, 1]. A missing observation has weight 0; NaN stands for it at the public
  doors only (arrays in, files out) and never enters arithmetic.
* `b_from_a` maps coordinates in a to coordinates in b, and adjacent names match.
* Points say their frame: `points_world`, `points_cam`, `points_px`, `points_n` (the z = 1 plane).
* Axis letters, in this order: B batch, T frames, V views, P people, J joints, N points, C channels,
  H W image, X Y Z volume; *B any leading dims, none included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.geometry.tensors import TensorFields


@dataclass(frozen=True)
class Camera(TensorFields):
    """Pinhole cameras with lenses, batched over any leading dims. Editing returns a new camera.

    Attributes:
        K: (*B, 3, 3) calibration matrix, pixel from (bent) z = 1 plane; last row 0 0 1.
        lens: how the z = 1 plane is bent.
        cam_from_world: rigid, metres.
    """

    K: Tensor
    lens: Lens
    cam_from_world: Rigid

    @property
    def centre_world(self) -> Tensor:
        """The centre of projection, (*B, 3)."""
        return self.cam_from_world.inverse().translation

    def projection(self) -> Tensor:
        """K [R | t], (*B, 3, 4): undistorted pixel from world."""
        return self.K @ self.cam_from_world.matrix()

    def project(self, points_world: Tensor) -> tuple[Tensor, Tensor]:
        """Project into the (distorted) image.

        Args:
            points_world: (*B, N, 3), or (N, 3) for all cameras of the batch.

        Returns:
            (*B, N, 2) pixels and (*B, N) validity: False behind the camera (the pixel is then
            finite, but means nothing).
        """
        points_n, in_front = self._to_plane(self.cam_from_world.apply(points_world))
        return self._to_pixels(self.lens.distort(points_n)), in_front

    def project_with_jacobian(self, points_world: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`project` and the closed-form derivative of the pixel by the world point.

        Returns:
            (*B, N, 2) pixels, (*B, N, 2, 3) Jacobians in pixels a metre, (*B, N) validity.
        """
        points_cam = self.cam_from_world.apply(points_world)
        points_n, in_front = self._to_plane(points_cam)
        inverse_z = 1 / torch.where(in_front, points_cam[..., 2], 1.0)
        # d points_n / d points_cam = [I | -points_n] / z
        rotation = self.cam_from_world.rotation[..., None, :, :]
        plane_by_world = rotation[..., :2, :] - points_n[..., None] * rotation[..., 2:, :]
        bend = self.K[..., None, :2, :2] @ self.lens.jacobian(points_n)
        jacobian = bend @ plane_by_world * inverse_z[..., None, None]
        return self._to_pixels(self.lens.distort(points_n)), jacobian, in_front

    def undistort(self, points_px: Tensor) -> tuple[Tensor, Tensor]:
        """Where a lens without distortion would have put the pixels: `projection` maps to these.

        Args:
            points_px: (*B, N, 2).

        Returns:
            (*B, N, 2) undistorted pixels and (*B, N) validity (see `Lens.undistort`).
        """
        points_n, valid = self.lens.undistort(self._from_pixels(points_px))
        return self._to_pixels(points_n), valid

    def rays(self, points_px: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The viewing rays of pixels.

        Args:
            points_px: (*B, N, 2), distorted.

        Returns:
            (*B, 3) origins, (*B, N, 3) unit directions, both in the world, and (*B, N) validity.
        """
        points_n, valid = self.lens.undistort(self._from_pixels(points_px))
        directions_cam = torch.cat([points_n, torch.ones_like(points_n[..., :1])], dim=-1)
        directions_world = directions_cam @ self.cam_from_world.rotation
        unit = directions_world / directions_world.norm(dim=-1, keepdim=True)
        return self.centre_world, unit, valid

    def warped(self, warped_from_image: Tensor) -> Camera:
        """The camera of an image under an affine map of its pixels.

        Exact for distorted cameras too: the lens acts before `K`.

        Args:
            warped_from_image: (*B, 3, 3) or (3, 3), last row 0 0 1.
        """
        return replace(self, K=warped_from_image.to(self.K) @ self.K)

    def cropped(self, corner_px: Tensor) -> Camera:
        """The camera of the crop whose first pixel was `corner_px` ((*B, 2) or (2,), x and y).

        Negative corners pad.
        """
        corner = torch.as_tensor(corner_px).to(self.K)
        return self.warped(_affine(torch.ones_like(corner), -corner))

    def resized(self, scale: Tensor | float) -> Camera:
        """The camera of the image resized by `scale` ((*B, 2), (2,) as x and y, or a number).

        Image edges map to image edges: x' + 0.5 = scale (x + 0.5).
        """
        factor = torch.as_tensor(scale).to(self.K)
        factor = factor.expand(2) if factor.ndim == 0 else factor
        return self.warped(_affine(factor, 0.5 * factor - 0.5))

    def _to_plane(self, points_cam: Tensor) -> tuple[Tensor, Tensor]:
        z = points_cam[..., 2]
        in_front = z > torch.finfo(z.dtype).eps
        return points_cam[..., :2] / torch.where(in_front, z, 1.0)[..., None], in_front

    def _to_pixels(self, points_d: Tensor) -> Tensor:
        return points_d @ self.K[..., :2, :2].mT + self.K[..., None, :2, 2]

    def _from_pixels(self, points_px: Tensor) -> Tensor:
        (a, b), (c, d) = (row.unbind(-1) for row in self.K[..., None, :2, :2].unbind(-2))
        x, y = (points_px - self.K[..., None, :2, 2]).unbind(-1)
        return torch.stack([d * x - b * y, a * y - c * x], dim=-1) / (a * d - b * c)[..., None]


def _affine(scale: Tensor, shift: Tensor) -> Tensor:
    """(*B, 2), (*B, 2) -> (*B, 3, 3): x' = scale x + shift."""
    linear = torch.diag_embed(torch.cat([scale, torch.ones_like(scale[..., :1])], dim=-1))
    column = torch.cat([shift, torch.zeros_like(shift[..., :1])], dim=-1)
    return linear + torch.nn.functional.pad(column[..., None], (2, 0))
