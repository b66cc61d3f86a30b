"""What a user should know before trusting a rig: clocks, a bent board, weak links, loose lenses.

A late camera and a bent board are looked for by setting both free at the minimum: one Gauss-Newton
step with its covariance tells whether there is anything, and a few more how large it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from calib.bundle import adjust, normal_equations
from calib.losses import tukey
from calib.solution import Finding
from calib.uncertainty import pseudo_inverse
from calib.unknowns import Free, Prior, State, Target, Views
from triangulate.sync import velocities_px

_SURE = 5.0  # sigmas from which on something is said
_LEAST_CLOCK_S = 1e-3
_LEAST_BOW = 5e-4  # of the target's reach
_WEAK_FRAMES = 5
_LOOSE_FOCAL = 0.01
_MANY_REJECTED = 0.05
_WORSE_TOGETHER = 1.5
_LEAST_DISAGREEMENT_PX = 0.1


@dataclass(frozen=True)
class Probe:
    """What one step says of parameters that were held at zero.

    Attributes:
        late_s: (V,) seconds, against the reference.
        late_sigma_s: (V,).
        bow: (3,) in the target's unit.
        bow_sigma: (3,).
    """

    late_s: Tensor
    late_sigma_s: Tensor
    bow: Tensor
    bow_sigma: Tensor

    @property
    def is_sure(self) -> bool:
        """Whether a clock or the bow is far enough from zero to be spoken of."""
        late = self.late_s.abs() > (_SURE * self.late_sigma_s).clamp_min(_LEAST_CLOCK_S)
        height, sigma = _height(self)
        return bool(late.any()) or abs(height) > max(_LEAST_BOW, _SURE * sigma)


def image_velocities(
    state: State, target: Target, views: Views, placed: Tensor, times_s: np.ndarray
) -> Tensor:
    """How fast the target's points move in each view, (M, N, 2) pixels a second.

    From where the rig itself puts them in the frames around, so that noise has little part in it.
    Zero where a neighbouring frame is missing.
    """
    cameras = state.cameras()
    points_world = state.world_from_target.apply(target.bowed(state.bow))  # (F, N, 3)
    frames, count, _ = points_world.shape
    points_px, in_front = cameras.project(points_world.reshape(-1, 3))
    shape = (len(state.skew), frames, count)
    usable = in_front.reshape(shape) & placed[None, :, None]
    path = torch.where(usable[..., None], points_px.reshape(*shape, 2), torch.nan)
    velocity = velocities_px(path.transpose(0, 1).numpy(), times_s)  # (F, V, N, 2)
    of_view = torch.from_numpy(np.asarray(velocity))[views.target, views.camera]
    return of_view.nan_to_num(0.0)


def probe(
    state: State,
    target: Target,
    views: Views,
    labels: Tensor,
    reference: int,
    sigma_px: Tensor,
    prior: Prior,
) -> Probe:
    """Set clocks (where the views have velocities) and the bow free, and look which way they go."""
    others = torch.arange(len(state.skew)) != reference
    clocks = others & (views.velocity_px is not None)
    num_frames = len(state.world_from_target.translation)
    free = Free.of(labels, others, num_frames, bow=True, late_s=clocks)
    found = _one_step(state, target, views, free, sigma_px, prior)
    if not found.is_sure:
        return found
    # Tukey's weights were those of a rig without the fault, so one step falls short.
    moved = adjust(
        state, target, views, free, sigma_px, prior=prior, loss=tukey, max_steps=8, tolerance=1e-6
    ).state
    again = _one_step(moved, target, views, free, sigma_px, prior)
    late_s, bow = moved.late_s - state.late_s, moved.bow - state.bow
    return Probe(late_s, again.late_sigma_s, bow, again.bow_sigma)


def _one_step(
    state: State, target: Target, views: Views, free: Free, sigma_px: Tensor, prior: Prior
) -> Probe:
    normal = normal_equations(state, target, views, free, sigma_px, prior, tukey)
    step, _ = normal.solve(0.0)
    reduced, _ = normal.reduced()
    sigma = pseudo_inverse(reduced).diagonal().clamp_min(0).sqrt()
    padded, padded_sigma = (torch.cat([values, values.new_zeros(1)]) for values in (step, sigma))
    return Probe(
        padded[free.late_s], padded_sigma[free.late_s], padded[free.bow], padded_sigma[free.bow]
    )


def probe_findings(
    found: Probe,
    names: tuple[str, ...],
    reference: str,
    size_m: float,
    *,
    solved_bow: bool,
    solved_clocks: bool,
) -> Iterator[Finding]:
    """A late camera, a bent board, where they were not solved for."""
    for name, late, sigma in zip(names, found.late_s, found.late_sigma_s, strict=True):
        if not solved_clocks and abs(float(late)) > max(_LEAST_CLOCK_S, _SURE * float(sigma)):
            word = "late" if late > 0 else "early"
            yield Finding(
                "clock",
                f"camera {name!r} is {1e3 * abs(float(late)):.1f} +- {1e3 * float(sigma):.1f} ms "
                f"{word} against {reference!r}: synchronize the cameras, or solve with --clocks",
                name,
            )
    height, sigma = _height(found)
    if not solved_bow and abs(height) > max(_LEAST_BOW, _SURE * sigma):
        yield Finding(
            "bow",
            f"the board is bent by {1e3 * size_m * abs(height):.2f} +- {1e3 * size_m * sigma:.2f} "
            "mm between middle and corner: mount it on something flat, or solve with --bow",
        )


def _height(found: Probe) -> tuple[float, float]:
    """The largest height of the bent target one reach from its middle, and its deviation."""
    a, b, c = found.bow.tolist()
    values, vectors = np.linalg.eigh(np.array([[a, b / 2], [b / 2, c]]))
    at = int(np.abs(values).argmax())
    u, v = vectors[:, at]
    slopes = np.array([u * u, u * v, v * v])
    return float(values[at]), float(np.linalg.norm(slopes * found.bow_sigma.numpy()))


def link_findings(seen: np.ndarray, names: tuple[str, ...]) -> Iterator[Finding]:
    """Cameras that share few frames with every other one.

    Args:
        seen: (V, F) whether a camera saw the target in a frame.
        names: V.
    """
    shared = seen.astype(int) @ seen.T.astype(int)
    np.fill_diagonal(shared, 0)
    for v, name in enumerate(names):
        best = int(shared[v].argmax())
        if len(names) > 1 and shared[v, best] < _WEAK_FRAMES:
            yield Finding(
                "weak_link",
                f"camera {name!r} shares only {shared[v, best]} frames with any other camera "
                f"({names[best]!r}): film the target where both see it",
                name,
            )


def rejected_findings(
    outliers: np.ndarray, placed: np.ndarray, names: tuple[str, ...]
) -> Iterator[Finding]:
    """Cameras of which many points do not fit.

    Args:
        outliers: (V, F, N).
        placed: (V, F, N) points that were compared.
        names: V.
    """
    share = outliers.sum((1, 2)) / placed.sum((1, 2)).clip(1)
    many = np.flatnonzero(share > _MANY_REJECTED)
    if len(many):
        told = ", ".join(f"{names[v]!r} {100 * share[v]:.0f} %" for v in many)
        yield Finding(
            "rejected",
            f"many points do not fit and were left out ({told}): is the board flat, and were the "
            "cameras still? See where they lie in the report",
            names[many[0]] if len(many) == 1 else None,
        )


def together_findings(
    alone_px: Tensor, together_px: Tensor, views: Views, names: tuple[str, ...]
) -> Iterator[Finding]:
    """Cameras that fit by themselves, but not with the others.

    Args:
        alone_px: (V,) spread of each camera's residuals by itself, a pose of six numbers a view.
        together_px: (V,) the same in the rig.
        views: what was observed.
        names: V.
    """
    counts = (views.weights > 0).sum(-1)
    sums = torch.stack([2.0 * counts, 6.0 * (counts > 0)], dim=-1).to(alone_px)
    numbers, used = sums.new_zeros(len(names), 2).index_add_(0, views.camera, sums).unbind(-1)
    alone_px = alone_px * (numbers / (numbers - used).clamp_min(1)).sqrt()
    worse = np.flatnonzero(
        (together_px > (_WORSE_TOGETHER * alone_px).clamp_min(_LEAST_DISAGREEMENT_PX)).numpy()
    )
    if len(worse):
        told = ", ".join(f"{names[v]!r} {alone_px[v]:.2f} / {together_px[v]:.2f} px" for v in worse)
        yield Finding(
            "disagreement",
            f"cameras fit the board worse together than by themselves ({told}): are they "
            "synchronized, and did none move?",
            names[worse[0]] if len(worse) == 1 else None,
        )


def lens_findings(
    parameters: tuple[tuple[str, str], ...], values: np.ndarray, sigmas: np.ndarray
) -> Iterator[Finding]:
    """Focal lengths that the views leave open."""
    for (camera, name), value, sigma in zip(parameters, values, sigmas, strict=True):
        if name == "fx" and sigma > _LOOSE_FOCAL * value:
            yield Finding(
                "loose_lens",
                f"camera {camera!r}: its focal length is known to {100 * sigma / value:.1f} % "
                "only: film the board tilted, close and in all corners of its image",
                camera,
            )
