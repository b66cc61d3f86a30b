"""Joint trajectories that agree with all cameras, with bones of one length, and with time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.camera import Camera
from triangulate.geometry.threads import one_thread

ACCELERATION_M_S2 = 10.0
"""Standard deviation of a joint's acceleration, by coordinate: limbs of people who hurry."""

BONE_SHARE, BONE_FLOOR_M = 0.03, 0.005
"""Standard deviation of a bone: the larger of a share of its length and a length.

Detectors put a joint a little elsewhere in every pose, and shoulders move against the trunk.
"""

_ITERATIONS = 120


@dataclass(frozen=True)
class Observations:
    """What V cameras saw of J joints in T frames.

    Attributes:
        points_px: (V, T, J, 2) distorted pixels, finite everywhere.
        sigma_px: (V, T, J) standard deviation of a coordinate.
        freedom: degrees of freedom of the noise; few: heavy flanks.
        observed: (V, T, J) bool.
        camera: with leading dim V.
    """

    points_px: Tensor
    sigma_px: Tensor
    freedom: float
    observed: Tensor
    camera: Camera

    def surprise(self, positions_m: Tensor) -> Tensor:
        """Minus the logarithm of the observations' probability (Student), up to a constant.

        Args:
            positions_m: (T, J, 3).
        """
        projected, in_front = self.camera.project(positions_m.flatten(0, 1))
        away = projected.unflatten(1, positions_m.shape[:2]) - self.points_px
        squared_sigmas = away.square().sum(-1) / self.sigma_px.square()
        counts = self.observed & in_front.unflatten(1, positions_m.shape[:2])
        flanks = torch.log1p(torch.where(counts, squared_sigmas, 0.0) / self.freedom)
        return 0.5 * (self.freedom + 2) * flanks.sum()


@one_thread()
def fit_trajectories(
    start_m: Tensor,
    observations: Observations,
    edges: Sequence[tuple[int, int]],
    step_s: float,
) -> tuple[Tensor, Tensor]:
    """The likeliest trajectories and bone lengths (L-BFGS from where frames alone put them).

    Args:
        start_m: (T, J, 3) finite everywhere.
        observations: of the same frames and joints.
        edges: E bones as pairs of joints; each has one unknown length.
        step_s: between frames.

    Returns:
        (T, J, 3) positions and (E,) lengths, both in metres.
    """
    parents, children = _ends(edges)
    lengths = (start_m[:, parents] - start_m[:, children]).norm(dim=-1).median(0).values
    sigma_bone_m = (BONE_SHARE * lengths).clamp_min(BONE_FLOOR_M)
    unit = 0.01  # metres: of the unknowns, so that all slopes are of one order
    unknown = torch.cat([start_m.flatten(), lengths]) / unit
    unknown.requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [unknown], max_iter=_ITERATIONS, history_size=20, line_search_fn="strong_wolfe"
    )

    def parts() -> tuple[Tensor, Tensor]:
        flat, bones = (unit * unknown).split([start_m.numel(), len(lengths)])
        return flat.reshape(start_m.shape), bones

    def cost() -> Tensor:
        positions, bones = parts()
        bent = (_lengths(positions, parents, children) - bones) / sigma_bone_m
        return (
            observations.surprise(positions)
            + 0.5 * bent.square().sum()
            + 0.5 * accelerations(positions, step_s).div(ACCELERATION_M_S2).square().sum()
        )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = cost()
        value.backward()
        return value

    optimizer.step(closure)
    positions, bones = parts()
    return positions.detach(), bones.detach()


def accelerations(positions_m: Tensor, step_s: float) -> Tensor:
    """(T, J, 3) -> (T - 2, J, 3) in m/s^2; empty where there are fewer than three frames."""
    if len(positions_m) < 3:
        return positions_m[:0]
    return (positions_m[2:] - 2 * positions_m[1:-1] + positions_m[:-2]) / step_s**2


def bone_lengths(positions_m: Tensor, edges: Sequence[tuple[int, int]]) -> Tensor:
    """(*B, J, 3) -> (*B, E)."""
    return _lengths(positions_m, *_ends(edges))


def fill_gaps(positions_m: Tensor) -> tuple[Tensor, Tensor]:
    """Straight lines over frames in which a joint is not known; at the ends, its nearest place.

    Args:
        positions_m: (T, J, 3), NaN: not known.

    Returns:
        (T, J, 3), zero for joints that are never known, and (J,) which ones are.
    """
    known = torch.isfinite(positions_m).all(-1)  # (T, J)
    frame = torch.arange(len(positions_m), device=positions_m.device)[:, None].expand_as(known)
    last = torch.where(known, frame, -1).cummax(0).values
    following = torch.where(known, frame, len(positions_m)).flip(0).cummin(0).values.flip(0)
    before = torch.where(last < 0, following, last).clamp_max(len(positions_m) - 1)
    after = torch.where(following >= len(positions_m), last, following).clamp_min(0)
    share = (frame - before) / (after - before).clamp_min(1)
    clean = torch.where(known[..., None], positions_m, 0.0)
    low, high = (clean.gather(0, at[..., None].expand_as(clean)) for at in (before, after))
    return low + share[..., None] * (high - low), known.any(0)


def _ends(edges: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [a for a, _ in edges], [b for _, b in edges]


def _lengths(positions_m: Tensor, parents: Sequence[int], children: Sequence[int]) -> Tensor:
    apart = positions_m[..., list(parents), :] - positions_m[..., list(children), :]
    return apart.square().sum(-1).clamp_min(math.ulp(1.0) ** 2).sqrt()
