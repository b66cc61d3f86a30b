"""What bundle adjustment can refine, what it observes, and which parameters are free."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.lens import MAX_COEFFICIENTS, Lens
from triangulate.geometry.rigid import Rigid

NUM_INTRINSICS = 4 + MAX_COEFFICIENTS
"""focal (px), aspect (fy / fx), cx, cy (px), then the lens's coefficients."""


@dataclass(frozen=True)
class State:
    """All that can be refined.

    Attributes:
        intrinsics: (V, 12) focal, aspect, cx, cy and the lens's coefficients.
        skew: (V,) pixels, never refined.
        lens_model: (V,) index into `LENS_MODELS`.
        cam_from_world: (V) poses.
        world_from_target: (F) poses.
        bow: (3,) how the target is bent, see `Target`.
        late_s: (V,) how much later than the frame's time a camera took its picture.
    """

    intrinsics: Tensor
    skew: Tensor
    lens_model: Tensor
    cam_from_world: Rigid
    world_from_target: Rigid
    bow: Tensor
    late_s: Tensor

    def cameras(self) -> Camera:
        """The V cameras."""
        focal, aspect, cx, cy = self.intrinsics[:, :4].unbind(-1)
        zero, one = torch.zeros_like(focal), torch.ones_like(focal)
        rows = [focal, self.skew, cx, zero, focal * aspect, cy, zero, zero, one]
        K = torch.stack(rows, dim=-1).unflatten(-1, (3, 3))
        return Camera(K, Lens(self.lens_model, self.intrinsics[:, 4:]), self.cam_from_world)


@dataclass(frozen=True)
class Target:
    """The N points of the target, and how it may bend.

    Attributes:
        points: (N, 3) in its own frame.
        bow_shape: (N, 3, 3) what a unit of each of the three bow parameters adds to them.
    """

    points: Tensor
    bow_shape: Tensor

    @classmethod
    def of(cls, points: Tensor) -> Target:
        """A target that may bow out of its plane: z = a u^2 + b u v + c v^2.

        u and v are the in-plane coordinates about the middle, in units of the distance of the
        farthest point from it; the parameters are heights in the unit of the points.
        """
        centred = points - points.mean(0)
        reach = centred.norm(dim=-1).amax().clamp_min(torch.finfo(points.dtype).tiny)
        axes = torch.linalg.svd(centred, full_matrices=True).Vh
        axes = axes * torch.det(axes)
        u, v = (centred / reach @ axes[:2].mT).unbind(-1)
        heights = torch.stack([u * u, u * v, v * v], dim=-1)
        return cls(points, axes[2][:, None] * heights[:, None, :])

    def bowed(self, bow: Tensor) -> Tensor:
        """The points (N, 3) of the bent target."""
        return self.points + self.bow_shape @ bow


@dataclass(frozen=True)
class Views:
    """M views of the target: a camera in a frame.

    Attributes:
        points_px: (M, N, 2), any finite value where the weight is 0.
        weights: (M, N) 1 / spread^2; 0 where a point was not seen.
        camera: (M,) which camera.
        target: (M,) which target pose.
        velocity_px: (M, N, 2) pixels a second, for the cameras' clocks; None without them.
    """

    points_px: Tensor
    weights: Tensor
    camera: Tensor
    target: Tensor
    velocity_px: Tensor | None = None


@dataclass(frozen=True)
class Free:
    """Which parameters are refined: each has a number from 0 on; -1 is fixed, equals are shared.

    The larger family of poses, cameras or targets, is numbered apart and eliminated.

    Attributes:
        intrinsics: (V, 12).
        cameras: (V, 6) rotation and translation; None where they are the eliminated family.
        targets: (F, 6); None where they are the eliminated family.
        bow: (3,).
        late_s: (V,).
        count: how many numbered parameters there are.
        first_column: of an eliminated pose's six that is refined; 3 for free points, which have
            a translation alone.
    """

    intrinsics: Tensor
    cameras: Tensor | None
    targets: Tensor | None
    bow: Tensor
    late_s: Tensor
    count: int
    first_column: int = 0

    @classmethod
    def of(
        cls,
        intrinsics: Tensor,
        cameras: Tensor,
        num_targets: int,
        *,
        bow: bool = False,
        late_s: Tensor | None = None,
        points_only: bool = False,
        eliminate_cameras: bool = False,
    ) -> Free:
        """Number the parameters.

        Args:
            intrinsics: (V, 12) int64, -1 for fixed, equal non-negative labels for shared ones.
            cameras: (V,) bool, whose pose is refined.
            num_targets: F.
            bow: whether the target may bend.
            late_s: (V,) bool, whose clock is refined.
            points_only: the targets are free points.
            eliminate_cameras: eliminate the cameras' poses (all refined) instead of the targets'.
        """
        numbered, next_number = _numbered(intrinsics)
        first = 3 if points_only else 0

        def number(flags: Tensor, width: int) -> Tensor:
            nonlocal next_number
            flat = flags[:, None].expand(-1, width).reshape(-1)
            numbers = torch.where(flat, flat.cumsum(0) - 1 + next_number, -1)
            next_number += int(flat.sum())
            return numbers.reshape(-1, width)

        late = torch.zeros(len(cameras), dtype=torch.bool) if late_s is None else late_s
        if eliminate_cameras:
            if not bool(cameras.all()):
                raise ValueError("an eliminated family has no fixed members")
            targets = torch.full((num_targets, 6), -1)
            targets[:, first:] = number(torch.ones(num_targets, dtype=torch.bool), 6 - first)
            poses, first = None, 0
        else:
            targets, poses = None, number(cameras, 6)
        bend = number(torch.full((3,), bow), 1)[:, 0]
        clocks = number(late, 1)[:, 0]
        return cls(numbered, poses, targets, bend, clocks, next_number, first)


@dataclass(frozen=True)
class Prior:
    """What is known of the intrinsics beforehand: (V, 12) means and 1 / sigma^2."""

    mean: Tensor
    precision: Tensor

    @classmethod
    def none(cls, intrinsics: Tensor) -> Prior:
        """Nothing is known."""
        return cls(intrinsics, torch.zeros_like(intrinsics))


def with_shared_values(intrinsics: Tensor, labels: Tensor) -> Tensor:
    """Intrinsics (V, 12) of which those with the same label are equal: the mean of all."""
    is_free = labels >= 0
    _, numbers = torch.unique(labels[is_free], return_inverse=True)
    values = intrinsics[is_free]
    count = torch.bincount(numbers).to(values)
    mean = torch.zeros_like(count).index_add_(0, numbers, values) / count
    equal = intrinsics.clone()
    equal[is_free] = mean[numbers]
    return equal


def multiplicity(numbers: Tensor) -> Tensor:
    """How many cameras share each numbered parameter, (V, 12); 1 for fixed ones."""
    flat = numbers.flatten()
    counts = torch.bincount(flat + 1)  # the first one counts what is fixed
    return torch.where(flat >= 0, counts[flat + 1], 1).reshape(numbers.shape)


def _numbered(labels: Tensor) -> tuple[Tensor, int]:
    """Labels -> numbers from 0 on; -1 stays."""
    is_free = labels >= 0
    values, inverse = torch.unique(labels[is_free], return_inverse=True)
    numbers = torch.full_like(labels, -1)
    numbers[is_free] = inverse
    return numbers, len(values)
