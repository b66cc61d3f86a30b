"""How far predicted poses are from the truth.

Distances are in metres. `known` says which joints count; what does not count may hold any finite
value. Figures of single moments come with a mask, because a moment may have no joint that counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from triangulate.geometry.similarity import align

PCK_THRESHOLD_M = 0.15
"""As in MPI-INF-3DHP (Mehta et al. 2017)."""

PCKH_HEADS = 0.5
"""How far a joint may be off for PCKh, in heads (Andriluka et al. 2014)."""

RESAMPLES = 2000
_AUC_STEPS = 30  # thresholds of 5 mm to 150 mm


@dataclass(frozen=True)
class Interval:
    """A figure and where it would lie in 95 % of repetitions with other moments.

    Attributes:
        value: the figure; NaN where no moment gives one.
        low: where the interval begins; NaN where there are fewer than two moments, as they say
            nothing about others.
        high: where it ends; NaN likewise.
        count: of moments; None where somebody else says.
    """

    value: float
    low: float
    high: float
    count: int | None = None

    def __str__(self) -> str:
        """As in a table."""
        return self._text(".1f")

    def as_percent(self) -> str:
        """The same of a share."""
        return self._text(".1%")

    @property
    def is_known(self) -> bool:
        """Whether there were moments enough to tell how sure the figure is."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def _text(self, form: str) -> str:
        value = format(self.value, form)
        return f"{value} ({self.low:{form}} to {self.high:{form}})" if self.is_known else value


def joint_errors(points_world: Tensor, truth_world: Tensor) -> Tensor:
    """Distances, (*B, J, 3), (*B, J, 3) -> (*B, J)."""
    return (points_world - truth_world).norm(dim=-1)


def relative_to(points_world: Tensor, root: int) -> Tensor:
    """Points (*B, J, 3) from the joint `root`."""
    return points_world - points_world[..., root : root + 1, :]


def relative_errors(points_world: Tensor, truth_world: Tensor, root: int) -> Tensor:
    """Distances (*B, J) with the joint `root` of both moved to the origin."""
    return joint_errors(relative_to(points_world, root), relative_to(truth_world, root))


def aligned_errors(
    points_world: Tensor, truth_world: Tensor, known: Tensor
) -> tuple[Tensor, Tensor]:
    """Distances after the best similarity transform of each moment (Procrustes).

    Args:
        points_world: (*B, J, 3).
        truth_world: (*B, J, 3).
        known: (*B, J) what counts.

    Returns:
        (*B, J) distances and (*B,) whether there is a best transform: three joints that count
        and do not lie on a line.
    """
    transform, valid = align(points_world, truth_world, known.to(points_world.dtype))
    return joint_errors(transform.apply(points_world), truth_world), valid


def over_joints(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over the joints that count, (*B, J) -> (*B,), and whether there are any."""
    count = known.sum(-1)
    return (values * known).sum(-1) / count.clamp_min(1), count > 0


def correct(errors: Tensor, threshold: Tensor | float = PCK_THRESHOLD_M) -> Tensor:
    """1 where the error (*B, J) is within the threshold, else 0: PCK is its mean.

    Args:
        errors: (*B, J); infinite where nothing was predicted.
        threshold: metres, or (*B, 1) of each moment, such as half a head for PCKh.
    """
    return (errors <= threshold).to(errors.dtype)


def head_sizes(truth_world: Tensor, head: int, neck: int) -> Tensor:
    """The distance of the joints `head` and `neck`, (*B, J, 3) -> (*B, 1)."""
    return (truth_world[..., head, :] - truth_world[..., neck, :]).norm(dim=-1, keepdim=True)


def area_under_curve(errors: Tensor, longest: float = PCK_THRESHOLD_M) -> Tensor:
    """The mean of `correct` over 30 thresholds up to the longest, by joint: (*B, J) -> (*B, J)."""
    steps = torch.arange(1, _AUC_STEPS + 1, dtype=errors.dtype, device=errors.device)
    return (errors[..., None] <= longest * steps / _AUC_STEPS).to(errors.dtype).mean(-1)


# --- How sure a mean is ---------------------------------------------------------------------------


def bootstrap_mean(values: Tensor, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The mean of (N,) values with a 95 % percentile interval (Efron & Tibshirani 1993, 13.3).

    The values are taken as independent; frames of one take are not, so its interval is too narrow.
    One value has a mean and no interval.
    """
    count, values = len(values), values.double().cpu()
    if count < 2:
        return Interval(float(values.mean()), math.nan, math.nan, count)
    generator = torch.Generator().manual_seed(seed)
    means = torch.stack(
        [
            values[torch.randint(count, (count,), generator=generator)].mean()
            for _ in range(resamples)
        ]
    )
    low, high = means.quantile(means.new_tensor([0.025, 0.975])).tolist()
    return Interval(float(values.mean()), low, high, count)


def paired_gain(before: Tensor, after: Tensor, seed: int = 0) -> Interval:
    """How much smaller `after` is than `before` in the mean, both (N,) of the same moments.

    An interval above zero: the gain is no accident of the moments that were drawn.
    """
    if before.shape != after.shape:
        raise ValueError(
            f"before and after must be of the same moments, got {tuple(before.shape)} and "
            f"{tuple(after.shape)}"
        )
    return bootstrap_mean(before - after, seed)
