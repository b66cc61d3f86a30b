"""How well two views fit each other at every shift in time, by their epipolar geometry.

Two cameras that stand still and look at a moving point see it on each other's epipolar lines, if
they look at the same moment (Hartley & Zisserman, 9.2). At any other shift the distances to the
lines are as large as the motion in between. Without a calibration the geometry is fitted anew at
every shift (the eight-point algorithm, 11.2): only at the right one does any fit well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.threads import one_thread
from triangulate.people.association import fundamental_matrices
from triangulate.sync.liveliness import lively_frames

_SHARP_PX = 1.0  # nearer is no better: else perfect data would have infinitely good fits
_MIN_FRAMES, _MIN_SHARE = 8, 0.25  # that both views saw a point in; of the most at any shift
_SAMPLES, _LEAST_FRAMES, _MOST_FRAMES = 200_000, 60, 300  # points of a shift in all; frames
_FIT_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class ShiftCosts:
    """What speaks against each shift between two views.

    Attributes:
        first: (P,) views.
        second: (P,) views; frame t + shift of these is compared with frame t of the first.
        shifts: (K,) frames, growing.
        costs: (P, K) mean over the points of the logarithm of the median distance to the epipolar
            line, against the point's usual one; NaN where too little is seen by both.
    """

    first: np.ndarray
    second: np.ndarray
    shifts: np.ndarray
    costs: np.ndarray


@one_thread()
def shift_costs(points_px: np.ndarray, camera: Camera | None, max_shift: int) -> ShiftCosts:
    """Compare all pairs of views at all shifts of up to `max_shift` frames.

    Args:
        points_px: (T, V, N, 2) distorted pixels at even steps of time, NaN where not seen.
        camera: with leading dim V; None where nothing is known but that the cameras stand still.
        max_shift: in frames.
    """
    views = _Views.of(points_px, camera)
    num_views, _, num_points = views.seen.shape
    first, second = torch.triu_indices(num_views, num_views, 1)
    budget = _SAMPLES // max(1, num_points * len(first))
    frames = torch.from_numpy(np.flatnonzero(lively_frames(np.asarray(points_px))))
    frames = frames[:: max(1, len(frames) // min(max(budget, _LEAST_FRAMES), _MOST_FRAMES))]
    shifts = np.arange(-max_shift, max_shift + 1)
    found = [views.point_costs(first, second, frames, shift) for shift in shifts.tolist()]
    by_point, count = (torch.stack(parts, dim=1) for parts in zip(*found, strict=True))  # (P, K, N)
    least = (_MIN_SHARE * count.amax(1, keepdim=True)).clamp_min(_MIN_FRAMES)
    by_point = torch.where(count >= least, by_point, torch.nan)
    relative = by_point - by_point.nanmedian(1, keepdim=True).values
    counted = torch.isfinite(relative)
    enough = 2 * counted.sum(-1) >= counted.any(1).sum(-1)[:, None]  # of the points ever seen
    mean = torch.where(enough, relative.nanmean(-1), torch.nan)
    return ShiftCosts(first.numpy(), second.numpy(), shifts, mean.numpy())


@dataclass(frozen=True)
class _Views:
    """What the views saw, ready to be compared.

    Attributes:
        pixels: (V, T, N, 3) homogeneous; undistorted where the lenses are known.
        seen: (V, T, N) bool.
        unit_from_px: (V, 3, 3) moves each view's points around zero, with a spread of one.
        lines_from_px: (V, V, 3, 3) fundamental matrices, None where they are not known.
    """

    pixels: Tensor
    seen: Tensor
    unit_from_px: Tensor
    lines_from_px: Tensor | None

    @classmethod
    def of(cls, points_px: np.ndarray, camera: Camera | None) -> _Views:
        """Points as in `shift_costs`."""
        points = torch.from_numpy(np.asarray(points_px, dtype=np.float64)).movedim(1, 0)
        seen = torch.isfinite(points).all(-1)
        pixels = torch.where(seen[..., None], points, 0.0)
        if camera is not None:
            undistorted, valid = camera.undistort(pixels.flatten(1, 2))
            pixels, seen = undistorted.view_as(pixels), seen & valid.view_as(seen)
        homogeneous = torch.cat([pixels, torch.ones_like(pixels[..., :1])], dim=-1)
        known = None if camera is None else fundamental_matrices(camera)
        return cls(homogeneous, seen, _normalisers(pixels, seen), known)

    def point_costs(
        self, first: Tensor, second: Tensor, frames: Tensor, shift: int
    ) -> tuple[Tensor, Tensor]:
        """(P, N) logarithms of the median distance at one shift, and from how many frames."""
        here = frames[(frames + shift >= 0) & (frames + shift < self.seen.shape[1])]
        both = self.seen[:, here][first] & self.seen[:, here + shift][second]
        if len(here) == 0:
            return self.pixels.new_full(both.sum(1).shape, torch.nan), both.sum(1)
        one, other = self.pixels[:, here][first], self.pixels[:, here + shift][second]
        if self.lines_from_px is None:
            geometry = _fitted(
                one, other, both, self.unit_from_px[first], self.unit_from_px[second]
            )
        else:
            geometry = self.lines_from_px[first, second]
        squared_px = torch.where(both, _sampson(one, other, geometry)[0], torch.nan)
        return 0.5 * torch.log(squared_px.nanmedian(1).values + _SHARP_PX**2), both.sum(1)


def _sampson(one: Tensor, other: Tensor, geometry: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances in pixels (Hartley & Zisserman, 11.4.3), and what they were divided by.

    Args:
        one: (P, S, N, 3) homogeneous pixels of the first view.
        other: (P, S, N, 3) of the second.
        geometry: (P, 3, 3) from the first view's pixels to the second's lines.
    """
    there = one @ geometry.mT[:, None]
    back = other @ geometry[:, None]
    slope2 = there[..., :2].square().sum(-1) + back[..., :2].square().sum(-1)
    slope2 = slope2.clamp_min(1e-30)
    return (there * other).sum(-1).square() / slope2, slope2


def _normalisers(pixels: Tensor, seen: Tensor) -> Tensor:
    """(V, 3, 3), see `_Views`."""
    count = seen.sum((1, 2)).clamp_min(1)
    weight = seen[..., None]
    middle = (weight * pixels).sum((1, 2)) / count[:, None]
    apart = weight * (pixels - middle[:, None, None])
    spread = (apart.square().sum((1, 2, 3)) / (2 * count)).clamp_min(1e-12).sqrt()
    matrices = torch.zeros(len(pixels), 3, 3, dtype=pixels.dtype)
    matrices[:, [0, 1], [0, 1]] = 1 / spread[:, None]
    matrices[:, :2, 2] = -middle / spread[:, None]
    matrices[:, 2, 2] = 1
    return matrices


def _fitted(
    one: Tensor, other: Tensor, both: Tensor, unit_from_one: Tensor, unit_from_other: Tensor
) -> Tensor:
    """(P, 3, 3) fundamental matrices, fitted with the weight of what lies far off taken back."""
    rows = (other @ unit_from_other.mT[:, None])[..., :, None]
    rows = rows * (one @ unit_from_one.mT[:, None])[..., None, :]
    rows = rows.flatten(-2).flatten(1, 2)  # (P, M, 9)
    seen = both.flatten(1)
    weight = seen.to(one.dtype)
    geometry = one.new_zeros(len(one), 3, 3)
    for _ in range(_FIT_ROUNDS):
        _, vectors = torch.linalg.eigh((rows * weight[..., None]).mT @ rows)
        geometry = vectors[..., 0].unflatten(-1, (3, 3))
        geometry = unit_from_other.mT @ geometry @ unit_from_one
        squared, slope2 = (values.flatten(1) for values in _sampson(one, other, geometry))
        usual = torch.where(seen, squared, torch.nan).nanmedian(1, keepdim=True).values
        usual = usual.nan_to_num(1.0).clamp_min(1e-12)
        weight = seen / (slope2 * (1 + squared / (4 * usual)))
        weight = weight / weight.amax(1, keepdim=True).clamp_min(1e-300)
    return geometry
