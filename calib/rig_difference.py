"""A rig as it was against the rig that a recording shows: poses, and how far both are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from calib.camera_motion import fitting_world, in_world, motion_by_step
from calib.scale import scale_factor
from triangulate.geometry.rigid import Rigid, skew
from triangulate.rig import Rig


@dataclass(frozen=True, eq=False)
class Difference:
    """What a recording shows of V cameras of a rig.

    Attributes:
        names: V.
        old: the rig as it was, as the recording's images would show it.
        rig: as they are now, in a world of the recording's.
        new_covariance: (6V, 6V) of its cameras' motions, in any world.
        old_covariance: (6V, 6V) of the old rig's.
        scale_free: whether the recording knows no scale.
        away_m: how far off what the cameras look at is.
        view: (M,) which camera a detection is of.
        points_px: (M, 2) detections that were believed.
        points_world: (M, 3) what they show.
        sigma_px: (V,) noise of a detection.
        harmless: by how many of these a motion may shift an image.
        zoom: (V,) by what part focal lengths grew; 0 where they did not.
        zoom_sigma: (V,).
        notes: for people.
    """

    names: tuple[str, ...]
    old: Rig
    rig: Rig
    new_covariance: Tensor
    old_covariance: Tensor
    scale_free: bool
    away_m: float
    view: Tensor
    points_px: Tensor
    points_world: Tensor
    sigma_px: Tensor
    harmless: float
    zoom: np.ndarray
    zoom_sigma: np.ndarray
    notes: tuple[str, ...] = ()

    def aligned(self, standing: Sequence[int]) -> Difference:
        """In the old rig's world, where some cameras stand as they did."""
        some = list(standing)
        difference = self
        if self.scale_free and len(some) > 1:
            centre, centre_m = self.rig.cameras.centre_world, self.old.cameras.centre_world
            difference = self._scaled(scale_factor(centre[some], centre_m[some]))
        rig = difference.rig
        old_from_new = fitting_world(rig.cameras[some], self.old.cameras[some], difference.away_m)
        points = old_from_new.apply(difference.points_world)
        cameras = in_world(rig.cameras, old_from_new)
        return replace(difference, rig=replace(rig, cameras=cameras), points_world=points)

    def _scaled(self, factor: float) -> Difference:
        pose = self.rig.cameras.cam_from_world
        cameras = replace(
            self.rig.cameras, cam_from_world=Rigid(pose.rotation, factor * pose.translation)
        )
        stretch = torch.tensor([1.0] * 3 + [factor] * 3, dtype=pose.rotation.dtype)
        stretch = stretch.repeat(len(self.names))
        return replace(
            self,
            rig=replace(self.rig, cameras=cameras),
            points_world=factor * self.points_world,
            new_covariance=stretch[:, None] * self.new_covariance * stretch,
            away_m=factor * self.away_m,
        )

    def covariance(self) -> Tensor:
        """(6V, 6V) of the motions from the old rig to this one."""
        return self.new_covariance + self.old_covariance

    def shifts_px(self, motion: Tensor) -> Tensor:
        """By how much motions (V, 6) shift what the cameras see, root mean square, (V,)."""
        effect = self._effects()
        return ((motion[:, None] @ effect)[:, 0] * motion).sum(-1).clamp_min(0).sqrt()

    def distances_px(self, rig: Rig) -> np.ndarray:
        """(V,) median distance of the detections from where a rig in this world has them."""
        camera = rig.cameras[self.view]
        predicted, _ = camera.project(self.points_world[:, None])
        apart = (predicted[:, 0] - self.points_px).norm(dim=-1)
        own = [apart[self.view == v] for v in range(len(self.names))]
        return np.array([float(some.median()) if len(some) else np.nan for some in own])

    def harmless_covariance(self) -> Tensor:
        """(6V, 6V) of motions that shift the image by `harmless` deviations in the mean."""
        effect = self._effects()
        scale = effect.diagonal(dim1=-2, dim2=-1).clamp_min(1e-30).rsqrt()
        unit = effect * scale[:, :, None] * scale[:, None]
        lifted = unit + 1e-6 * torch.eye(6, dtype=unit.dtype)
        spread = torch.linalg.inv(lifted) * scale[:, :, None] * scale[:, None]
        size2 = (self.harmless * self.sigma_px).square()[:, None, None] / 6
        return torch.block_diag(*(size2 * spread))

    def _effects(self) -> Tensor:
        """(V, 6, 6) whose quadratic form of a motion is the mean square shift in the image."""
        camera = self.rig.cameras[self.view]
        _, by_point, in_front = camera.project_with_jacobian(self.points_world[:, None])
        by_cam = by_point[:, 0] @ camera.cam_from_world.rotation.mT  # (M, 2, 3)
        arm = camera.cam_from_world.rotation @ self.points_world[..., None]
        rows = torch.cat([-by_cam @ skew(arm[..., 0]), by_cam], dim=-1)
        rows = rows @ torch.linalg.inv(motion_by_step(camera.cam_from_world))
        rows = rows * in_front[:, :, None]
        squares = rows.new_zeros(len(self.names), 6, 6).index_add_(0, self.view, rows.mT @ rows)
        count = torch.bincount(self.view, minlength=len(self.names)).clamp_min(1)
        return squares / count[:, None, None]
