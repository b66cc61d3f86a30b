"""From where the scene is seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import Lens
from triangulate.geometry.rigid import Rigid
from triangulate.rig import Rig, Size

FOV_RAD = 0.75  # of the image's height
ELEVATION_RAD = 0.32
_FILLED = 0.92  # of the image, by what is framed
_ANGLES = 48
_NEAREST_M = 0.5


@dataclass(frozen=True)
class Viewpoint:
    """A free camera.

    Attributes:
        eye_m: (3,) where it is.
        target_m: (3,) what it looks at, and what it turns about.
        up: (3,) unit; upwards in the image.
        fov_rad: of the image's height.
    """

    eye_m: np.ndarray
    target_m: np.ndarray
    up: np.ndarray
    fov_rad: float = FOV_RAD

    @classmethod
    def framing(
        cls, points_m: np.ndarray, direction: np.ndarray, up: np.ndarray, aspect: float = 16 / 9
    ) -> Viewpoint:
        """One that has all points in view, whichever way it is turned about them.

        Args:
            points_m: (N, 3), N at least 1.
            direction: (3,) unit, level: from the points to the eye, before it is lifted.
            up: (3,) unit.
            aspect: width by height of the image.
        """
        target = (points_m.min(axis=0) + points_m.max(axis=0)) / 2
        away = np.cos(ELEVATION_RAD) * direction + np.sin(ELEVATION_RAD) * up
        side = np.cross(up, direction)
        above = np.cross(away, side)
        # Turning the eye about the points shows what turning the points shows.
        angles = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)[:, None]
        x, y, z = np.stack([direction, side, up]) @ (points_m - target).T
        x, y = np.cos(angles) * x - np.sin(angles) * y, np.sin(angles) * x + np.cos(angles) * y
        turned = x[..., None] * direction + y[..., None] * side + z[:, None] * up
        half_height = np.tan(FOV_RAD / 2) * _FILLED
        needed = np.maximum(
            np.abs(turned @ side) / (half_height * aspect), np.abs(turned @ above) / half_height
        )
        distance = max(float((turned @ away + needed).max()), _NEAREST_M)
        return cls(target + distance * away, target, up)

    def turned(self, angle_rad: float) -> Viewpoint:
        """Carried about the target, counter-clockwise from above."""
        arm = self.eye_m - self.target_m
        cos, sin = np.cos(angle_rad), np.sin(angle_rad)
        # Rodrigues' formula
        arm = cos * arm + sin * np.cross(self.up, arm) + (1 - cos) * (self.up @ arm) * self.up
        return replace(self, eye_m=self.target_m + arm)

    def camera(self, size: Size) -> Camera:
        """The camera of an image of a size (width, height)."""
        width, height = size
        focal = height / 2 / np.tan(self.fov_rad / 2)
        forward = self.target_m - self.eye_m
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, self.up)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward])
        K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
        pose = Rigid(torch.from_numpy(rotation), torch.from_numpy(-rotation @ self.eye_m))
        return Camera(torch.from_numpy(K), _no_lens(), pose)


def camera_of_rig(rig: Rig, view: int, size: Size) -> Camera:
    """What a camera of the rig sees, without its lens's distortion, in an image of a size.

    The whole of its image is in view.
    """
    camera = rig.cameras[view]
    own = rig.sizes[view] or tuple((2 * camera.K[:2, 2] + 1).tolist())
    scale = min(size[0] / own[0], size[1] / own[1])
    scaled = camera.resized(scale)
    border = [(whole - scale * part) / 2 for whole, part in zip(size, own, strict=True)]
    placed = scaled.cropped(torch.tensor([-border[0], -border[1]], dtype=torch.float64))
    return replace(placed, lens=_no_lens())


def _no_lens() -> Lens:
    return Lens.of("radtan", torch.zeros(5, dtype=torch.float64))
